//! Whether permissions hold a right: judged as a server judges a call.
//!
//! A call is allowed when *one* selector of the user, as it is rendered for this
//! server, allows its command with every key, channel and database it names. The
//! workspace's `tests/` hold this against real servers, command by command.

use std::collections::BTreeSet;

use warden_rules::{Access, Databases, Pattern};

use super::commands::Allowed;
use super::render::{Part, parts};
use super::right::Right;
use super::{Permissions, around};
use crate::server::Server;

/// What a client may always call, before it has authenticated even.
const ALWAYS: [&str; 4] = ["auth", "hello", "quit", "reset"];

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

/// How much of what a right names must be allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// `~key` to read and to write; each database.
    Whole,
    /// `~key` to read or to write; any of the databases.
    Any,
}

/// What permissions come to on one server, to be asked about rights.
#[derive(Debug)]
pub struct Held<'s> {
    server: &'s Server,
    selectors: Vec<(Allowed<'s>, Part)>,
}

impl<'s> Held<'s> {
    pub(super) fn new(permissions: &Permissions, server: &'s Server) -> Self {
        let (parts, _) = parts(permissions, server);
        let with_commands = |part: Part| {
            let mut allowed = Allowed::nothing(server);
            for (sign, target) in &part.commands {
                allowed.apply(*sign, target);
            }
            (allowed, part)
        };
        Self {
            server,
            selectors: parts.into_iter().map(with_commands).collect(),
        }
    }

    /// The commands of a right that may not be called with all it names; the right
    /// is held as a whole when there are none. `~key` asks for reading and writing,
    /// several databases for each of them.
    ///
    /// Commands the server does not have are in no answer: see [`Right::unknown_to`].
    pub fn lacking(&self, right: &Right) -> BTreeSet<&'s str> {
        let mut commands = right.commands(self.server);
        commands.retain(|name| !self.allows(name, right, Extent::Whole));
        commands
    }

    /// The commands of a right that may be called with some of what it names;
    /// nothing of the right is held when there are none. `~key` asks for reading or
    /// writing, several databases for any of them; but keys and channels are always
    /// those of one call, together.
    pub fn having(&self, right: &Right) -> BTreeSet<&'s str> {
        let mut commands = right.commands(self.server);
        commands.retain(|name| self.allows(name, right, Extent::Any));
        commands
    }

    fn allows(&self, name: &str, right: &Right, extent: Extent) -> bool {
        let call = Call {
            name,
            right,
            server: self.server,
            extent,
        };
        let fits =
            |(allowed, part): &(Allowed<'_>, Part)| allowed.contains(name) && call.fits(part);
        ALWAYS.contains(&name) || self.selectors.iter().any(fits)
    }
}

/// One command with what a right names.
struct Call<'a> {
    name: &'a str,
    right: &'a Right,
    server: &'a Server,
    extent: Extent,
}

impl Call<'_> {
    fn fits(&self, part: &Part) -> bool {
        self.keys_fit(part) && self.channels_fit(part) && self.databases_fit(part)
    }

    fn keys_fit(&self, part: &Part) -> bool {
        let fits = |(wanted, key): &(Access, String)| {
            part.keys.iter().any(|(pattern, access)| {
                let shared = access.intersect(*wanted);
                let enough = match self.extent {
                    Extent::Whole => shared == Some(*wanted),
                    Extent::Any => shared.is_some(),
                };
                // `~*` is no pattern to a server but the absence of a list.
                let any = pattern.is_any() && *access == Access::ReadWrite;
                enough && (any || pattern.matches(key.as_bytes()))
            })
        };
        // What takes no keys is not checked against any.
        self.is_of(around::KEYS) || self.right.keys.iter().all(fits)
    }

    fn channels_fit(&self, part: &Part) -> bool {
        let matches = |pattern: &Pattern, channel: &str| {
            pattern.is_any()
                || match self.name {
                    BY_PATTERN => pattern.as_str() == channel,
                    _ => pattern.matches(channel.as_bytes()),
                }
        };
        let fits = |channel: &String| part.channels.iter().any(|p| matches(p, channel));
        LEAVING.contains(&self.name)
            || self.is_of(around::CHANNELS)
            || self.right.channels.iter().all(fits)
    }

    fn databases_fit(&self, part: &Part) -> bool {
        if !self.server.has_databases {
            return true;
        }
        if OF_ALL_DATABASES.contains(&self.name) {
            return part.databases == Databases::All;
        }
        if !self.minds_databases() {
            return true;
        }
        let Some(wanted) = &self.right.databases else {
            return !part.databases.is_empty();
        };
        let shared = part.databases.intersect(wanted);
        match self.extent {
            Extent::Whole => shared == *wanted,
            Extent::Any => !shared.is_empty(),
        }
    }

    /// Whether a server that bounds databases checks this command against them:
    /// when it is about data, or names a database.
    fn minds_databases(&self) -> bool {
        let about_data = |category| {
            let categories = self.server.commands.get(self.name);
            categories.is_some_and(|categories| categories.contains(category))
        };
        self.name == "select"
            || KEYED.contains(&self.name)
            || (!self.right.keys.is_empty() && !self.is_of(around::KEYS))
            || ["keyspace", "read", "write"].into_iter().any(about_data)
    }

    /// Whether a list names this command, or the one it is a subcommand of.
    fn is_of(&self, list: &[&str]) -> bool {
        around::names(list, self.name)
    }
}
