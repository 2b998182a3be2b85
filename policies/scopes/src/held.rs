//! What a principal's scopes come to.
//!
//! In: a principal with its scopes, the data. Out: which scopes of ours it has, and their
//! rules, or why one of them refuses the log-in. Nothing is dropped silently: a scope of
//! ours gives something or refuses.

use std::collections::{BTreeMap, BTreeSet};

use warden_sdk::bounds::{MAX_ALL_RULES, MAX_GRANT_RULES, MAX_GRANTS};
use warden_sdk::{AclRule, Bound, Pattern, Principal, Request, Template, Verdict, decoded};

use crate::error::Refusal;
use crate::scope::{Scope, bound, narrowed};
use crate::values::{Unfilled, Values};
use crate::{LABEL, Scopes, Word, word_label};

/// The scopes of one principal that are ours.
#[derive(Debug, Default)]
pub(crate) struct Held {
    named: BTreeSet<String>,
    /// The patterns of each word: together one grant, so that a command may name keys of
    /// several.
    words: BTreeMap<String, BTreeSet<Pattern>>,
}

impl Held {
    /// The scopes of a principal, aliases resolved.
    ///
    /// # Errors
    /// When one of ours is not understood.
    pub(crate) fn of(data: &Scopes, principal: &Principal) -> Result<Self, Refusal> {
        let mut held = Self::default();
        for qualified in principal.scopes() {
            let issued = qualified
                .strip_prefix(principal.authenticator())
                .and_then(|rest| rest.strip_prefix('/'))
                .and_then(decoded)
                .ok_or_else(|| Refusal::unknown(qualified))?;
            if let Some(scopes) = data.aliases.get(issued.as_ref()) {
                scopes.iter().cloned().for_each(|scope| held.add(scope));
            } else if let Some(ours) = issued.strip_prefix(data.prefix.as_str())
                && !data.ignored.contains(ours)
            {
                let scope = data.read(ours);
                held.add(scope.map_err(|error| Refusal::scope(&issued, error))?);
            }
        }
        Ok(held)
    }

    fn add(&mut self, scope: Scope) {
        match scope {
            Scope::Named(name) => {
                self.named.insert(name);
            }
            Scope::Pattern { word, pattern } => {
                self.words.entry(word).or_default().insert(pattern);
            }
        }
    }

    /// Their rules.
    ///
    /// # Errors
    /// When a pattern lies outside its bounds, a claim cannot be used, or there are more
    /// than can be granted.
    pub(crate) fn verdict(&self, data: &Scopes, request: &Request) -> Result<Verdict, Refusal> {
        let mut grants: Vec<Vec<AclRule>> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for name in &self.named {
            let rules = data.named.get(name).map(Vec::as_slice).unwrap_or_default();
            grants.push(named(name, rules, data, request)?);
            names.push(name.clone());
        }
        for (name, patterns) in &self.words {
            let word = data.words.get(name);
            let word = word.ok_or_else(|| Refusal::unknown(name))?;
            grants.push(word.grant(name, patterns, &data.claims, request)?);
            names.push(word_label(name));
        }
        let rules = grants.iter().map(Vec::len).sum::<usize>();
        if grants.len() > MAX_GRANTS || rules > MAX_ALL_RULES {
            let grants = grants.len();
            return Err(Refusal::TooMany { grants, rules });
        }
        let verdict = grants.into_iter().fold(Verdict::new(), Verdict::grant);
        Ok(verdict.label_list(LABEL, names))
    }
}

/// The rules of a named scope.
fn named(
    name: &str,
    rules: &[Template],
    data: &Scopes,
    request: &Request,
) -> Result<Vec<AclRule>, Refusal> {
    let unfilled = |error| Refusal::unfilled(name, error);
    let places = rules.iter().flat_map(Template::places);
    let values = Values::of(places, &data.claims, request).map_err(unfilled)?;
    all_rules(rules, &values, &[]).map_err(unfilled)
}

impl Word {
    /// The rules for these patterns, as far as they lie within the word's bounds.
    fn grant(
        &self,
        name: &str,
        patterns: &BTreeSet<Pattern>,
        claims: &BTreeMap<String, String>,
        request: &Request,
    ) -> Result<Vec<AclRule>, Refusal> {
        let unfilled = |error| Refusal::unfilled(name, error);
        let mut bounds: Vec<Bound> = Vec::new();
        // A bound whose claim is missing admits nothing; one whose claim cannot be used is
        // a doubt.
        let mut without: Option<Unfilled> = None;
        for within in &self.within {
            let filled =
                Values::of(within.places(), claims, request).and_then(|v| v.patterns(within));
            match filled {
                Ok(filled) => bounds.extend(filled.iter().filter_map(bound)),
                Err(error) if error.is_missing() => without = Some(error),
                Err(error) => return Err(unfilled(error)),
            }
        }
        let mut inside: BTreeSet<Pattern> = BTreeSet::new();
        for pattern in patterns {
            let left = narrowed(pattern, &bounds);
            if left.is_empty() {
                let outside = || Refusal::outside(name, pattern);
                return Err(without.map_or_else(outside, unfilled));
            }
            inside.extend(left);
        }
        let inside: Vec<Pattern> = inside.into_iter().collect();
        let places = self.rules.iter().flat_map(Template::places);
        let values = Values::of(places, claims, request).map_err(unfilled)?;
        all_rules(&self.rules, &values, &inside).map_err(unfilled)
    }
}

/// What all of these templates make, in their order, each rule once.
fn all_rules(
    templates: &[Template],
    values: &Values<'_>,
    patterns: &[Pattern],
) -> Result<Vec<AclRule>, Unfilled> {
    let mut rules: Vec<AclRule> = Vec::new();
    for template in templates {
        for rule in values.rules(template, patterns)? {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
            if rules.len() > MAX_GRANT_RULES {
                return Err(Unfilled::TooMany);
            }
        }
    }
    Ok(rules)
}
