//! Which records sinks want.
//!
//! In: the [`Wishes`] of each sink with its place. Out: an [`Interest`], which says for a client,
//! a command or a category which sinks want it. What it says of a client or a command is worked
//! out once and kept by whoever asks; a record costs the intersection of two sets. Never:
//! anything that a wish does not name. Excluding wins over choosing.
//!
//! ```text
//! once a connection  user, address ─→ of_client  ─→ Wants ┐
//! once a command     name, category ─→ of_command ─→ set ─┴→ and ─→ sinks of this record
//! ```

mod command_list;
mod exclusion;

use std::net::IpAddr;

pub use command_list::CommandList;
pub use exclusion::{Exclusion, ExclusionError};

use crate::event::{Category, SinkSet};
use crate::settings::Payload;

/// Which records one sink wants: `events`, `command_result_mode` and what is excluded.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// `events`, those of [`Category::CHOSEN`].
    pub events: Vec<Category>,
    /// Commands of the custom categories that `events` names: wanted whatever their own
    /// category is.
    pub commands: CommandList,
    /// `command_result_mode = "all"`: commands of [`Category::Keys`] and [`Category::Other`] that
    /// succeed, too. Of every other category each command is recorded, however it ends.
    pub successes: bool,
    /// `exclude`: clients whose records are not wanted.
    pub exclude: Vec<Exclusion>,
    /// `exclude_commands` and `prefix_filter`: commands that are not wanted.
    pub exclude_commands: CommandList,
    /// `always_audit_config`: [`Category::Config`] is wanted whoever it was and whatever is
    /// excluded.
    pub always_audit_config: bool,
    /// `ignore_internal_clients`: nothing of replication links and other clients without a
    /// user.
    pub ignore_internal_clients: bool,
}

impl Default for Wishes {
    /// What a sink wants whose file says nothing of it.
    fn default() -> Self {
        Self {
            events: Category::CHOSEN.to_vec(),
            commands: CommandList::default(),
            successes: false,
            exclude: Vec::new(),
            exclude_commands: CommandList::default(),
            always_audit_config: false,
            ignore_internal_clients: true,
        }
    }
}

/// What all sinks want, by place.
#[derive(Debug, Default)]
pub struct Interest {
    sinks: Vec<(SinkSet, Wishes)>,
    all: SinkSet,
    successes: SinkSet,
    always_config: SinkSet,
    ignoring_internal: SinkSet,
    payload_max_bytes: usize,
}

/// Which sinks want records of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Those that want what it does, as far as they want that at all.
    pub sinks: SinkSet,
    /// Those that want its [`Category::Config`], whatever they exclude.
    pub config_sinks: SinkSet,
}

/// What must be heard of at all, for any sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// Connections that are opened and closed.
    pub connections: bool,
    /// Log-ins.
    pub auth: bool,
    /// The end of sessions.
    pub session: bool,
    /// Changes of settings.
    pub settings: bool,
    /// Changes of the ACL's users.
    pub acl: bool,
    /// Reloads.
    pub policy: bool,
    /// Commands that fail or are refused.
    pub failures: bool,
    /// Commands that succeed, of those that are recorded however they end: CONFIG, ACL,
    /// WARDEN.
    pub administration: bool,
    /// Commands with keys, and all others, that succeed: what every command costs.
    pub successes: bool,
}

impl Interest {
    /// From every sink's place and wishes.
    pub fn new<'a>(sinks: impl IntoIterator<Item = (usize, &'a Wishes, Payload)>) -> Self {
        let mut interest = Self::default();
        for (place, wishes, payload) in sinks {
            let only = SinkSet::only(place);
            let add = |set: &mut SinkSet, is_in: bool| {
                if is_in {
                    *set = set.or(only);
                }
            };
            add(&mut interest.all, true);
            add(&mut interest.successes, wishes.successes);
            add(&mut interest.always_config, wishes.always_audit_config);
            add(
                &mut interest.ignoring_internal,
                wishes.ignore_internal_clients,
            );
            if !payload.disabled {
                interest.payload_max_bytes = interest.payload_max_bytes.max(payload.max_bytes);
            }
            interest.sinks.push((only, wishes.clone()));
        }
        interest
    }

    /// Sinks that want records of a client: its user's name, its address where it has one, and
    /// whether it is a replication link or another without a user.
    pub fn of_client(&self, user: &[u8], address: Option<IpAddr>, internal: bool) -> Wants {
        let all = if internal {
            self.all.without(self.ignoring_internal)
        } else {
            self.all
        };
        let is_excluded =
            |wishes: &Wishes| wishes.exclude.iter().any(|one| one.means(user, address));
        Wants {
            sinks: all.without(self.those(is_excluded)),
            config_sinks: all.and(self.always_config),
        }
    }

    /// Sinks that want a command: its full name, lower-case, `config|set`, and its category.
    /// Those of [`Category::Keys`] and [`Category::Other`] that succeed only
    /// [`Interest::successes`] want.
    pub fn of_command(&self, name: &[u8], category: Category) -> SinkSet {
        self.those(|wishes| {
            (wishes.events.contains(&category) || wishes.commands.has(name))
                && !wishes.exclude_commands.has(name)
        })
    }

    /// Sinks that want records of a category at all.
    pub fn of_category(&self, category: Category) -> SinkSet {
        self.those(|wishes| wishes.events.contains(&category))
    }

    /// Sinks that want commands of [`Category::Keys`] and [`Category::Other`] that succeed.
    pub fn successes(&self) -> SinkSet {
        self.successes
    }

    /// Sinks that want [`Category::Config`] whatever they exclude: those with
    /// [`Wants::config_sinks`] of a client.
    pub fn always_config(&self) -> SinkSet {
        self.always_config
    }

    /// What the most curious sink shows of arguments, in bytes.
    pub fn payload_max_bytes(&self) -> usize {
        self.payload_max_bytes
    }

    /// What must be heard of.
    pub fn subscriptions(&self) -> Subscriptions {
        let any = |categories: &[Category]| {
            let is_among =
                |wishes: &Wishes| wishes.events.iter().any(|one| categories.contains(one));
            !self.those(is_among).is_empty()
        };
        let has_commands = |wishes: &Wishes| !wishes.commands.is_empty();
        let own = self.those(has_commands);
        let always_config = !self.always_config.is_empty();
        let administration =
            any(&[Category::Config, Category::Acl, Category::Admin]) || always_config;
        let data = self
            .of_category(Category::Keys)
            .or(self.of_category(Category::Other))
            .or(own);
        Subscriptions {
            connections: any(&[Category::Connections]),
            auth: any(&[Category::Auth]),
            session: any(&[Category::Session]),
            // Also to know which there are.
            settings: any(&[Category::Config]) || always_config || !own.is_empty(),
            acl: any(&[Category::Acl]),
            policy: any(&[Category::Policy]),
            // Also log-ins that nobody gets to decide about.
            failures: administration || !data.is_empty() || any(&[Category::Auth]),
            // A command of somebody's own list may be one of these.
            administration: administration || !own.is_empty(),
            successes: !data.and(self.successes).is_empty(),
        }
    }

    fn those(&self, is_one: impl Fn(&Wishes) -> bool) -> SinkSet {
        let them = self.sinks.iter().filter(|(_, wishes)| is_one(wishes));
        them.fold(SinkSet::NONE, |set, (only, _)| set.or(*only))
    }
}

#[cfg(test)]
mod tests;
