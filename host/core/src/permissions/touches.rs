//! What a command of one server touches: keys, channels, the data of a database.
//!
//! In: a command's name. Out: which parts of a selector mean something for it. Of
//! Valkey's own commands this is known, and the workspace's `tests/` hold it against real
//! servers; a command of a module is taken to touch everything.

use warden_rules::Pattern;

use super::around;
use crate::server::{Server, is_built_in};

/// What a client may always call, before it has authenticated even.
pub(super) const ALWAYS: [&str; 4] = ["auth", "hello", "quit", "reset"];

/// Commands with keys in none of the categories that are about data.
const KEYED: [&str; 7] = [
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "watch",
];

/// What a server that bounds databases allows only to who may use all of them.
const OF_ALL_DATABASES: [&str; 4] = [
    "cluster|cancelslotmigrations",
    "cluster|flushslot",
    "cluster|migrateslots",
    "flushall",
];

/// Whose channel is a pattern, compared letter for letter.
const BY_PATTERN: &str = "psubscribe";

/// What may be called with any channel.
const LEAVING: [&str; 3] = ["punsubscribe", "sunsubscribe", "unsubscribe"];

/// One command.
#[derive(Clone, Copy)]
pub(super) struct Touches<'s> {
    server: &'s Server,
    name: &'s str,
}

impl<'s> Touches<'s> {
    pub(super) fn of(server: &'s Server, name: &'s str) -> Self {
        Self { server, name }
    }

    /// What tells it from commands for which other parts of a selector mean something.
    pub(super) fn kind(self) -> [bool; 4] {
        [
            self.keys(),
            self.channels(),
            self.perhaps_a_database(),
            self.all_databases(),
        ]
    }

    /// Whether it may be called with keys that are compared with patterns; in doubt yes.
    pub(super) fn keys(self) -> bool {
        if self.has_no_keys() {
            return false;
        }
        !is_built_in(self.name) || self.is_about_data() || self.is_keyed()
    }

    /// Whether it is known to name no keys, whatever its categories.
    pub(super) fn has_no_keys(self) -> bool {
        around::names(around::KEYS, self.name)
    }

    /// The same of channels.
    pub(super) fn channels(self) -> bool {
        if self.takes_any_channel() {
            return false;
        }
        !is_built_in(self.name) || self.has("pubsub")
    }

    /// Whether it is known to be compared with no channel.
    pub(super) fn takes_any_channel(self) -> bool {
        LEAVING.contains(&self.name) || around::names(around::CHANNELS, self.name)
    }

    /// Whether a channel it is called with lies inside a pattern that is granted.
    pub(super) fn admits_channel(self, granted: &Pattern, channel: &str) -> bool {
        granted.is_any()
            || if self.compares_channels_by_letter() {
                granted.as_str() == channel
            } else {
                granted.matches(channel.as_bytes())
            }
    }

    /// Whether its channel is a pattern, which must be granted letter for letter.
    pub(super) fn compares_channels_by_letter(self) -> bool {
        self.name == BY_PATTERN
    }

    /// Whether it needs all databases on a server that bounds them.
    pub(super) fn all_databases(self) -> bool {
        self.server.has_databases && OF_ALL_DATABASES.contains(&self.name)
    }

    /// Whether a server that bounds databases checks it against them: when it is about
    /// data, or names a database. Of a module's command it depends on the call.
    pub(super) fn a_database(self) -> bool {
        let is_checked = self.name == "select" || self.is_keyed() || self.is_about_data();
        self.server.has_databases && is_checked
    }

    /// The same in doubt: yes for what is not Valkey's own.
    pub(super) fn perhaps_a_database(self) -> bool {
        self.a_database() || (self.server.has_databases && !is_built_in(self.name))
    }

    fn is_keyed(self) -> bool {
        KEYED.contains(&self.name)
    }

    fn is_about_data(self) -> bool {
        ["keyspace", "read", "write"]
            .into_iter()
            .any(|category| self.has(category))
    }

    fn has(self, category: &str) -> bool {
        let categories = self.server.commands.get(self.name);
        categories.is_some_and(|categories| categories.contains(category))
    }
}
