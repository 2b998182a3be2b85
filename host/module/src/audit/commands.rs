//! What is to be known of a command, whoever sends it: its category, where its key stands, which
//! sinks want it, what of it may be seen.
//!
//! In: a name. Out: facts worked out once. A command that the server does not list is unknown,
//! and nothing of its arguments is shown.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use warden_audit::redact::shown_name;
use warden_audit::{Category, Interest, Redaction, Redactor, SinkSet};

use crate::ffi::{Context, Reply, Words};

/// The commands of this server.
#[derive(Default)]
pub(super) struct Commands {
    listed: BTreeMap<Vec<u8>, Listed>,
    /// Some of those that change something have another name here: what is not listed may be one.
    renames: bool,
    facts: Vec<Facts>,
    by_name: FxHashMap<Vec<u8>, usize>,
    /// Names of a few bytes, which most have: see [`short`].
    by_short: FxHashMap<u64, usize>,
    /// By the place of the name in the server's memory, which the same command always has.
    by_place: FxHashMap<usize, usize>,
}

/// A command as the server lists it.
#[derive(Clone, Copy)]
struct Listed {
    first_key: usize,
    has_keys: bool,
    has_subcommands: bool,
    may_wait: bool,
}

/// One of the commands, until the next call of [`Commands::forget`] or of whatever looks one up.
#[derive(Clone, Copy)]
pub(super) struct CommandId(usize);

/// What is to be known of a command.
pub(super) struct Facts {
    /// Its full name, lower-case; as it was sent where it is unknown.
    pub(super) name: Vec<u8>,
    /// What it is about.
    pub(super) category: Category,
    /// Where its first key stands; 0 without.
    pub(super) first_key: usize,
    /// Sinks that want it.
    pub(super) sinks: SinkSet,
    /// What may be seen of it.
    pub(super) redaction: Redaction,
    /// What it may do to what is known of connections.
    pub(super) effect: Effect,
    /// Whether its second word may belong to the name.
    has_subcommands: bool,
    /// Whether it may wait for something.
    pub(super) may_wait: bool,
}

impl Facts {
    /// Whether it is recorded however it ends, whatever sinks want of other commands.
    pub(super) fn is_administration(&self) -> bool {
        matches!(
            self.category,
            Category::Config | Category::Acl | Category::Admin
        )
    }

    /// Whether it only brings data: part of what another node sends with a slot.
    pub(super) fn is_data(&self) -> bool {
        let runs_scripts = self.effect == Effect::Runs && self.name != b"exec";
        matches!(self.category, Category::Keys | Category::Other) && !runs_scripts
    }
}

/// What a command may do that concerns the audit itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Its client may be another one afterwards: AUTH, HELLO, RESET, SELECT and the like.
    Client,
    /// Its client may be another node of the cluster.
    Links,
    /// It may run other commands: scripts, functions, EXEC, those of modules.
    Runs,
    /// It changes users of the ACL.
    Acl,
}

/// Commands that would be missed under another name, besides ACL and MODULE.
const WATCHED: [&str; 8] = [
    "CONFIG", "EXEC", "EVAL", "EVALSHA", "FCALL", "AUTH", "SELECT", "CLIENT",
];

/// Longest name that is looked up; no command has a longer one.
const MAX_NAME: usize = 128;

impl Commands {
    /// Asks the server for its commands.
    pub(super) fn list(&mut self, ctx: &Context<'_>) {
        let mut listed = BTreeMap::new();
        if let Ok(reply) = ctx.call("COMMAND", &[]) {
            collect(reply, &mut listed);
        }
        self.listed = listed;
        // COMMAND lists what a command is called everywhere; only a call shows whether it is here.
        let is_here = |name, arguments: &[&[u8]]| match ctx.call(name, arguments) {
            Ok(Reply::Error(why)) => !why.contains("unknown command"),
            Ok(_) => true,
            Err(_) => false,
        };
        // Without what they want they do nothing.
        self.renames = !(is_here("ACL", &[b"WHOAMI"])
            && is_here("MODULE", &[b"LIST"])
            && WATCHED.into_iter().all(|name| is_here(name, &[])));
    }

    /// Whether this word may be another name of a command that changes something.
    pub(super) fn may_be_renamed(&self, word: &[u8]) -> bool {
        self.renames && !self.listed.contains_key(&word.to_ascii_lowercase())
    }

    /// Facts depend on what sinks want: they are worked out again.
    pub(super) fn forget(&mut self) {
        self.facts.clear();
        self.by_name.clear();
        self.by_short.clear();
        self.by_place.clear();
    }

    /// The facts of a command.
    pub(super) fn facts(&self, id: CommandId) -> Option<&Facts> {
        self.facts.get(id.0)
    }

    /// A command that the server has looked up.
    pub(super) fn at(
        &mut self,
        (place, name): (usize, &[u8]),
        of: (&Interest, &Redactor),
    ) -> CommandId {
        let index = match self.by_place.get(&place) {
            Some(index) => *index,
            None => {
                // Modules spell theirs as they like.
                let index = self.named(&name.to_ascii_lowercase(), of);
                self.by_place.insert(place, index);
                index
            }
        };
        CommandId(index)
    }

    /// A command by its words, as they were sent; `None` without a word.
    pub(super) fn of_words(
        &mut self,
        words: &Words<'_>,
        of: (&Interest, &Redactor),
    ) -> Option<CommandId> {
        let first = words.get(0)?;
        if let Some(short) = short(first)
            && let Some(index) = self.by_short.get(&short).copied()
            && !self.facts.get(index)?.has_subcommands
        {
            return Some(CommandId(index));
        }
        let mut buffer = [0_u8; MAX_NAME];
        let length = first.len().min(MAX_NAME);
        let name = buffer.get_mut(..length)?;
        name.copy_from_slice(first.get(..length)?);
        name.make_ascii_lowercase();
        let mut index = self.named(name, of);
        if self.facts.get(index)?.has_subcommands
            && let Some(full) = with_subcommand(&mut buffer, length, words)
            && self.listed.contains_key(full)
        {
            index = self.named(full, of);
        }
        Some(CommandId(index))
    }

    fn named(&mut self, name: &[u8], of: (&Interest, &Redactor)) -> usize {
        let known = match short(name) {
            Some(short) => self.by_short.get(&short),
            None => self.by_name.get(name),
        };
        match known {
            Some(index) => *index,
            None => self.index(name, of),
        }
    }

    /// Works facts out.
    fn index(&mut self, name: &[u8], (interest, redactor): (&Interest, &Redactor)) -> usize {
        let listed = self.listed.get(name).copied();
        let category = category(name, listed);
        let is_known = listed.is_some();
        let facts = Facts {
            name: shown_name(name, is_known).to_vec(),
            category,
            first_key: listed.map_or(0, |listed| listed.first_key),
            sinks: interest.of_command(name, category),
            redaction: redactor.of_command(name, is_known),
            effect: effect(name, listed.is_some()),
            has_subcommands: listed.is_some_and(|listed| listed.has_subcommands),
            may_wait: listed.is_some_and(|listed| listed.may_wait),
        };
        // An attacker's inventions are kept for a while only.
        if self.facts.len() > 2 * self.listed.len() + MAX_UNKNOWN {
            self.forget();
        }
        let index = self.facts.len();
        self.facts.push(facts);
        match short(name) {
            Some(short) => self.by_short.insert(short, index),
            None => self.by_name.insert(name.to_vec(), index),
        };
        index
    }
}

/// A name of at most seven bytes, in any spelling, as a number: no two the same.
fn short(name: &[u8]) -> Option<u64> {
    let with = |number, byte: &u8| number << 8 | u64::from(byte.to_ascii_lowercase());
    let length = u64::try_from(name.len()).ok()?;
    (length < 8).then(|| name.iter().fold(length, with))
}

/// The name of a container in `buffer`, with the second word behind it.
fn with_subcommand<'b>(
    buffer: &'b mut [u8; MAX_NAME],
    length: usize,
    words: &Words<'_>,
) -> Option<&'b [u8]> {
    let second = words.get(1)?;
    let end = length + 1 + second.len();
    let (bar, rest) = buffer.get_mut(length..end)?.split_first_mut()?;
    *bar = b'|';
    rest.copy_from_slice(second);
    rest.make_ascii_lowercase();
    buffer.get(..end)
}

/// Facts of unknown commands that are kept until all are worked out again.
const MAX_UNKNOWN: usize = 1000;

fn category(name: &[u8], listed: Option<Listed>) -> Category {
    let container = name.split(|byte| *byte == b'|').next().unwrap_or(name);
    match container {
        b"config" | b"module" => Category::Config,
        b"acl" => Category::Acl,
        b"auth" => Category::Auth,
        _ if name.starts_with(b"warden.") && name != b"warden.whoami" && name != b"warden.help" => {
            Category::Admin
        }
        _ if listed.is_some_and(|listed| listed.has_keys) => Category::Keys,
        _ => Category::Other,
    }
}

fn effect(name: &[u8], is_listed: bool) -> Effect {
    match name {
        b"auth" | b"hello" | b"reset" | b"select" | b"client|setname" | b"client|no-touch"
        | b"replicaof" | b"slaveof" | b"psync" | b"sync" => Effect::Client,
        b"cluster|syncslots" => Effect::Links,
        b"eval" | b"evalsha" | b"eval_ro" | b"evalsha_ro" | b"fcall" | b"fcall_ro" | b"exec" => {
            Effect::Runs
        }
        b"acl|setuser" | b"acl|deluser" | b"acl|load" => Effect::Acl,
        // Of other modules, which may do anything to their client.
        _ if is_listed && !name.starts_with(b"warden.") && !is_built_in(name) => Effect::Runs,
        _ => Effect::None,
    }
}

fn is_built_in(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(warden_core::server::is_built_in)
}

/// Places in an entry of `COMMAND`'s reply.
const NAME: usize = 0;
const FLAGS: usize = 2;
const FIRST_KEY: usize = 3;
const SUBCOMMANDS: usize = 9;

fn collect(reply: Reply, listed: &mut BTreeMap<Vec<u8>, Listed>) {
    let (Reply::Array(entries) | Reply::Set(entries)) = reply else {
        return;
    };
    for entry in entries {
        let Reply::Array(mut fields) = entry else {
            continue;
        };
        let subcommands = (fields.len() > SUBCOMMANDS).then(|| fields.swap_remove(SUBCOMMANDS));
        let Some(Reply::Bulk(name)) = fields.get(NAME) else {
            continue;
        };
        let first_key = match fields.get(FIRST_KEY) {
            Some(Reply::Integer(first)) => usize::try_from(*first).unwrap_or(0),
            _ => 0,
        };
        let flags = fields.get(FLAGS).cloned().map(Reply::into_texts);
        let flags = flags.unwrap_or_default();
        let has = |name| flags.iter().any(|flag| flag == name);
        let (moves, may_wait) = (has("movablekeys"), has("blocking"));
        let has_subcommands = match &subcommands {
            Some(Reply::Array(list) | Reply::Set(list)) => !list.is_empty(),
            _ => false,
        };
        listed.insert(
            name.to_ascii_lowercase(),
            Listed {
                first_key,
                has_keys: first_key > 0 || moves,
                has_subcommands,
                may_wait,
            },
        );
        if let Some(subcommands) = subcommands {
            collect(subcommands, listed);
        }
    }
}
