//! Calls of every command a server has, with what each call touches.
//!
//! Keys and how they are accessed come from the server's own
//! `COMMAND GETKEYSANDFLAGS`, which knows nothing of ACLs.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::server::Server as Known;
use warden_tests::{Connection, Line, Reply};

pub(crate) const DATABASES: u32 = 16;
const KEYS: [&str; 10] = [
    "a:1", "a:b:1", "a:b", "b", "x1y", "c*d", "c*dd", "ab", "cxd", "b\\",
];
const CHANNELS: [&str; 7] = ["n.1", "n.a.1", "n.*", "n.a", "m", "*", "n.a*"];
const VARIANTS: usize = 4;

/// One command with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Lower case: `config|get`.
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
    /// Each with whether it is read and written.
    pub(crate) keys: Vec<(String, bool, bool)>,
    /// Each with whether it is a pattern.
    pub(crate) channels: Vec<(String, bool)>,
    /// Whether it may be called before authentication, whatever the rules.
    pub(crate) always: bool,
    pub(crate) databases: Touched,
}

/// The databases a call touches, where a server checks that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    None,
    Current,
    All,
    /// These, and the current one when true.
    Named(Vec<u32>, bool),
}

/// What a server says of one of its commands.
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) arity: i64,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) categories: BTreeSet<String>,
    pub(crate) key_specs: Vec<Reply>,
    /// Whether it only leads to its subcommands.
    pub(crate) is_container: bool,
}

impl Command {
    pub(crate) fn has_keys(&self) -> bool {
        let is_key = |spec: &Reply| !spec.field("flags").texts().contains(&"not_key".to_owned());
        self.flags.contains("movablekeys") || self.key_specs.iter().any(is_key)
    }
}

/// Every command and subcommand.
pub(crate) fn commands(connection: &mut Connection) -> Vec<Command> {
    let names = connection.run("COMMAND LIST").texts();
    let mut query = vec!["COMMAND".to_owned(), "INFO".to_owned()];
    query.extend(names.iter().cloned());
    connection
        .call(&query)
        .items()
        .iter()
        .map(command)
        .collect()
}

fn command(info: &Reply) -> Command {
    let fields = info.items();
    let texts = |at: usize| fields[at].texts().into_iter();
    Command {
        name: fields[0].text(),
        arity: fields[1].number(),
        flags: texts(2).collect(),
        categories: texts(6)
            .map(|name| name.trim_start_matches('@').to_owned())
            .collect(),
        key_specs: fields[8].items(),
        is_container: !fields[9].items().is_empty(),
    }
}

/// What the renderer is told about the server.
pub(crate) fn known(commands: &[Command], line: Line) -> Known {
    Known {
        commands: commands
            .iter()
            .map(|c| (c.name.clone(), c.categories.clone()))
            .collect(),
        categories: commands
            .iter()
            .flat_map(|c| c.categories.iter().cloned())
            .collect(),
        has_databases: line.has_databases(),
        version: line.number().to_owned(),
    }
}

/// Several calls of each command.
pub(crate) fn calls(connection: &mut Connection, commands: &[Command]) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut dice = Dice(7);
    for command in commands.iter().filter(|command| !command.is_container) {
        for variant in 0..VARIANTS {
            let words = words(command, variant, &mut dice);
            let keys = keys(connection, &words);
            calls.push(Call {
                channels: channels(command, &words),
                always: command.flags.contains("no_auth"),
                databases: databases(command, &words),
                name: command.name.clone(),
                words,
                keys,
            });
        }
    }
    calls
}

/// A fixed sequence that looks like chance.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    fn of(&mut self, list: &[&str]) -> String {
        list[self.below(list.len())].to_owned()
    }
}

fn words(command: &Command, variant: usize, dice: &mut Dice) -> Vec<String> {
    let mut words: Vec<String> = command.name.split('|').map(str::to_owned).collect();
    let least = usize::try_from(command.arity.abs()).expect("small");
    let extra = if command.arity < 0 { variant % 3 } else { 0 };
    words.resize_with((least + extra).max(words.len()), || {
        dice.below(3).to_string()
    });
    for spec in &command.key_specs {
        place_keys(&mut words, spec, command.arity < 0, dice);
    }
    if is_about_channels(&command.name) {
        let last = if command.name.ends_with("publish") {
            2
        } else {
            words.len()
        };
        for word in words.iter_mut().take(last).skip(1) {
            *word = dice.of(&CHANNELS);
        }
    }
    if command.name == "copy" && variant % 2 == 1 {
        words.truncate(3);
        words.extend(["DB".to_owned(), dice.below(3).to_string()]);
    }
    words
}

/// Puts keys where a specification says they are, as far as it can be followed.
fn place_keys(words: &mut Vec<String>, spec: &Reply, growable: bool, dice: &mut Dice) {
    let begin = spec.field("begin_search");
    let find = spec.field("find_keys");
    let first = match begin.field("type").text().as_str() {
        "index" => usize::try_from(begin.field("spec").field("index").number()).expect("small"),
        "keyword" if growable => {
            words.push(begin.field("spec").field("keyword").text());
            words.push("1".to_owned());
            words.len() - 1
        }
        _ => return,
    };
    let spec = find.find("spec");
    let number = |name: &str| spec.as_ref().map_or(0, |spec| spec.field(name).number());
    match find.field("type").text().as_str() {
        "range" => {
            let (last, step) = (number("lastkey"), number("keystep").max(1));
            let last = if last < 0 {
                words.len().cast_signed() as i64 + last
            } else {
                first as i64 + last
            };
            let mut at = first as i64;
            while at <= last && (at as usize) < words.len() {
                words[at as usize] = dice.of(&KEYS);
                at += step;
            }
        }
        "keynum" => {
            let count = first + number("keynumidx") as usize;
            let keys = first + number("firstkey") as usize;
            if keys >= words.len() && growable {
                words.resize_with(keys + 1, || "1".to_owned());
            }
            let present = words.len().saturating_sub(keys).min(1 + dice.below(2));
            words[count] = present.to_string();
            for word in words.iter_mut().skip(keys).take(present) {
                *word = dice.of(&KEYS);
            }
        }
        _ => {}
    }
}

/// The keys of a call; none where the server finds none or cannot tell.
fn keys(connection: &mut Connection, words: &[String]) -> Vec<(String, bool, bool)> {
    let mut query = vec!["COMMAND".to_owned(), "GETKEYSANDFLAGS".to_owned()];
    query.extend(words.iter().cloned());
    let reply = connection.call(&query);
    if reply.error().is_some() {
        return Vec::new();
    }
    let read = |pair: &Reply| {
        let flags = pair.items()[1].texts();
        let has = |names: &[&str]| flags.iter().any(|flag| names.contains(&flag.as_str()));
        (
            pair.items()[0].text(),
            has(&["access"]),
            has(&["insert", "update", "delete"]),
        )
    };
    reply.items().iter().map(read).collect()
}

fn is_about_channels(name: &str) -> bool {
    matches!(
        name,
        "subscribe" | "ssubscribe" | "psubscribe" | "publish" | "spublish"
    )
}

fn channels(command: &Command, words: &[String]) -> Vec<(String, bool)> {
    if !is_about_channels(&command.name) {
        return Vec::new();
    }
    let last = if command.name.ends_with("publish") {
        2
    } else {
        words.len()
    };
    words[1..last]
        .iter()
        .map(|word| (word.clone(), command.name == "psubscribe"))
        .collect()
}

fn databases(command: &Command, words: &[String]) -> Touched {
    let number = |at: usize| {
        words
            .get(at)
            .and_then(|w| w.parse().ok())
            .filter(|n| *n < DATABASES)
    };
    let named = match command.name.as_str() {
        "select" => number(1).map(|n| Touched::Named(vec![n], false)),
        "swapdb" => number(1)
            .zip(number(2))
            .map(|(a, b)| Touched::Named(vec![a, b], false)),
        "move" => number(2).map(|n| Touched::Named(vec![n], true)),
        "copy" if words.get(3).is_some_and(|word| word == "DB") => {
            number(4).map(|n| Touched::Named(vec![n], true))
        }
        "flushall"
        | "cluster|flushslot"
        | "cluster|migrateslots"
        | "cluster|cancelslotmigrations" => Some(Touched::All),
        _ => None,
    };
    let about_data = ["keyspace", "read", "write"]
        .iter()
        .any(|c| command.categories.contains(*c));
    named.unwrap_or(if about_data || command.has_keys() {
        Touched::Current
    } else {
        Touched::None
    })
}

/// The categories of every command, for the model.
pub(crate) fn categories(commands: &[Command]) -> BTreeMap<String, BTreeSet<String>> {
    commands
        .iter()
        .map(|c| (c.name.clone(), c.categories.clone()))
        .collect()
}
