//! The data file.
//!
//! In: files as the host read them. Out: the policy, or every problem. Never a part of
//! what scopes give.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use warden_sdk::data::{is_name, list, optional_list};
use warden_sdk::{
    AclRule, File, Pattern, PatternTemplate, Tail, Template, TemplateError, is_authenticator_id,
    is_claim_pointer,
};

use crate::error::{Fault, MISSING, Problem};
use crate::scope::{Scope, bound};
use crate::values::{AUTHENTICATOR, PATTERN, USER};
use crate::{Scopes, Word};

/// Named scopes, and aliases.
pub(crate) const MAX_NAMED: usize = 1000;
/// Words of patterns.
pub(crate) const MAX_WORDS: usize = 64;
/// Rules of one scope or word.
const MAX_RULES: usize = 200;
/// Bounds of one word.
const MAX_WITHIN: usize = 64;
/// Claims of all places.
pub(crate) const MAX_CLAIMS: usize = 32;
/// Scopes of one alias, names to ignore, authenticators.
const MAX_LISTED: usize = 64;

/// The shape of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    prefix: String,
    authenticators: Option<Vec<String>>,
    ignore: Option<Vec<String>>,
    #[serde(default)]
    patterns: BTreeMap<String, RawWord>,
    #[serde(default)]
    scopes: BTreeMap<String, RawScope>,
    #[serde(default)]
    aliases: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWord {
    rules: Vec<String>,
    within: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    rules: Vec<String>,
}

/// What is wrong so far, each with its key.
type Faults = Vec<(String, Fault)>;

/// Reads the one `*.toml` file.
///
/// # Errors
/// All problems; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Scopes, Vec<Problem>> {
    warden_sdk::data::single(files, MISSING, check)
}

/// Checks the values; on failure every fault with its key.
fn check(raw: Raw) -> Result<Scopes, Faults> {
    let mut faults = Faults::new();
    if !is_prefix(&raw.prefix) {
        faults.push(("prefix".to_owned(), Fault::Prefix));
    }
    if raw.scopes.is_empty() && raw.patterns.is_empty() {
        faults.push(("scopes".to_owned(), Fault::Nothing));
    }
    for (key, many, fault) in [
        ("scopes", raw.scopes.len() > MAX_NAMED, Fault::TooManyNamed),
        (
            "aliases",
            raw.aliases.len() > MAX_NAMED,
            Fault::TooManyAliases,
        ),
        (
            "claims",
            raw.claims.len() > MAX_CLAIMS,
            Fault::TooManyClaims,
        ),
        (
            "patterns",
            raw.patterns.len() > MAX_WORDS,
            Fault::TooManyWords,
        ),
    ] {
        if many {
            faults.push((key.to_owned(), fault));
        }
    }
    let id = |text: &String| {
        let text = text.to_owned();
        let sound = is_authenticator_id(&text);
        sound
            .then_some(text.clone())
            .ok_or(Fault::Authenticator { text })
    };
    let ids = raw.authenticators.as_deref();
    let ids = optional_list(ids, "authenticators", MAX_LISTED, id, &mut faults);
    let words = words(&raw, &mut faults);
    let named = named(&raw, &mut faults);
    let name = |text: &String| is_issued(text).then(|| text.clone()).ok_or(Fault::Issued);
    let ignored = raw.ignore.as_deref();
    let ignored = optional_list(ignored, "ignore", MAX_LISTED, name, &mut faults);
    let mut scopes = Scopes {
        prefix: raw.prefix,
        authenticators: ids.map(BTreeSet::from_iter),
        ignored: BTreeSet::new(),
        named,
        words,
        aliases: BTreeMap::new(),
        claims: BTreeMap::new(),
    };
    for (index, name) in ignored.unwrap_or_default().into_iter().enumerate() {
        if scopes.means(&name) {
            faults.push((format!("ignore[{index}]"), Fault::Doubled));
        }
        scopes.ignored.insert(name);
    }
    // Where a table was refused, aliases of it would be refused for nothing.
    if faults.is_empty() {
        scopes.aliases = aliases(&scopes, &raw.aliases, &mut faults);
        claims(&scopes, &raw.claims, &mut faults);
        scopes.claims = raw.claims;
    }
    if faults.is_empty() {
        Ok(scopes)
    } else {
        Err(faults)
    }
}

fn words(raw: &Raw, faults: &mut Faults) -> BTreeMap<String, Word> {
    let mut words = BTreeMap::new();
    for (name, word) in &raw.patterns {
        let key = format!("patterns.{}", name.escape_debug());
        if !is_name(name) {
            faults.push((key.clone(), Fault::Word));
        }
        let before = faults.len();
        let rules = rules(&word.rules, &key, true, &raw.claims, faults);
        if faults.len() == before && !rules.iter().any(takes_pattern) {
            faults.push((format!("{key}.rules"), Fault::NoPattern));
        }
        let key = format!("{key}.within");
        if word.within.is_empty() {
            faults.push((key.clone(), Fault::NoBounds));
        }
        let within = list(
            &word.within,
            &key,
            MAX_WITHIN,
            |t| within(t, &raw.claims),
            faults,
        );
        words.insert(name.clone(), Word { rules, within });
    }
    words
}

fn named(raw: &Raw, faults: &mut Faults) -> BTreeMap<String, Vec<Template>> {
    let words = &raw.patterns;
    let mut named = BTreeMap::new();
    for (name, scope) in &raw.scopes {
        let key = format!("scopes.{}", name.escape_debug());
        if !is_scope_name(name) {
            faults.push((key.clone(), Fault::Name));
        }
        if let Some((word, _)) = name.split_once(':').filter(|(w, _)| words.contains_key(*w)) {
            let (name, word) = (name.clone(), word.to_owned());
            faults.push((key.clone(), Fault::Ambiguous { name, word }));
        }
        let rules = rules(&scope.rules, &key, false, &raw.claims, faults);
        named.insert(name.clone(), rules);
    }
    named
}

fn aliases(
    scopes: &Scopes,
    raw: &BTreeMap<String, Vec<String>>,
    faults: &mut Faults,
) -> BTreeMap<String, Vec<Scope>> {
    let mut aliases = BTreeMap::new();
    for (issued, ours) in raw {
        let key = format!("aliases.{}", issued.escape_debug());
        if !is_issued(issued) {
            faults.push((key.clone(), Fault::Issued));
        }
        let stripped = issued.strip_prefix(scopes.prefix.as_str());
        if stripped.is_some_and(|ours| scopes.means(ours) || scopes.ignored.contains(ours)) {
            faults.push((key.clone(), Fault::Doubled));
        }
        let read = |text: &String| scopes.aliased(text);
        let ours = optional_list(Some(ours.as_slice()), &key, MAX_LISTED, read, faults);
        aliases.insert(issued.clone(), ours.unwrap_or_default());
    }
    aliases
}

/// Checks where the values of places stand; each has its place.
fn claims(scopes: &Scopes, raw: &BTreeMap<String, String>, faults: &mut Faults) {
    let rules = scopes.words.values().flat_map(|word| &word.rules);
    let rules = rules.chain(scopes.named.values().flatten());
    let bounds = scopes.words.values().flat_map(|word| &word.within);
    let places: BTreeSet<&str> = rules
        .flat_map(Template::places)
        .chain(bounds.flat_map(PatternTemplate::places))
        .collect();
    for (place, pointer) in raw {
        let key = format!("claims.{}", place.escape_debug());
        if [USER, AUTHENTICATOR, PATTERN].contains(&place.as_str()) {
            faults.push((key, Fault::Reserved));
        } else if !is_claim_pointer(pointer) {
            let text = pointer.clone();
            faults.push((key, Fault::Pointer { text }));
        } else if !places.contains(place.as_str()) {
            faults.push((key, Fault::Unused));
        }
    }
}

/// Reads the rules of a scope, or of a word, which take a pattern.
fn rules(
    texts: &[String],
    key: &str,
    is_word: bool,
    claims: &BTreeMap<String, String>,
    faults: &mut Faults,
) -> Vec<Template> {
    let key = format!("{key}.rules");
    if texts.is_empty() {
        faults.push((key.clone(), Fault::NoRule));
    }
    let before = faults.len();
    let parse = |text: &String| {
        let template = Template::parse(text)?;
        let places = template.places();
        known(places.filter(|p| !is_word || *p != PATTERN), claims, text)?;
        if takes_pattern(&template) && !ends_in_pattern(&template, text) {
            return Err(Fault::PatternPlace { text: text.clone() });
        }
        Ok(template)
    };
    let rules = list(texts, &key, MAX_RULES, parse, faults);
    if faults.len() == before && !texts.is_empty() && !rules.iter().any(Template::gives_commands) {
        faults.push((key, Fault::NothingGiven));
    }
    rules
}

/// Reads a bound of a word's patterns.
fn within(text: &str, claims: &BTreeMap<String, String>) -> Result<PatternTemplate, Fault> {
    let pattern = Pattern::parse(text).map_err(TemplateError::from)?;
    if bound(&pattern).is_none() {
        return Err(Fault::NotABound {
            text: text.to_owned(),
        });
    }
    let template = PatternTemplate::parse(text)?;
    known(template.places(), claims, text)?;
    Ok(template)
}

fn known<'t>(
    mut named: impl Iterator<Item = &'t str>,
    claims: &BTreeMap<String, String>,
    text: &str,
) -> Result<(), Fault> {
    let known = |place: &str| [USER, AUTHENTICATOR].contains(&place) || claims.contains_key(place);
    match named.find(|place| !known(place)) {
        None => Ok(()),
        Some(place) => Err(Fault::Place {
            text: text.to_owned(),
            place: place.to_owned(),
        }),
    }
}

fn takes_pattern(template: &Template) -> bool {
    template.places().any(|place| place == PATTERN)
}

/// Only so does the text before it stay what bounds it: nothing follows the pattern, and
/// no wildcard lets it begin elsewhere.
fn ends_in_pattern(template: &Template, text: &str) -> bool {
    let once = template.places().filter(|place| *place == PATTERN).count() == 1;
    let literal = match AclRule::parse(text) {
        Ok(AclRule::Keys(_, pattern) | AclRule::Channels(pattern)) => {
            pattern.shape().tail == Tail::Exact
        }
        _ => false,
    };
    once && literal && text.ends_with("{pattern}")
}

impl Scopes {
    /// Is a text without the prefix one of [scopes], or a pattern's?
    fn means(&self, text: &str) -> bool {
        let word = text.split_once(':').map(|(word, _)| word);
        self.named.contains_key(text) || word.is_some_and(|word| self.words.contains_key(word))
    }

    /// Reads what an alias stands for.
    fn aliased(&self, text: &str) -> Result<Scope, Fault> {
        let scope = self.read(text);
        let text = || text.to_owned();
        let scope = scope.map_err(|error| Fault::Scope {
            text: text(),
            error,
        })?;
        match &scope {
            Scope::Pattern { word, pattern }
                if self.words.get(word).is_some_and(|w| w.excludes(pattern)) =>
            {
                let (text, word) = (text(), word.clone());
                Err(Fault::Outside { text, word })
            }
            _ => Ok(scope),
        }
    }
}

/// RFC 6749 §3.3, without what could not stand in a rule.
fn is_prefix(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    text.len() <= 128 && text.bytes().all(allowed)
}

/// Names stand in key paths, labels and log lines. A comma would divide a label, of which
/// each holds two at least: as many as can be granted fit into those that the host takes.
fn is_scope_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+=-".contains(&b);
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_issued(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests;
