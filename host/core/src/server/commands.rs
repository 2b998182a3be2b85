//! The commands of a server, and sets of them.
//!
//! In: each command with its categories. Out: the same, in order, and [`CommandSet`]s, in which
//! a command is one bit: rules are laid over each other some hundred commands at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, Range};

/// Every command and subcommand (`config|get`), lower case, with its categories (without `@`).
#[derive(Clone, Debug, Default)]
pub struct Commands {
    categories: BTreeMap<String, BTreeSet<String>>,
    /// The names in order. Where one stands is its place.
    names: Vec<String>,
    /// Of each the places of its subcommands, which stand one behind the other.
    subcommands: Vec<Range<usize>>,
    /// By category the commands that carry it, and the subcommands of those.
    carriers: BTreeMap<String, CommandSet>,
}

/// Some commands of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandSet(Vec<u64>);

/// Places in one word.
const WORD: usize = 64;

impl Commands {
    fn new(categories: BTreeMap<String, BTreeSet<String>>) -> Self {
        let mut carriers: BTreeMap<String, CommandSet> = BTreeMap::new();
        for (place, (name, own)) in categories.iter().enumerate() {
            let container = name.split_once('|').map(|(container, _)| container);
            let of_container = container.and_then(|container| categories.get(container));
            for category in own.iter().chain(of_container.into_iter().flatten()) {
                carriers.entry(category.clone()).or_default().insert(place);
            }
        }
        let names: Vec<String> = categories.keys().cloned().collect();
        let subcommands = names.iter().map(|name| {
            let prefix = format!("{name}|");
            let first = names.partition_point(|other| *other < prefix);
            let rest = names.get(first..).unwrap_or_default().iter();
            let count = rest.take_while(|other| other.starts_with(&prefix)).count();
            first..first + count
        });
        Self {
            subcommands: subcommands.collect(),
            names,
            categories,
            carriers,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> CommandSet {
        (0..self.names.len()).collect()
    }

    /// The places of a command and its subcommands.
    pub(crate) fn family(&self, command: &str) -> impl Iterator<Item = usize> {
        let place = self.place(command);
        let subcommands = place.and_then(|place| self.subcommands.get(place).cloned());
        place.into_iter().chain(subcommands.unwrap_or_default())
    }

    /// The commands that carry a category, and all subcommands of those.
    pub(crate) fn carriers(&self, category: &str) -> Option<&CommandSet> {
        self.carriers.get(category)
    }

    /// Where a command stands.
    pub(crate) fn place(&self, command: &str) -> Option<usize> {
        let found = self
            .names
            .binary_search_by(|name| name.as_str().cmp(command));
        found.ok()
    }

    /// The names of a set, in order.
    pub(crate) fn names_of(&self, set: &CommandSet) -> impl Iterator<Item = &str> {
        set.places()
            .filter_map(|place| self.names.get(place).map(String::as_str))
    }
}

impl CommandSet {
    pub(crate) fn insert(&mut self, place: usize) {
        let (word, bit) = (place / WORD, place % WORD);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    pub(crate) fn contains(&self, place: usize) -> bool {
        let word = self.0.get(place / WORD).copied().unwrap_or(0);
        word >> (place % WORD) & 1 == 1
    }

    /// Adds those of another.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    /// Takes those of another away.
    pub(crate) fn take(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= !other;
        }
    }

    pub(crate) fn remove(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / WORD) {
            *word &= !(1 << (place % WORD));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Its places, ascending.
    fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(number, word)| {
            (0..WORD)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| number * WORD + bit)
        })
    }
}

impl FromIterator<usize> for CommandSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut set = Self::default();
        for place in places {
            set.insert(place);
        }
        set
    }
}

impl Deref for Commands {
    type Target = BTreeMap<String, BTreeSet<String>>;

    fn deref(&self) -> &Self::Target {
        &self.categories
    }
}

/// The rest of them comes of these.
impl PartialEq for Commands {
    fn eq(&self, other: &Self) -> bool {
        self.categories == other.categories
    }
}

impl Eq for Commands {}

impl From<BTreeMap<String, BTreeSet<String>>> for Commands {
    fn from(categories: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self::new(categories)
    }
}

impl<const N: usize> From<[(String, BTreeSet<String>); N]> for Commands {
    fn from(categories: [(String, BTreeSet<String>); N]) -> Self {
        Self::new(categories.into())
    }
}

impl FromIterator<(String, BTreeSet<String>)> for Commands {
    fn from_iter<I: IntoIterator<Item = (String, BTreeSet<String>)>>(categories: I) -> Self {
        Self::new(categories.into_iter().collect())
    }
}

impl<'c> IntoIterator for &'c Commands {
    type Item = (&'c String, &'c BTreeSet<String>);
    type IntoIter = std::collections::btree_map::Iter<'c, String, BTreeSet<String>>;

    fn into_iter(self) -> Self::IntoIter {
        self.categories.iter()
    }
}
