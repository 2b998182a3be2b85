//! What permissions mean, said without rule strings.
//!
//! A call is allowed when no restriction denies its command and either the base
//! rules hold it and it touches nothing, or one grant holds it together with
//! everything it touches, each inside every bound.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::{Call, DATABASES, Touched};
use crate::glob::{inside, matches};

/// Commands that would reach around a bound of the kind.
const AROUND_ALL: [&str; 11] = [
    "client|tracking",
    "commandlog",
    "debug",
    "function|delete",
    "function|flush",
    "function|load",
    "function|restore",
    "monitor",
    "psync",
    "slowlog",
    "sync",
];
const AROUND_KEYS: [&str; 13] = [
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
const AROUND_CHANNELS: [&str; 2] = ["pubsub|channels", "pubsub|shardchannels"];
const AROUND_DATABASES: [&str; 4] = [
    "cluster|countkeysinslot",
    "cluster|getkeysinslot",
    "cluster|slot-stats",
    "flushall",
];

/// Rules as they were generated, taken apart by their first character only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    commands: Vec<String>,
    keys: Vec<(bool, bool, String)>,
    channels: Vec<String>,
    databases: Option<BTreeSet<u32>>,
}

impl Rules {
    pub(crate) fn new(text: &str) -> Self {
        let mut rules = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word.as_bytes()[0] {
                b'+' | b'-' => rules.commands.push(word.to_owned()),
                b'&' => rules.channels.push(word[1..].to_owned()),
                b'd' => {
                    let numbers = word[3..]
                        .split(',')
                        .map(|n| n.parse::<u32>().expect("a number"));
                    rules.databases.get_or_insert_default().extend(numbers);
                }
                _ => {
                    let (flags, pattern) = word.split_once('~').expect("keys");
                    rules
                        .keys
                        .push((flags != "%W", flags != "%R", pattern.to_owned()));
                }
            }
        }
        rules
    }

    /// Whether the last rule that names the command allows it.
    fn holds(&self, world: &World, name: &str) -> bool {
        let last = self
            .commands
            .iter()
            .rev()
            .find(|rule| world.names(&rule[1..], name));
        last.is_some_and(|rule| rule.starts_with('+'))
    }

    fn denies(&self, world: &World, name: &str) -> bool {
        self.commands
            .iter()
            .any(|rule| world.names(&rule[1..], name))
    }

    fn reaches(&self, key: &str, writes: bool) -> bool {
        let right = |r: &bool, w: &bool| if writes { *w } else { *r };
        self.keys
            .iter()
            .any(|(r, w, pattern)| right(r, w) && matches(pattern.as_bytes(), key.as_bytes()))
    }

    fn hears(&self, channel: &str, is_pattern: bool) -> bool {
        self.channels.iter().any(|pattern| {
            if is_pattern {
                inside(channel, pattern)
            } else {
                matches(pattern.as_bytes(), channel.as_bytes())
            }
        })
    }

    fn has_database(&self, number: u32) -> bool {
        self.databases
            .as_ref()
            .is_none_or(|numbers| numbers.contains(&number))
    }

    pub(crate) fn splits_access(&self) -> bool {
        self.keys.iter().any(|(r, w, _)| r != w)
    }

    fn bounds_keys(&self) -> bool {
        !self.keys.is_empty()
            && !self
                .keys
                .iter()
                .any(|(r, w, pattern)| *r && *w && pattern == "*")
    }

    fn bounds_channels(&self) -> bool {
        !self.channels.is_empty() && !self.channels.iter().any(|pattern| pattern == "*")
    }
}

/// What the model knows of a server.
pub(crate) struct World {
    pub(crate) categories: BTreeMap<String, BTreeSet<String>>,
    pub(crate) has_databases: bool,
}

impl World {
    /// A rule about a command is also about its subcommands; one about a category
    /// also about the subcommands of a container in it.
    fn names(&self, target: &str, name: &str) -> bool {
        let container = name.split('|').next().expect("a first part");
        match target.strip_prefix('@') {
            Some("all") => true,
            Some(category) => {
                let carries = |name: &str| {
                    self.categories
                        .get(name)
                        .is_some_and(|of| of.contains(category))
                };
                carries(name) || carries(container)
            }
            None => target == name || target == container,
        }
    }
}

/// Permissions before anything was composed or rendered.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) base: Rules,
    pub(crate) grants: Vec<Rules>,
    pub(crate) restrictions: Vec<Rules>,
}

impl Model {
    pub(crate) fn allows(&self, world: &World, call: &Call, current: u32) -> bool {
        if call.always {
            return true;
        }
        if self.denies(world, &call.name) {
            return false;
        }
        self.base_allows(world, call)
            || self
                .grants
                .iter()
                .any(|grant| self.grant_allows(world, grant, call, current))
    }

    fn denies(&self, world: &World, name: &str) -> bool {
        let around = |list: &[&str]| list.iter().any(|target| world.names(target, name));
        self.restrictions.iter().any(|restriction| {
            let (keys, channels) = (restriction.bounds_keys(), restriction.bounds_channels());
            let databases = restriction.databases.is_some();
            restriction.denies(world, name)
                || ((keys || channels || databases) && around(&AROUND_ALL))
                || (keys && around(&AROUND_KEYS))
                || (channels && around(&AROUND_CHANNELS))
                || (databases && around(&AROUND_DATABASES))
        })
    }

    fn base_allows(&self, world: &World, call: &Call) -> bool {
        if !self.base.holds(world, &call.name) || !call.keys.is_empty() || !call.channels.is_empty()
        {
            return false;
        }
        match &call.databases {
            _ if !world.has_databases => true,
            Touched::None => true,
            // A session may select what any of its grants is for.
            Touched::Named(numbers, false) if call.name == "select" => {
                let granted = |number: &u32| {
                    self.grants
                        .iter()
                        .any(|grant| self.in_database(grant, *number))
                };
                numbers.iter().all(granted)
            }
            _ => false,
        }
    }

    fn grant_allows(&self, world: &World, grant: &Rules, call: &Call, current: u32) -> bool {
        let key = |(name, reads, writes): &(String, bool, bool)| {
            // A key that is only looked at, neither read nor written, needs either.
            let may = |write: bool| {
                self.with_bounds(grant, Rules::bounds_keys, |rules| {
                    rules.reaches(name, write)
                })
            };
            match (reads, writes) {
                (false, false) => may(false) || may(true),
                _ => (!reads || may(false)) && (!writes || may(true)),
            }
        };
        let channel = |(name, is_pattern): &(String, bool)| {
            self.with_bounds(grant, Rules::bounds_channels, |rules| {
                rules.hears(name, *is_pattern)
            })
        };
        grant.holds(world, &call.name)
            && call.keys.iter().all(key)
            && call.channels.iter().all(channel)
            && (!world.has_databases || self.in_databases(grant, &call.databases, current))
    }

    /// Whether the grant and every restriction with such a bound agree.
    fn with_bounds(
        &self,
        grant: &Rules,
        bounded: fn(&Rules) -> bool,
        holds: impl Fn(&Rules) -> bool,
    ) -> bool {
        holds(grant) && self.restrictions.iter().filter(|r| bounded(r)).all(holds)
    }

    fn in_database(&self, grant: &Rules, number: u32) -> bool {
        grant.has_database(number) && self.restrictions.iter().all(|r| r.has_database(number))
    }

    fn in_databases(&self, grant: &Rules, touched: &Touched, current: u32) -> bool {
        match touched {
            Touched::None => true,
            Touched::Current => self.in_database(grant, current),
            Touched::All => (0..DATABASES).all(|number| self.in_database(grant, number)),
            Touched::Named(numbers, with_current) => {
                numbers
                    .iter()
                    .all(|number| self.in_database(grant, *number))
                    && (!with_current || self.in_database(grant, current))
            }
        }
    }

    /// Whether the server may refuse a call the model allows: reading and writing
    /// one key by two patterns, and subscribing to a pattern that is not, letter
    /// for letter, one of the grant's, are more than its rules can say.
    pub(crate) fn may_be_stricter(&self, call: &Call) -> bool {
        let both = call.keys.iter().any(|(_, reads, writes)| *reads && *writes);
        let split = self
            .grants
            .iter()
            .chain(&self.restrictions)
            .any(Rules::splits_access);
        (both && split) || call.channels.iter().any(|(_, is_pattern)| *is_pattern)
    }
}
