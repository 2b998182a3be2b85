//! Whether permissions hold a right: judged as a server judges a call.
//!
//! A call is allowed when *one* selector of the user, as it is rendered for this
//! server, allows its command with every key, channel and database it names. The
//! workspace's `tests/` hold this against real servers, command by command.

use std::collections::BTreeSet;

use warden_rules::{Access, Databases};

use super::Permissions;
use super::commands::Allowed;
use super::render::{Part, Rendering};
use super::right::Right;
use super::touches::{ALWAYS, Touches};
use crate::server::Server;

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
        let parts = Rendering::of(permissions, server).parts;
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

    fn allows(&self, name: &'s str, right: &Right, extent: Extent) -> bool {
        let call = Call {
            touches: Touches::of(self.server, name),
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
    touches: Touches<'a>,
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
        self.touches.has_no_keys() || self.right.keys.iter().all(fits)
    }

    fn channels_fit(&self, part: &Part) -> bool {
        let admits = |pattern, channel: &str| self.touches.admits_channel(pattern, channel);
        let fits = |channel: &String| part.channels.iter().any(|p| admits(p, channel));
        self.touches.takes_any_channel() || self.right.channels.iter().all(fits)
    }

    fn databases_fit(&self, part: &Part) -> bool {
        if !self.server.has_databases {
            return true;
        }
        if self.touches.all_databases() {
            return part.databases == Databases::All;
        }
        let names_keys = !self.right.keys.is_empty() && !self.touches.has_no_keys();
        if !(self.touches.a_database() || names_keys) {
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
}
