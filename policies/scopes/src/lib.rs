//! OAuth scopes become rules: by name, by pattern, by alias.
//!
//! In: `scopes.toml`, a principal with scopes, and the claims that the data names. Out: one grant for each
//! kind of scope the principal has, no opinion where it has none of ours, and a refusal
//! where a scope is in doubt. It never restricts.
//!
//! ```toml
//! prefix = "valkey."
//!
//! [patterns.read]                        # valkey.read:PATTERN
//! rules = ["+@read", "-@dangerous", "%R~{pattern}"]
//! within = ["cache:*", "orders:{tenant}:*"]
//!
//! [scopes."orders.submit"]               # valkey.orders.submit
//! rules = ["+xadd", "~orders:{tenant}:inbox"]
//!
//! [aliases]
//! "api://shop/Clerk" = ["orders.submit", "read:cache:*"]
//!
//! [claims]
//! tenant = "/tenant"
//! ```
//!
//! - Scopes that begin with `prefix` are ours, and so are `aliases`, spelt as the issuer
//!   does. All others are somebody else's and ignored.
//! - `[scopes.NAME]` gives its rules. `[patterns.WORD]` gives its rules for the pattern
//!   behind `WORD:`, whose only wildcard is `*`, as far as it lies `within` bounds.
//! - An alias stands for scopes of the two kinds.
//! - `{tenant}` and its like stand for a claim that `[claims]` names, `{user}` for the
//!   principal's name, `{authenticator}` for who vouched for it. A value is literal text
//!   whatever it holds.
//!
//! Whoever has a scope of ours that is not understood, lies outside its bounds or needs a
//! claim that cannot be used is refused; whatever is in doubt in the data refuses the
//! data as a whole.

#![forbid(unsafe_code)]

mod data;
mod error;
mod held;
mod scope;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use warden_sdk::{
    File, PatternTemplate, Policy, Principal, Reads, Request, Template, Verdict, policy,
};

use crate::held::Held;
use crate::scope::{Scope, ScopeError};

/// The policy: what scopes give, and whose count.
#[derive(Clone, Debug, PartialEq)]
pub struct Scopes {
    prefix: String,
    /// Whose scopes count; `None`: those of the only authenticator.
    authenticators: Option<BTreeSet<String>>,
    /// Scopes of ours that give nothing.
    ignored: BTreeSet<String>,
    named: BTreeMap<String, Vec<Template>>,
    words: BTreeMap<String, Word>,
    aliases: BTreeMap<String, Vec<Scope>>,
    /// Where the values of places stand, as JSON Pointers.
    claims: BTreeMap<String, String>,
}

/// What `WORD:PATTERN` gives, and how far.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    rules: Vec<Template>,
    within: Vec<PatternTemplate>,
}

#[policy(
    name = "scopes",
    summary = "OAuth scopes become rules: by name, by pattern, by alias.",
    schema = "schema.json"
)]
impl Policy for Scopes {
    fn configure(files: &[File]) -> Result<Self, String> {
        data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        if !self.counts(request.principal()) {
            return Verdict::new();
        }
        let held = Held::of(self, request.principal());
        held.and_then(|held| held.verdict(self, request))
            .unwrap_or_else(|refusal| {
                Verdict::new()
                    .deny(refusal.public())
                    .deny_internally(refusal.to_string())
            })
    }

    fn reads(&self) -> Option<Reads> {
        let claims = self.claims.values();
        Some(claims.fold(Reads::nothing(), Reads::claim))
    }

    fn labels(&self) -> Vec<(String, String)> {
        let words = self.words.keys().map(|word| word_label(word));
        let names = self.named.keys().cloned().chain(words);
        names.map(|name| (LABEL.to_owned(), name)).collect()
    }
}

/// Of a verdict: the names and words whose rules are in it.
const LABEL: &str = "scopes";

/// A word among names, none of which holds a star.
fn word_label(word: &str) -> String {
    [word, ":*"].concat()
}

impl Scopes {
    /// Do the scopes of whoever vouched for this principal count?
    fn counts(&self, principal: &Principal) -> bool {
        match &self.authenticators {
            Some(ids) => ids.contains(principal.authenticator()),
            None => principal.is_sole_authenticator(),
        }
    }

    /// Reads a scope without its prefix.
    fn read(&self, text: &str) -> Result<Scope, ScopeError> {
        let is_named = |name: &str| self.named.contains_key(name);
        Scope::read(text, is_named, |word| self.words.contains_key(word))
    }
}
