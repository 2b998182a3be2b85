//! What was given to warden, taken apart by first characters only, and what it
//! may mean at most.

use std::collections::BTreeSet;

use crate::call::{Call, Touches};
use crate::keys::{Keys, is_any};
use crate::{glob, world};

/// A grant, a restriction or base rules, as written. Only for texts that warden
/// took: what it refuses has no meaning.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The commands its rules allow, and those they take away by name.
    allowed: BTreeSet<&'static str>,
    denied: BTreeSet<&'static str>,
    /// `None` is no word about keys at all.
    keys: Option<Vec<Keys>>,
    channels: Option<Vec<Vec<u8>>>,
    /// `None` is every one.
    databases: Option<BTreeSet<u32>>,
}

/// Commands of the small server that reach around a bound of any kind.
const AROUND_ALL: [&str; 2] = ["client|tracking", "monitor"];
/// Those that reach around a bound on keys.
const AROUND_KEYS: [&str; 5] = ["dbsize", "flushall", "keys", "scan", "swapdb"];

impl Said {
    /// From words.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut said = Self::default();
        let mut commands = Vec::new();
        let mut every_database = false;
        for word in words {
            let rest = word.get(1..).unwrap_or_default();
            match word.as_bytes().first() {
                Some(b'+' | b'-') => commands.push(word.to_ascii_lowercase()),
                Some(b'&') => said
                    .channels
                    .get_or_insert_default()
                    .push(rest.as_bytes().to_vec()),
                Some(b'~' | b'%') => {
                    let keys = Keys::read(word.as_bytes());
                    said.keys
                        .get_or_insert_default()
                        .push(keys.unwrap_or_else(|| panic!("{word:?} was taken as keys")));
                }
                _ if word.eq_ignore_ascii_case("alldbs") => every_database = true,
                _ => {
                    let list = word.strip_prefix("db=");
                    let list = list.unwrap_or_else(|| panic!("{word:?} was taken as a rule"));
                    let numbers = list.split(',').map(|number| number.parse::<u32>());
                    let numbers = numbers.collect::<Result<Vec<_>, _>>();
                    said.databases.get_or_insert_default().extend(
                        numbers.unwrap_or_else(|_| panic!("{word:?} was taken as databases")),
                    );
                }
            }
        }
        if every_database {
            said.databases = None;
        }
        let denials = commands.iter().filter_map(|rule| rule.strip_prefix('-'));
        for about in denials {
            let named = world::commands().filter(|command| world::names(about, command));
            said.denied.extend(named);
        }
        said.allowed = world::allowed(commands.iter().map(String::as_str));
        said
    }

    /// The same with lists of bounds that may be empty: then nothing is inside.
    #[must_use]
    pub fn with_empty_bounds(mut self, keys: bool, channels: bool, databases: bool) -> Self {
        if keys {
            self.keys.get_or_insert_default();
        }
        if channels {
            self.channels.get_or_insert_default();
        }
        if databases {
            self.databases.get_or_insert_default();
        }
        self
    }

    /// Every pattern in it.
    pub fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        let keys = self
            .keys
            .iter()
            .flatten()
            .map(|keys| keys.pattern.as_slice());
        keys.chain(self.channels.iter().flatten().map(Vec::as_slice))
    }

    /// As a grant: whether it allows the call by itself.
    pub fn grants(&self, call: &Call<'_>) -> bool {
        let in_database = || self.has_database(call.database);
        self.allowed.contains(call.command)
            && match call.touches {
                Touches::Nothing => true,
                Touches::Key { name, writing } => in_database() && self.reaches(name, writing),
                Touches::Channel(name) => in_database() && self.hears(name),
            }
    }

    /// As base rules: whether they hold the command, which then touches nothing.
    pub fn holds(&self, call: &Call<'_>) -> bool {
        call.touches == Touches::Nothing && self.allowed.contains(call.command)
    }

    /// As a restriction: whether it leaves the call alone.
    pub fn admits(&self, call: &Call<'_>) -> bool {
        !self.denies(call.command)
            && match call.touches {
                Touches::Nothing => true,
                Touches::Key { name, writing } => {
                    (!self.bounds_keys() || self.reaches(name, writing))
                        && self.has_database(call.database)
                }
                Touches::Channel(name) => {
                    (!self.bounds_channels() || self.hears(name))
                        && self.has_database(call.database)
                }
            }
    }

    /// As a restriction: whether it denies the command outright.
    pub fn denies(&self, command: &str) -> bool {
        let around = |list: &[&str]| list.contains(&command);
        self.denied.contains(command)
            || (self.bounds_keys() && (around(&AROUND_ALL) || around(&AROUND_KEYS)))
            || (self.bounds_channels() && (around(&AROUND_ALL) || command == "pubsub|channels"))
            || (self.databases.is_some() && (around(&AROUND_ALL) || command == "flushall"))
    }

    /// As a restriction: whether databases are bounded.
    pub fn bounds_databases(&self) -> bool {
        self.databases.is_some()
    }

    fn reaches(&self, key: &[u8], writing: bool) -> bool {
        let mut all = self.keys.iter().flatten();
        all.any(|keys| keys.reach(key, writing))
    }

    fn hears(&self, channel: &[u8]) -> bool {
        let mut all = self.channels.iter().flatten();
        all.any(|pattern| glob::matches(pattern, channel))
    }

    fn has_database(&self, number: u32) -> bool {
        let numbers = self.databases.as_ref();
        numbers.is_none_or(|numbers| numbers.contains(&number))
    }

    /// A bound of "everything" is none.
    fn bounds_keys(&self) -> bool {
        self.keys.as_ref().is_some_and(|all| {
            let any = |right: fn(&Keys) -> bool| {
                all.iter().any(|keys| right(keys) && is_any(&keys.pattern))
            };
            !(any(|keys| keys.reads) && any(|keys| keys.writes))
        })
    }

    fn bounds_channels(&self) -> bool {
        let all = self.channels.as_ref();
        all.is_some_and(|all| !all.iter().any(|pattern| is_any(pattern)))
    }
}
