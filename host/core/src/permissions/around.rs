//! Commands that would reach around a bound.
//!
//! A bound is checked on the keys, channels and databases a command *names*.
//! These commands see or change data without naming it. A test derives from the
//! commands of real servers that none is missing.
//!
//! Commands of an administrator (CONFIG SET, MODULE LOAD, REPLICAOF, …) can undo
//! any rule; no bound can hold them. The ceiling's `-@admin -@dangerous` does.

use warden_rules::CommandName;

use super::commands::Target;

/// Commands that show what all other sessions do or all data there is, or change
/// the functions that others call with their own rights.
macro_rules! reaching_everything {
    ($($more:literal),* $(,)?) => {
        &[
            "client|tracking", "commandlog", "debug", "function|delete", "function|flush", "function|load",
            "function|restore", "monitor", "psync", "slowlog", "sync", $($more),*
        ]
    };
}

/// Around a bound on keys: what lists, counts or changes keys it does not name.
pub(super) const KEYS: &[&str] = reaching_everything![
    "cluster|countkeysinslot",
    "cluster|flushslot",
    "cluster|getkeysinslot",
    "cluster|migrateslots",
    "cluster|slot-stats",
    "clusterscan",
    "dbsize",
    "flushall",
    "flushdb",
    "keys",
    "randomkey",
    "scan",
    "swapdb",
];

/// Around a bound on channels: what lists channels it does not name.
pub(super) const CHANNELS: &[&str] =
    reaching_everything!["pubsub|channels", "pubsub|shardchannels"];

/// Around a bound on databases: what is about all of them. (A server that can
/// bound databases also holds FLUSHALL, SWAPDB and the like to it by itself.)
pub(super) const DATABASES: &[&str] = reaching_everything![
    "cluster|countkeysinslot",
    "cluster|getkeysinslot",
    "cluster|slot-stats",
    "flushall",
];

/// What a command does to keys it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether it changes what others see, and does not only show it.
    pub changes: bool,
    /// What it does, to be read after the command: `shows the names of all keys`.
    pub what: &'static str,
}

/// What a command, or a subcommand such as `commandlog|get`, does beyond any pattern of
/// keys; `None` when it only touches keys it names.
///
/// ```
/// use warden_core::permissions::beyond_keys;
///
/// assert!(beyond_keys("flushall").is_some_and(|reach| reach.changes));
/// assert!(beyond_keys("get").is_none());
/// ```
pub fn beyond_keys(command: &str) -> Option<Reach> {
    let (changes, what) = match command {
        _ if !names(KEYS, command) => return None,
        "flushall" | "flushdb" => (true, "removes every key"),
        "cluster|flushslot" => (true, "removes every key of a slot"),
        "cluster|migrateslots" => (true, "moves every key of a slot away"),
        "swapdb" => (true, "exchanges all keys of two databases"),
        "keys" | "scan" | "clusterscan" | "cluster|getkeysinslot" => {
            (false, "shows the names of all keys")
        }
        "randomkey" => (false, "shows the name of any key"),
        "dbsize" | "cluster|countkeysinslot" | "cluster|slot-stats" => (false, "counts all keys"),
        "monitor" => (false, "shows the commands of all clients"),
        "sync" | "psync" => (false, "sends all data there is"),
        "client|tracking" => (false, "tells of changes of keys of any name"),
        _ => match command.split('|').next() {
            Some("slowlog" | "commandlog") => (false, "shows commands of all clients"),
            Some("function") => (
                true,
                "changes functions that others call with their own rights",
            ),
            _ => (true, "shows or changes anything"),
        },
    };
    Some(Reach { changes, what })
}

/// Whether a list names this command, or the one it is a subcommand of.
pub(super) fn names(list: &[&str], command: &str) -> bool {
    let container = command.split('|').next().unwrap_or(command);
    list.contains(&command) || list.contains(&container)
}

pub(super) fn target(command: &str) -> Option<Target> {
    CommandName::new(command).map(Target::Command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_keys_is_what_a_bound_on_keys_denies() {
        for command in KEYS {
            assert!(beyond_keys(command).is_some(), "{command}");
        }
        let debug = beyond_keys("debug|object").unwrap();
        assert_eq!(debug.what, "shows or changes anything");
        let other = KEYS
            .iter()
            .filter_map(|name| Some((name, beyond_keys(name)?)));
        let untold: Vec<_> = other
            .filter(|(name, reach)| reach.what == debug.what && **name != "debug")
            .collect();
        assert!(untold.is_empty(), "without words of their own: {untold:?}");
        for command in ["get", "client|info", "cluster|slots", "pubsub|channels"] {
            assert_eq!(beyond_keys(command), None, "{command}");
        }
    }
}
