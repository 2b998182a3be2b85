//! What is laid over every grant: denials and bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use warden_rules::{Access, AclRule, Bound, Databases, Pattern, RuleError, Sign};

use super::commands::Target;
use super::dropped::{Dropped, Why};
use super::grant::{Grant, MAX_RULES, add_keys, canonical_channels, canonical_keys};
use super::{PermissionError, around};
use crate::server::Server;

/// Denials of commands and categories, and bounds on keys, channels and
/// databases. An absent bound is no bound; one with nothing in it admits nothing.
///
/// A bound also denies the commands that would reach around it: one on keys
/// denies KEYS, SCAN, FLUSHALL and their like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Restriction {
    denials: BTreeSet<Target>,
    keys: Option<BTreeMap<Bound, Access>>,
    channels: Option<BTreeSet<Bound>>,
    databases: Databases,
}

impl Default for Restriction {
    /// Restricts nothing.
    fn default() -> Self {
        Self {
            denials: BTreeSet::new(),
            keys: None,
            channels: None,
            databases: Databases::All,
        }
    }
}

impl Restriction {
    /// From rules with white space between them: `-@dangerous -@admin ~tenant:*`.
    /// An empty text restricts nothing.
    ///
    /// # Errors
    /// When a word is not a rule, would allow something, or is no bound.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let rules = text.split_ascii_whitespace().map(AclRule::parse);
        Self::from_rules(rules.take(MAX_RULES + 1).collect::<Result<Vec<_>, _>>()?)
    }

    /// From a policy's answer. Each list of bounds that is present replaces
    /// "anything"; keys are written `~a:*` or `%R~a:*`, channels `&a.*`.
    ///
    /// # Errors
    /// As [`Restriction::parse`], and when a list holds another kind of rule.
    pub fn from_parts(
        denials: &[String],
        keys: Option<&[String]>,
        channels: Option<&[String]>,
        databases: Option<&[u32]>,
    ) -> Result<Self, PermissionError> {
        let mut restriction = Self {
            keys: keys.map(|_| BTreeMap::new()),
            channels: channels.map(|_| BTreeSet::new()),
            ..Self::default()
        };
        let wrong = |rule: &AclRule, expected| PermissionError::WrongBound {
            rule: rule.to_string(),
            expected,
        };
        let total = denials.len() + keys.map_or(0, <[_]>::len) + channels.map_or(0, <[_]>::len);
        if total > MAX_RULES || databases.is_some_and(|list| list.len() > MAX_RULES) {
            return Err(PermissionError::TooManyRules);
        }
        for text in denials {
            match AclRule::parse(text)? {
                rule if rule.is_denial() => restriction.add(rule)?,
                rule => {
                    return Err(PermissionError::NotADenial {
                        rule: rule.to_string(),
                    });
                }
            }
        }
        for text in keys.unwrap_or_default() {
            match AclRule::parse(text)? {
                rule @ AclRule::Keys(..) => restriction.add(rule)?,
                rule => return Err(wrong(&rule, "keys: ~name, ~literal*, %R~… or %W~…")),
            }
        }
        for text in channels.unwrap_or_default() {
            match AclRule::parse(text)? {
                rule @ AclRule::Channels(_) => restriction.add(rule)?,
                rule => return Err(wrong(&rule, "channels: &name or &literal*")),
            }
        }
        if let Some(numbers) = databases {
            restriction.databases = Databases::only(numbers.iter().copied()).ok_or_else(|| {
                PermissionError::NotABound {
                    rule: format!("databases {numbers:?}").chars().take(80).collect(),
                }
            })?;
        }
        Ok(restriction.canonical())
    }

    fn from_rules(rules: Vec<AclRule>) -> Result<Self, PermissionError> {
        if rules.len() > MAX_RULES {
            return Err(PermissionError::TooManyRules);
        }
        let mut restriction = Self::default();
        let mut databases: Option<Databases> = None;
        for rule in rules {
            match rule {
                AclRule::Databases(more) => {
                    databases = Some(databases.map_or(more.clone(), |some| some.unite(&more)));
                }
                rule => restriction.add(rule)?,
            }
        }
        restriction.databases = databases.unwrap_or(Databases::All);
        Ok(restriction.canonical())
    }

    /// One rule that is not about databases. Bounds of one restriction add up.
    fn add(&mut self, rule: AclRule) -> Result<(), PermissionError> {
        match rule {
            AclRule::Category(Sign::Deny, category) => {
                self.denials.insert(Target::Category(category));
            }
            AclRule::Command(Sign::Deny, command) => {
                self.denials.insert(Target::Command(command));
            }
            AclRule::Keys(access, pattern) => {
                let bound = bound(&pattern, format_args!("{access}{pattern}"))?;
                self.keys
                    .get_or_insert_default()
                    .entry(bound)
                    .and_modify(|present| *present = present.unite(access))
                    .or_insert(access);
            }
            AclRule::Channels(pattern) => {
                let bound = bound(&pattern, format_args!("&{pattern}"))?;
                self.channels.get_or_insert_default().insert(bound);
            }
            rule => {
                return Err(PermissionError::NotADenial {
                    rule: rule.to_string(),
                });
            }
        }
        Ok(())
    }

    /// A bound of "everything" is no bound.
    fn canonical(mut self) -> Self {
        let any =
            |(bound, access): (&Bound, &Access)| bound.is_any() && *access == Access::ReadWrite;
        self.keys = self.keys.filter(|keys| !keys.iter().any(any));
        self.channels = self
            .channels
            .filter(|channels| !channels.iter().any(Bound::is_any));
        self
    }

    /// Adds another restriction: all denials of both, and only what lies inside
    /// the bounds of both.
    pub(super) fn lay_over(&mut self, other: &Self) {
        self.denials.extend(other.denials.iter().cloned());
        self.keys = match (self.keys.take(), &other.keys) {
            (None, keys) => keys.clone(),
            (keys, None) => keys,
            (Some(a), Some(b)) => Some(intersect_keys(&a, b)),
        };
        self.channels = match (self.channels.take(), &other.channels) {
            (None, channels) => channels.clone(),
            (channels, None) => channels,
            (Some(a), Some(b)) => {
                let pairs = a
                    .iter()
                    .flat_map(|a| b.iter().filter_map(|b| a.intersect(b)));
                Some(pairs.cloned().collect())
            }
        };
        self.databases = self.databases.intersect(&other.databases);
    }

    /// The part of a grant inside every bound, and what was dropped of it.
    pub(super) fn cut(&self, grant: Grant, dropped: &mut BTreeSet<Dropped>) -> Option<Grant> {
        let keys = match &self.keys {
            None => grant.keys.clone(),
            Some(bounds) => cut_keys(bounds, &grant.keys, dropped),
        };
        let channels = match &self.channels {
            None => grant.channels.clone(),
            Some(bounds) => cut_channels(bounds, &grant.channels, dropped),
        };
        let databases = grant.databases.intersect(&self.databases);
        let had_places = !grant.keys.is_empty() || !grant.channels.is_empty();
        let has_places = !keys.is_empty() || !channels.is_empty();
        if databases.is_empty() {
            dropped.insert(Dropped::new(&grant, Why::OutsideBounds));
            return None;
        }
        if had_places && !has_places {
            dropped.insert(Dropped::new(&grant, Why::NothingLeft));
            return None;
        }
        Some(Grant {
            commands: grant.commands,
            keys,
            channels,
            databases,
        })
    }

    /// The denials of commands and categories that this server does not have. They deny
    /// nothing there until a module brings what they name.
    pub fn unknown_to(&self, server: &Server) -> impl Iterator<Item = String> {
        let unknown = |target: &&Target| !target.known_to(server);
        let denials = self.denials.iter().filter(unknown);
        denials.map(|target| format!("-{target}"))
    }

    /// Whether databases are bounded.
    pub fn bounds_databases(&self) -> bool {
        self.databases != Databases::All
    }

    /// Every command and category that is denied, those included that would
    /// reach around a bound.
    pub(super) fn all_denials(&self) -> BTreeSet<Target> {
        let mut denials = self.denials.clone();
        let mut deny = |commands: &[&str]| {
            denials.extend(commands.iter().filter_map(|name| around::target(name)))
        };
        if self.keys.is_some() {
            deny(around::KEYS);
        }
        if self.channels.is_some() {
            deny(around::CHANNELS);
        }
        if self.bounds_databases() {
            deny(around::DATABASES);
        }
        denials
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self
            .denials
            .iter()
            .map(|target| format!("-{target}"))
            .collect();
        let keys = self.keys.iter().flatten();
        words.extend(keys.map(|(bound, access)| format!("{access}{}", bound.pattern())));
        let channels = self.channels.iter().flatten();
        words.extend(channels.map(|bound| format!("&{}", bound.pattern())));
        words.extend(self.bounds_databases().then(|| self.databases.to_string()));
        f.write_str(&words.join(" "))
    }
}

fn bound(pattern: &Pattern, rule: fmt::Arguments<'_>) -> Result<Bound, PermissionError> {
    match Bound::new(pattern) {
        Ok(Some(bound)) => Ok(bound),
        Ok(None) => Err(PermissionError::NotABound {
            rule: rule.to_string(),
        }),
        Err(error) => Err(PermissionError::Rule(RuleError::Pattern {
            rule: rule.to_string(),
            error,
        })),
    }
}

fn intersect_keys(
    a: &BTreeMap<Bound, Access>,
    b: &BTreeMap<Bound, Access>,
) -> BTreeMap<Bound, Access> {
    let mut both: BTreeMap<Bound, Access> = BTreeMap::new();
    for (a, a_access) in a {
        for (b, b_access) in b {
            if let (Some(bound), Some(access)) = (a.intersect(b), a_access.intersect(*b_access)) {
                both.entry(bound.clone())
                    .and_modify(|present| *present = present.unite(access))
                    .or_insert(access);
            }
        }
    }
    both
}

fn cut_keys(
    bounds: &BTreeMap<Bound, Access>,
    patterns: &BTreeMap<Pattern, Access>,
    dropped: &mut BTreeSet<Dropped>,
) -> BTreeMap<Pattern, Access> {
    let mut kept = BTreeMap::new();
    for (pattern, access) in patterns {
        let shape = pattern.shape();
        let mut found = false;
        let mut whole = true;
        for (bound, within) in bounds {
            let Some(access) = access.intersect(*within) else {
                continue;
            };
            whole &= !bound.splits(&shape);
            if let Some(part) = bound.cut(pattern, &shape) {
                add_keys(&mut kept, part.clone(), access);
                found = true;
            }
        }
        if !(found && whole) {
            dropped.insert(Dropped::new(
                format_args!("{access}{pattern}"),
                Why::OutsideBounds,
            ));
        }
    }
    canonical_keys(kept)
}

fn cut_channels(
    bounds: &BTreeSet<Bound>,
    patterns: &BTreeSet<Pattern>,
    dropped: &mut BTreeSet<Dropped>,
) -> BTreeSet<Pattern> {
    let mut kept = BTreeSet::new();
    for pattern in patterns {
        let shape = pattern.shape();
        let parts: Vec<_> = bounds
            .iter()
            .filter_map(|bound| bound.cut(pattern, &shape))
            .collect();
        if parts.is_empty() || bounds.iter().any(|bound| bound.splits(&shape)) {
            dropped.insert(Dropped::new(format_args!("&{pattern}"), Why::OutsideBounds));
        }
        kept.extend(parts.into_iter().cloned());
    }
    canonical_channels(kept)
}
