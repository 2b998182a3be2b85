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
    "flushall",
];

pub(super) fn target(command: &str) -> Option<Target> {
    CommandName::new(command).map(Target::Command)
}
