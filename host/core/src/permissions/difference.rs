//! What one set of permissions allows on a server and another does not.
//!
//! In: two sets of permissions. Out: rules that people read, which say what the first has
//! beyond the second. They are compared as the server judges them: command by command,
//! selector by selector, and only by what a command touches. In doubt there is a
//! difference: whoever lacks something is never told that nothing changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use warden_rules::{Access, Databases, Pattern, Tail};

use super::Permissions;
use super::commands::Allowed;
use super::render::{Part, parts};
use super::summary::{Summary, is_container};
use super::touches::{ALWAYS, Touches};
use crate::server::Server;

/// Where a command may be used in one call: those parts of a selector that mean
/// something for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    keys: BTreeMap<Pattern, Access>,
    channels: BTreeSet<Pattern>,
    databases: Databases,
}

/// The numbers of the places where each command may be used.
type Places<'s> = BTreeMap<&'s str, BTreeSet<usize>>;

/// All places, each once: many commands share few of them, and what is compared for one
/// command holds for all others of the same places.
#[derive(Default)]
struct Atlas {
    numbers: BTreeMap<Arc<Place>, usize>,
    places: Vec<Arc<Place>>,
}

/// The rules of what `these` allow on this server beyond `others`; `None` allows nothing.
/// Each is a grant of its own: commands, keys, channels, databases.
pub(super) fn beyond(
    these: &Permissions,
    others: Option<&Permissions>,
    server: &Server,
) -> Vec<String> {
    let mut atlas = Atlas::default();
    let held = atlas.places(these, server);
    let known = others.map(|others| atlas.places(others, server));
    let known = known.unwrap_or_default();
    let nowhere = BTreeSet::new();
    let mut alike: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for (name, here) in &held {
        let there = known.get(name).unwrap_or(&nowhere);
        let by_letter = Touches::of(server, name).compares_channels_by_letter();
        alike
            .entry((here, there, by_letter))
            .or_default()
            .insert(name);
    }
    let mut gained: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
    for ((here, there, by_letter), commands) in alike {
        let (here, there) = (atlas.at(here), atlas.at(there));
        for place in here
            .iter()
            .filter(|place| !is_told(place, &here, by_letter))
        {
            if let Some(rest) = place.without(&there, by_letter) {
                gained.entry(rest).or_default().extend(&commands);
            }
        }
    }
    told(gained, &held, &atlas, server)
}

/// The grants that say these commands in these places.
fn told<'s>(
    mut gained: BTreeMap<Place, BTreeSet<&'s str>>,
    held: &Places<'s>,
    atlas: &Atlas,
    server: &'s Server,
) -> Vec<String> {
    let mut rules = Vec::new();
    // Places without keys and channels come last: what needs none is told on the way.
    while let Some((place, commands)) = gained.pop_last() {
        let is_held = |name: &str, wanted: &Place| {
            let by_letter = Touches::of(server, name).compares_channels_by_letter();
            let here = held.get(name).map(|here| atlas.at(here));
            let mut here = here.iter().flatten();
            here.any(|place| wanted.is_within(place, by_letter))
        };
        let needs_less = |name: &&str| {
            let touches = Touches::of(server, name);
            !place.is_whole_for(touches)
                && place
                    .of(touches)
                    .is_some_and(|wanted| is_held(name, &wanted))
        };
        let names = server.commands.keys().map(String::as_str);
        let indifferent = names.filter(needs_less).collect();
        let summary = Summary::of(&commands, &indifferent, server);
        for name in summary.told.intersection(&indifferent) {
            let same = place.of(Touches::of(server, name));
            if let Some(commands) = same.and_then(|same| gained.get_mut(&same)) {
                commands.remove(name);
            }
        }
        gained.retain(|_, commands| !commands.is_empty());
        rules.push(format!("{summary}{place}"));
    }
    rules.sort();
    rules
}

impl Atlas {
    /// Everywhere each command may be used on this server.
    fn places<'s>(&mut self, permissions: &Permissions, server: &'s Server) -> Places<'s> {
        let (parts, _) = parts(permissions, server);
        let mut places = Places::new();
        for part in parts {
            let mut allowed = Allowed::nothing(server);
            for (sign, target) in &part.commands {
                allowed.apply(*sign, target);
            }
            let whole = Place::from(part);
            let mut reduced = BTreeMap::new();
            for name in allowed.names() {
                if ALWAYS.contains(&name) || is_container(server, name) {
                    continue;
                }
                let touches = Touches::of(server, name);
                let number = reduced
                    .entry(touches.kind())
                    .or_insert_with(|| whole.of(touches).map(|place| self.number(place)));
                if let Some(number) = number {
                    places.entry(name).or_default().insert(*number);
                }
            }
        }
        places
    }

    fn number(&mut self, place: Place) -> usize {
        if let Some(number) = self.numbers.get(&place) {
            return *number;
        }
        let (place, number) = (Arc::new(place), self.places.len());
        self.numbers.insert(Arc::clone(&place), number);
        self.places.push(place);
        number
    }

    fn at(&self, numbers: &BTreeSet<usize>) -> Vec<&Place> {
        let places = numbers.iter().filter_map(|number| self.places.get(*number));
        places.map(|place| &**place).collect()
    }
}

/// Whether another place of the same side has all of this one; of two that have each
/// other the first stays.
fn is_told(place: &Place, among: &[&Place], by_letter: bool) -> bool {
    among.iter().any(|other| {
        let is_inside = *other != place && place.is_within(other, by_letter);
        is_inside && (*other < place || !other.is_within(place, by_letter))
    })
}

impl From<Part> for Place {
    fn from(part: Part) -> Self {
        Self {
            keys: part.keys,
            channels: part.channels,
            databases: part.databases,
        }
    }
}

impl Place {
    /// What of it means something for a command; `None` when the command cannot be
    /// called there at all.
    fn of(&self, touches: Touches<'_>) -> Option<Self> {
        if touches.all_databases() && self.databases != Databases::All {
            return None;
        }
        let databases = if touches.perhaps_a_database() {
            self.databases.clone()
        } else {
            Databases::All
        };
        let keys = touches.keys().then(|| self.keys.clone());
        let channels = touches.channels().then(|| self.channels.clone());
        (!databases.is_empty()).then(|| Self {
            keys: keys.unwrap_or_default(),
            channels: channels.unwrap_or_default(),
            databases,
        })
    }

    /// Whether all of it means something for a command.
    fn is_whole_for(&self, touches: Touches<'_>) -> bool {
        (self.keys.is_empty() || touches.keys())
            && (self.channels.is_empty() || touches.channels())
            && (self.databases == Databases::All || touches.perhaps_a_database())
    }

    fn is_within(&self, other: &Self, by_letter: bool) -> bool {
        self.databases.intersect(&other.databases) == self.databases
            && self.channels_beyond(other, by_letter).is_empty()
            && self.keys_beyond(other).is_some_and(|rest| rest.is_empty())
    }

    /// This place without what is in the others, where that can be said in few words;
    /// `None` when one of them has all of it.
    fn without(&self, others: &[&Self], by_letter: bool) -> Option<Self> {
        if others.iter().any(|other| self.is_within(other, by_letter)) {
            return None;
        }
        let rests = others
            .iter()
            .filter_map(|other| self.beyond(other, by_letter));
        let rest = rests.min_by_key(|rest| rest.keys.len() + rest.channels.len());
        // What is elsewhere by itself is new only together with the rest.
        let rest = rest.filter(|rest| !others.iter().any(|other| rest.is_within(other, by_letter)));
        Some(rest.unwrap_or_else(|| self.clone()))
    }

    /// What differs, where that is the keys alone, the channels alone or the databases.
    fn beyond(&self, other: &Self, by_letter: bool) -> Option<Self> {
        let keys = self.keys_beyond(other)?;
        let channels = self.channels_beyond(other, by_letter);
        let has_databases = self.databases.intersect(&other.databases) == self.databases;
        match (keys.is_empty(), channels.is_empty(), has_databases) {
            (false, true, true) => Some(Self {
                keys,
                ..self.clone()
            }),
            (true, false, true) => Some(Self {
                channels,
                ..self.clone()
            }),
            (true, true, false) => match (&self.databases, &other.databases) {
                (Databases::Only(these), Databases::Only(those)) => Some(Self {
                    databases: Databases::Only(these.difference(those).copied().collect()),
                    ..self.clone()
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The keys, and the access to them, that the other surely has not. `None` where it
    /// has both kinds of access to one, but in no single pattern.
    fn keys_beyond(&self, other: &Self) -> Option<BTreeMap<Pattern, Access>> {
        let mut rest = BTreeMap::new();
        for (pattern, access) in &self.keys {
            let enough = |had: &Access| had.intersect(*access) == Some(*access);
            if other.keys.get(pattern).is_some_and(enough) {
                continue;
            }
            let covering = other.keys.iter();
            let covering = covering.filter(|(wider, _)| covers(wider, pattern));
            let had: Vec<Access> = covering.map(|(_, had)| *had).collect();
            if had.iter().any(enough) {
                continue;
            }
            let lacks = |kind: &Access| {
                let has = |access: &Access| access.intersect(*kind).is_some();
                has(access) && !had.iter().any(has)
            };
            let lacking = [Access::Read, Access::Write].into_iter().filter(lacks);
            let lacking = lacking.reduce(Access::unite)?;
            rest.insert(pattern.clone(), lacking);
        }
        Some(rest)
    }

    fn channels_beyond(&self, other: &Self, by_letter: bool) -> BTreeSet<Pattern> {
        let has = |pattern: &Pattern| {
            let mut there = other.channels.iter();
            there.any(|wider| match by_letter {
                true => wider.is_any() || wider == pattern,
                false => covers(wider, pattern),
            })
        };
        let beyond = self.channels.difference(&other.channels);
        beyond.filter(|pattern| !has(pattern)).cloned().collect()
    }
}

/// Whether everything a pattern matches is surely matched by another.
fn covers(wider: &Pattern, pattern: &Pattern) -> bool {
    if wider.as_str() == pattern.as_str() || wider.is_any() {
        return true;
    }
    // `*` alone is no pattern to a server but the absence of a list.
    if pattern.is_any() {
        return false;
    }
    let (outer, inner) = (wider.shape(), pattern.shape());
    match outer.tail {
        Tail::Any => inner.literal.starts_with(&outer.literal),
        Tail::Exact => inner == outer,
        Tail::Glob => inner.tail == Tail::Exact && wider.matches(&inner.literal),
    }
}

impl fmt::Display for Place {
    /// Behind the commands: each word with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pattern, access) in &self.keys {
            write!(f, " {access}{pattern}")?;
        }
        for pattern in &self.channels {
            write!(f, " &{pattern}")?;
        }
        match &self.databases {
            Databases::All => Ok(()),
            databases => write!(f, " {databases}"),
        }
    }
}
