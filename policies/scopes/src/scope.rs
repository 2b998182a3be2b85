//! One scope of ours.
//!
//! In: a scope's text without the prefix. Out: which of the data's scopes it is, or why
//! it is none. The text is the issuer's: a pattern in it is read here, its bounds are
//! applied where it is granted.

use std::fmt;

use warden_sdk::{Bound, Pattern, PatternError};

use crate::Word;

/// A scope that the data knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// `[scopes.NAME]`
    Named(String),
    /// `WORD:PATTERN`
    Pattern { word: String, pattern: Pattern },
}

/// Why a text is none of our scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScopeError {
    #[error("neither [scopes.NAME] nor WORD:PATTERN with a word of [patterns.WORD]")]
    Unknown,
    #[error("the only wildcard of a scope's pattern is '*': it holds {0:?}")]
    Wildcard(char),
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Scope {
    /// Reads a scope without its prefix.
    ///
    /// # Errors
    /// When the data does not know it, or its pattern is none.
    pub(crate) fn read(
        text: &str,
        is_named: impl Fn(&str) -> bool,
        is_word: impl Fn(&str) -> bool,
    ) -> Result<Self, ScopeError> {
        if is_named(text) {
            return Ok(Self::Named(text.to_owned()));
        }
        let (word, pattern) = text.split_once(':').ok_or(ScopeError::Unknown)?;
        if !is_word(word) {
            return Err(ScopeError::Unknown);
        }
        // The server's other wildcards would be a surprise to who knows scopes, and
        // literal text a surprise to who knows the server: neither is guessed.
        if let Some(other) = pattern.chars().find(|c| "?[]\\".contains(*c)) {
            return Err(ScopeError::Wildcard(other));
        }
        Ok(Self::Pattern {
            word: word.to_owned(),
            pattern: Pattern::parse(pattern)?,
        })
    }
}

impl fmt::Display for Scope {
    /// Without the prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Pattern { word, pattern } => write!(f, "{word}:{pattern}"),
        }
    }
}

impl Word {
    /// Does this pattern lie outside, whatever claims a token has?
    pub(crate) fn excludes(&self, pattern: &Pattern) -> bool {
        let fixed: Option<Vec<Bound>> = self
            .within
            .iter()
            .map(|within| bound(&within.fill(|_| None::<&str>).ok()?))
            .collect();
        fixed.is_some_and(|bounds| narrowed(pattern, &bounds).is_empty())
    }
}

/// An exact name or `literal*`, as all of `within` are.
pub(crate) fn bound(pattern: &Pattern) -> Option<Bound> {
    Bound::new(pattern).ok().flatten()
}

/// What of a pattern lies inside bounds and can be said exactly: the pattern, or the
/// bounds that lie inside of it; nothing where that is in doubt.
pub(crate) fn narrowed(pattern: &Pattern, bounds: &[Bound]) -> Vec<Pattern> {
    let shape = pattern.shape();
    let cuts: Vec<&Pattern> = bounds
        .iter()
        .filter_map(|bound| bound.cut(pattern, &shape))
        .collect();
    if cuts.contains(&pattern) {
        return vec![pattern.clone()];
    }
    cuts.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scope, ScopeError> {
        Scope::read(text, |name| name == "orders.read", |word| word == "read")
    }

    #[test]
    fn a_scope_is_a_name_or_a_word_with_a_pattern() {
        assert_eq!(read("orders.read"), Ok(Scope::Named("orders.read".into())));
        for pattern in ["cache:*", "*", "a*b", "{user}:x", "a:b:c", "a%2Fb"] {
            let scope = read(&["read:", pattern].concat()).unwrap();
            assert_eq!(scope.to_string(), ["read:", pattern].concat());
        }
        for text in [
            "",
            "read",
            "reed:x",
            "orders",
            "Orders.read",
            ":x",
            " read:x",
        ] {
            assert_eq!(read(text), Err(ScopeError::Unknown), "{text}");
        }
    }

    #[test]
    fn a_pattern_has_stars_and_no_other_wildcards() {
        for (text, other) in [("a?", '?'), ("[a]", '['), ("a]", ']'), (r"a\*", '\\')] {
            let scope = read(&["read:", text].concat());
            assert_eq!(scope, Err(ScopeError::Wildcard(other)), "{text}");
        }
        assert_eq!(read("read:"), Err(ScopeError::Pattern(PatternError::Empty)));
        for text in ["a b", "a\"", "(a)", "a\n", "x ~* +@all"] {
            let scope = read(&["read:", text].concat());
            assert!(matches!(scope, Err(ScopeError::Pattern(_))), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_kept_narrowed_or_outside() {
        let pattern = |text| Pattern::parse(text).unwrap();
        let bounds: Vec<Bound> = ["cache:*", "orders:eu:*", "rates"]
            .map(|text| bound(&pattern(text)).unwrap())
            .into();
        for (text, left) in [
            ("cache:a", vec!["cache:a"]),
            ("cache:*:x", vec!["cache:*:x"]),
            ("rates", vec!["rates"]),
            ("orders:*", vec!["orders:eu:*"]),
            ("*", vec!["cache:*", "orders:eu:*", "rates"]),
            ("orders:us:*", vec![]),
            ("*:x", vec![]),
            ("rates*", vec!["rates"]),
            ("rate", vec![]),
        ] {
            let left: Vec<Pattern> = left.into_iter().map(pattern).collect();
            assert_eq!(narrowed(&pattern(text), &bounds), left, "{text}");
        }
    }
}
