//! One rule of `identity` or `groups`: where to look, for what, and what to make of it.
//!
//! In comes a value; out goes a name, when the whole value matches. Matching takes
//! time linear in the value, whatever the pattern.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use warden_settings::{Section, quoted};

use super::template::Template;
use super::values::Source;

/// Most rules of one list.
const MAX_RULES: usize = 64;
/// Longest pattern.
const MAX_PATTERN_BYTES: usize = 1024;
/// Memory of one compiled pattern, and of its lazily built automaton.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;
/// Deepest nesting of a pattern.
const MAX_NESTING: u32 = 50;

/// A checked rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Where its values are.
    pub(crate) source: Source,
    /// `None`: every value matches.
    pattern: Option<Regex>,
    /// `None`: the name is the whole value.
    template: Option<Template>,
}

/// What a rule made of a value.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// The name, not yet checked.
    pub(crate) name: String,
    /// The named captures that took part.
    pub(crate) captures: Map<String, Value>,
}

impl Rule {
    /// What the rule makes of a value; `None` when it does not match as a whole.
    ///
    /// # Errors
    /// Words for the operator when it matches, and no name can be made of it.
    pub(crate) fn apply(&self, value: &str) -> Result<Option<Mapped>, String> {
        let whole = |captures| {
            Some(Mapped {
                name: value.to_owned(),
                captures,
            })
        };
        let Some(pattern) = &self.pattern else {
            return Ok(whole(Map::new()));
        };
        let Some(found) = pattern.captures(value) else {
            return Ok(None);
        };
        let named = pattern.capture_names().flatten().filter_map(|name| {
            let text = found.name(name)?.as_str().to_owned();
            Some((name.to_owned(), Value::String(text)))
        });
        let captures: Map<String, Value> = named.collect();
        match &self.template {
            None => Ok(whole(captures)),
            Some(template) => template
                .render(&found)
                .map(|name| Some(Mapped { name, captures })),
        }
    }
}

/// Takes a list of rules; `None` when it is absent. A list with a fault is empty.
pub(crate) fn read(
    file: &mut Section,
    key: &str,
    allowed: fn(Source) -> bool,
) -> Option<Vec<Rule>> {
    if !file.has(key) {
        return None;
    }
    let mut rules = Vec::new();
    for mut section in file.tables(key, MAX_RULES).unwrap_or_default() {
        rules.extend(rule(&mut section, allowed));
        file.close(section);
    }
    Some(rules)
}

fn rule(section: &mut Section, allowed: fn(Source) -> bool) -> Option<Rule> {
    let words: Vec<_> = Source::ALL
        .into_iter()
        .filter(|source| allowed(*source))
        .map(|source| format!("{:?}", source.as_str()))
        .collect();
    let expected = format!("one of {}", words.join(", "));
    let from: Option<String> = section.mandatory("from", &expected);
    let source = from.and_then(|from| {
        let source = Source::ALL
            .into_iter()
            .find(|source| source.as_str() == from && allowed(*source));
        if source.is_none() {
            section.fault("from", format!("must be {expected}"));
        }
        source
    });
    let has_pattern = section.has("pattern");
    let pattern = pattern(section);
    let template = section.optional::<String>("name", "a string");
    let template = match (template, &pattern) {
        (Some(text), Some(pattern)) => match Template::parse(&text, pattern) {
            Ok(template) => Some(template),
            Err(why) => {
                section.fault("name", why);
                return None;
            }
        },
        (Some(_), None) if !has_pattern => {
            section.fault("name", "needs a pattern with the captures it names");
            return None;
        }
        _ => None,
    };
    Some(Rule {
        source: source?,
        pattern,
        template,
    })
}

fn pattern(section: &mut Section) -> Option<Regex> {
    let text: String = section.optional("pattern", "a regular expression")?;
    match anchored(&text) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            section.fault("pattern", why);
            None
        }
    }
}

/// Compiles a pattern that matches only whole values.
fn anchored(text: &str) -> Result<Regex, String> {
    if text.is_empty() || text.len() > MAX_PATTERN_BYTES {
        return Err(format!("takes 1 to {MAX_PATTERN_BYTES} bytes"));
    }
    let compile = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .nest_limit(MAX_NESTING)
            .build()
    };
    let wrong = |error| match error {
        regex::Error::CompiledTooBig(_) => "is too large a regular expression".to_owned(),
        _ => format!("{} is not a regular expression", quoted(text)),
    };
    // By itself first: in brackets `a)|(b` would be well-formed, and not anchored.
    compile(text).map_err(wrong)?;
    compile(&format!(r"\A(?:{text})\z")).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_only_whole_values() {
        for (pattern, value, matches) in [
            ("a|ab", "ab", true),
            ("a", "ab", false),
            ("a", "ba", false),
            ("(?m)^a$", "a\nb", false),
            ("a$|b", "a\n", false),
            ("a.b", "a\nb", false),
            ("(?i)alice", "ALICE", true),
        ] {
            let found = anchored(pattern).unwrap().is_match(value);
            assert_eq!(found, matches, "{pattern} {value:?}");
        }
    }

    #[test]
    fn a_pattern_cannot_leave_its_anchors() {
        for bad in [
            "a)|(b",
            "a)|(?:b",
            "(",
            "(?x)a #",
            "",
            "(?P<a>x)(?P<a>y)",
            r"\",
        ] {
            assert!(anchored(bad).is_err(), "{bad}");
        }
        assert!(anchored("(?:a{1000}){1000}").is_err(), "too large");
        assert!(anchored(&"(".repeat(100)).is_err());
        assert!(anchored(&"a".repeat(1025)).is_err());
    }

    #[test]
    fn matching_takes_linear_time() {
        let pattern = anchored("(a+)+b").unwrap();
        assert!(!pattern.is_match(&"a".repeat(60_000)));
    }
}
