//! A small server: enough commands for every way a rule can be about one.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::server::Server;

/// Commands with their categories; a name with `|` is a subcommand.
const COMMANDS: [(&str, &str); 27] = [
    ("client", "slow connection"),
    ("client|id", "slow connection"),
    ("client|kill", "slow admin dangerous connection"),
    ("client|tracking", "slow connection"),
    ("config", "slow"),
    ("config|get", "slow admin dangerous"),
    ("config|set", "slow admin dangerous"),
    ("dbsize", "fast keyspace read"),
    ("eval", "slow scripting"),
    ("flushall", "slow keyspace write dangerous"),
    ("get", "fast read string"),
    ("keys", "slow keyspace read dangerous"),
    ("mod.bare", ""),
    ("mod.get", "read"),
    ("monitor", "slow admin dangerous"),
    ("multi", "fast transaction"),
    ("ping", "fast connection"),
    ("psubscribe", "slow pubsub"),
    ("publish", "fast pubsub"),
    ("pubsub", "slow"),
    ("pubsub|channels", "slow pubsub"),
    ("scan", "slow keyspace read"),
    ("select", "fast connection"),
    ("set", "slow write string"),
    ("subscribe", "slow pubsub"),
    ("swapdb", "fast keyspace write dangerous"),
    ("type", "fast keyspace read"),
];

/// The server with databases in selectors (9.1) or without (8.0).
pub fn server(has_databases: bool) -> Server {
    let commands: BTreeMap<String, BTreeSet<String>> = COMMANDS
        .iter()
        .map(|(name, of)| {
            let of = of.split_ascii_whitespace().map(str::to_owned).collect();
            ((*name).to_owned(), of)
        })
        .collect();
    Server {
        categories: commands.values().flatten().cloned().collect(),
        commands: commands.into(),
        has_databases,
        version: if has_databases { "9.1.2" } else { "8.0.1" }.to_owned(),
    }
}

/// Whether a rule's words behind its sign are about this command.
pub fn names(about: &str, command: &str) -> bool {
    let carries = |name: &str, category: &str| {
        let of = COMMANDS.iter().find(|(known, _)| *known == name);
        of.is_some_and(|(_, of)| of.split_ascii_whitespace().any(|word| word == category))
    };
    let container = command.split_once('|').map(|(container, _)| container);
    match about.strip_prefix('@') {
        Some("all") => true,
        Some(category) => {
            carries(command, category) || container.is_some_and(|name| carries(name, category))
        }
        None => about == command || container == Some(about),
    }
}

/// Every command and subcommand.
pub fn commands() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(name, _)| *name)
}

/// The commands `rules` allow, read in order, the last word counting.
pub fn allowed<'a>(rules: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'static str> {
    let mut allowed = BTreeSet::new();
    for rule in rules {
        let about = rule.get(1..).unwrap_or_default();
        let named = commands().filter(|command| names(about, command));
        match rule.as_bytes().first() {
            Some(b'+') => allowed.extend(named),
            Some(b'-') => allowed.retain(|command| !names(about, command)),
            _ => panic!("{rule:?} is not about commands"),
        }
    }
    allowed
}
