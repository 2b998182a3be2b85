//! What one set of permissions allows on a server and another does not.
//!
//! In: two sets of permissions. Out: rules that people read, which say what the first has
//! beyond the second. They are compared as the server judges them: command by command,
//! selector by selector, and only by what a command touches. In doubt there is a
//! difference: whoever lacks something is never told that nothing changes. Where there is
//! too much to compare, that is what is said.

mod effort;
mod glob;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use warden_rules::{Access, Databases};

use super::Permissions;
use super::commands::Allowed;
use super::render::{Part, Rendering};
use super::summary::{Summary, is_container};
use super::touches::{ALWAYS, Touches};
use crate::server::Server;
use effort::{Effort, Spent};
use glob::Glob;

/// What is told where there is too much to compare.
pub(super) const TOO_MUCH: &str = "(too many selectors and patterns to compare)";

/// Where a command may be used in one call: those parts of a selector that mean
/// something for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    keys: BTreeMap<Glob, Access>,
    channels: BTreeSet<Glob>,
    databases: Databases,
}

/// How two places are compared.
#[derive(Clone, Copy)]
struct Rule<'e> {
    /// Whether channels are patterns that must be granted letter for letter.
    by_letter: bool,
    effort: &'e Effort,
}

/// What it takes to say the commands of a place, of each command of the server.
const SUMMARY: usize = 8;

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
/// Each is a grant of its own: commands, keys, channels, databases. [`TOO_MUCH`] alone
/// where it cannot be said in bounded time.
pub(super) fn beyond(
    these: &Permissions,
    others: Option<&Permissions>,
    server: &Server,
) -> Vec<String> {
    let effort = Effort::new();
    let told = compared(these, others, server, &effort);
    told.unwrap_or_else(|Spent| vec![TOO_MUCH.to_owned()])
}

fn compared(
    these: &Permissions,
    others: Option<&Permissions>,
    server: &Server,
    effort: &Effort,
) -> Result<Vec<String>, Spent> {
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
        let rule = Rule { by_letter, effort };
        // What is in the same place there has nothing new.
        let new = atlas.at(here.difference(there));
        let (here, there) = (atlas.at(here), atlas.at(there));
        for place in new {
            if !is_told(place, &here, rule)?
                && let Some(rest) = place.without(&there, rule)?
            {
                gained.entry(rest).or_default().extend(&commands);
            }
        }
    }
    told(gained, &held, &atlas, server, effort)
}

/// The grants that say these commands in these places.
fn told<'s>(
    mut gained: BTreeMap<Place, BTreeSet<&'s str>>,
    held: &Places<'s>,
    atlas: &Atlas,
    server: &'s Server,
    effort: &Effort,
) -> Result<Vec<String>, Spent> {
    let mut rules = Vec::new();
    // Places without keys and channels come last: what needs none is told on the way.
    while let Some((place, commands)) = gained.pop_last() {
        effort.spend(SUMMARY * server.commands.len())?;
        let is_held = |name: &str, wanted: &Place| {
            let by_letter = Touches::of(server, name).compares_channels_by_letter();
            let rule = Rule { by_letter, effort };
            let here = held.get(name).map(|here| atlas.at(here));
            any(here.iter().flatten(), |place| wanted.is_within(place, rule))
        };
        let needs_less = |name: &str| {
            let touches = Touches::of(server, name);
            if place.is_whole_for(touches) {
                return Ok(false);
            }
            effort.spend(place.keys.len() + place.channels.len())?;
            let wanted = place.of(touches);
            wanted.map_or(Ok(false), |wanted| is_held(name, &wanted))
        };
        let mut indifferent = BTreeSet::new();
        for name in server.commands.keys() {
            if needs_less(name)? {
                indifferent.insert(name.as_str());
            }
        }
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
    Ok(rules)
}

/// Whether one of these is so; what cannot be known any more ends the search.
fn any<T>(
    mut of: impl Iterator<Item = T>,
    is: impl Fn(T) -> Result<bool, Spent>,
) -> Result<bool, Spent> {
    of.try_fold(false, |found, one| Ok(found || is(one)?))
}

impl Atlas {
    /// Everywhere each command may be used on this server.
    fn places<'s>(&mut self, permissions: &Permissions, server: &'s Server) -> Places<'s> {
        let parts = Rendering::of(permissions, server).parts;
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

    fn at<'n>(&self, numbers: impl IntoIterator<Item = &'n usize>) -> Vec<&Place> {
        let numbers = numbers.into_iter();
        let places = numbers.filter_map(|number| self.places.get(*number));
        places.map(|place| &**place).collect()
    }
}

/// Whether another place of the same side has all of this one; of two that have each
/// other the first stays.
fn is_told(place: &Place, among: &[&Place], rule: Rule<'_>) -> Result<bool, Spent> {
    any(among.iter(), |other| {
        let is_inside = *other != place && place.is_within(other, rule)?;
        Ok(is_inside && (*other < place || !other.is_within(place, rule)?))
    })
}

impl From<Part> for Place {
    fn from(part: Part) -> Self {
        Self {
            keys: part
                .keys
                .into_iter()
                .map(|(pattern, access)| (Glob::from(pattern), access))
                .collect(),
            channels: part.channels.into_iter().map(Glob::from).collect(),
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

    fn is_within(&self, other: &Self, rule: Rule<'_>) -> Result<bool, Spent> {
        rule.effort.spend(1)?;
        Ok(self.has_databases_of(other)
            && self.channels_beyond(other, rule)?.is_empty()
            && self
                .keys_beyond(other, rule)?
                .is_some_and(|rest| rest.is_empty()))
    }

    fn has_databases_of(&self, other: &Self) -> bool {
        self.databases.intersect(&other.databases) == self.databases
    }

    /// This place without what is in the others, where that can be said in few words;
    /// `None` when one of them has all of it.
    fn without(&self, others: &[&Self], rule: Rule<'_>) -> Result<Option<Self>, Spent> {
        if any(others.iter(), |other| self.is_within(other, rule))? {
            return Ok(None);
        }
        let mut least: Option<Self> = None;
        for other in others {
            let words = |rest: &Self| rest.keys.len() + rest.channels.len();
            if let Some(rest) = self.beyond(other, rule)?
                && least
                    .as_ref()
                    .is_none_or(|least| words(&rest) < words(least))
            {
                least = Some(rest);
            }
        }
        // What is elsewhere by itself is new only together with the rest.
        if let Some(rest) = &least
            && any(others.iter(), |other| rest.is_within(other, rule))?
        {
            least = None;
        }
        Ok(Some(least.unwrap_or_else(|| self.clone())))
    }

    /// What differs, where that is the keys alone, the channels alone or the databases.
    fn beyond(&self, other: &Self, rule: Rule<'_>) -> Result<Option<Self>, Spent> {
        let Some(keys) = self.keys_beyond(other, rule)? else {
            return Ok(None);
        };
        let channels = self.channels_beyond(other, rule)?;
        let has_databases = self.has_databases_of(other);
        Ok(
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
            },
        )
    }

    /// The keys, and the access to them, that the other surely has not. `None` where it
    /// has both kinds of access to one, but in no single pattern.
    fn keys_beyond(
        &self,
        other: &Self,
        rule: Rule<'_>,
    ) -> Result<Option<BTreeMap<Glob, Access>>, Spent> {
        let mut rest = BTreeMap::new();
        for (pattern, access) in &self.keys {
            let enough = |had: &Access| had.intersect(*access) == Some(*access);
            if other.keys.get(pattern).is_some_and(enough) {
                continue;
            }
            rule.effort.spend(other.keys.len())?;
            let covering = other.keys.iter();
            let covering = covering.filter(|(wider, _)| wider.covers(pattern));
            let had: Vec<Access> = covering.map(|(_, had)| *had).collect();
            if had.iter().any(enough) {
                continue;
            }
            let lacks = |kind: &Access| {
                let has = |access: &Access| access.intersect(*kind).is_some();
                has(access) && !had.iter().any(has)
            };
            let lacking = [Access::Read, Access::Write].into_iter().filter(lacks);
            let Some(lacking) = lacking.reduce(Access::unite) else {
                return Ok(None);
            };
            rest.insert(pattern.clone(), lacking);
        }
        Ok(Some(rest))
    }

    fn channels_beyond(&self, other: &Self, rule: Rule<'_>) -> Result<BTreeSet<Glob>, Spent> {
        let has = |pattern: &Glob| {
            let mut there = other.channels.iter();
            there.any(|wider| match rule.by_letter {
                true => wider.is_any() || wider == pattern,
                false => wider.covers(pattern),
            })
        };
        let mut beyond = BTreeSet::new();
        for pattern in self.channels.difference(&other.channels) {
            rule.effort.spend(other.channels.len())?;
            if !has(pattern) {
                beyond.insert(pattern.clone());
            }
        }
        Ok(beyond)
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
