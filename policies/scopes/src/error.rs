//! What is wrong with the data, and with a scope.

use warden_sdk::data::ListError;
use warden_sdk::{Pattern, TemplateError};

use crate::data::{MAX_CLAIMS, MAX_NAMED, MAX_WORDS};
use crate::scope::ScopeError;
use crate::values::Unfilled;

/// Longest part of a scope that a message shows, in characters.
const SHOWN: usize = 100;

/// One problem of the data.
pub(crate) type Problem = warden_sdk::data::Problem<Fault>;

/// Where there is no data.
pub(crate) const MISSING: &str =
    "scopes.toml beside the policy holds prefix and [scopes.NAME] or [patterns.WORD] tables";

/// Why a value of the data was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "a prefix takes at most 128 characters of ASCII without white space, '\"' and '\\'; \"\" makes every scope ours"
    )]
    Prefix,
    #[error("gives nothing: at least one [scopes.NAME] or [patterns.WORD] table")]
    Nothing,
    #[error("more than {MAX_NAMED} scopes")]
    TooManyNamed,
    #[error("more than {MAX_NAMED} aliases")]
    TooManyAliases,
    #[error("more than {MAX_WORDS} words")]
    TooManyWords,
    #[error(
        "a scope's name, without the prefix, takes 1 to 100 characters of A-Z a-z 0-9 . _ : / @ + = -"
    )]
    Name,
    #[error("a word takes 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'")]
    Word,
    #[error("a scope takes 1 to 256 bytes without control characters")]
    Issued,
    #[error("could be [scopes.{name:?}] or a pattern of [patterns.{word}]: rename one")]
    Ambiguous { name: String, word: String },
    #[error(
        "means something already: with the prefix it is a scope of [scopes], [patterns] or ignore"
    )]
    Doubled,
    #[error("{text:?} is no authenticator's id: a-z, 0-9, '-' and '_'")]
    Authenticator { text: String },
    #[error(transparent)]
    List(#[from] ListError),
    #[error("empty: give at least one rule, for example \"+@read\"")]
    NoRule,
    #[error("no rule gives a command: add one, for example \"+@read\"")]
    NothingGiven,
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(
        "{text:?}: {{{place}}} is no place here: give it a claim in [claims], and write \\{{ for a brace"
    )]
    Place { text: String, place: String },
    #[error("no rule takes the pattern: write {{pattern}}, for example \"%R~{{pattern}}\"")]
    NoPattern,
    #[error("{text:?}: {{pattern}} stands at the rule's end, once and without wildcards before it")]
    PatternPlace { text: String },
    #[error("empty: name the bounds of the patterns, or \"*\" for none")]
    NoBounds,
    #[error("{text:?} is no bound: an exact name, or a literal beginning and one * at the end")]
    NotABound { text: String },
    #[error("more than {MAX_CLAIMS} claims")]
    TooManyClaims,
    #[error("user, authenticator and pattern have values of their own: take another name")]
    Reserved,
    #[error("{text:?} points to no claim: write a JSON Pointer, for example \"/tenant\"")]
    Pointer { text: String },
    #[error("stands in no rule and in no within: every claim named is part of each decision")]
    Unused,
    #[error("{text:?} is none of our scopes: {error}")]
    Scope { text: String, error: ScopeError },
    #[error("{text:?} lies outside [patterns.{word}] within")]
    Outside { text: String, word: String },
}

/// Why a principal's scopes are not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("scope {scope:?}: {error}")]
    Scope { scope: String, error: ScopeError },
    #[error("scope {scope:?} lies outside [patterns.{word}] within")]
    Outside { scope: String, word: String },
    #[error("scope {name:?}: {error}")]
    Unfilled { name: String, error: Unfilled },
    #[error("{grants} grants with {rules} rules are more than can be granted together")]
    TooMany { grants: usize, rules: usize },
}

impl Refusal {
    pub(crate) fn scope(text: &str, error: ScopeError) -> Self {
        let scope = text.chars().take(SHOWN).collect();
        Self::Scope { scope, error }
    }

    pub(crate) fn unknown(text: &str) -> Self {
        Self::scope(text, ScopeError::Unknown)
    }

    pub(crate) fn outside(word: &str, pattern: &Pattern) -> Self {
        let scope = [word, ":", pattern.as_str()].concat();
        Self::Outside {
            scope: scope.chars().take(SHOWN).collect(),
            word: word.to_owned(),
        }
    }

    pub(crate) fn unfilled(name: &str, error: Unfilled) -> Self {
        let name = name.to_owned();
        Self::Unfilled { name, error }
    }

    /// What the client is told.
    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::Scope { .. } => "a scope of your token is not understood here",
            Self::Outside { .. } => "a scope of your token is beyond what is allowed here",
            Self::Unfilled {
                error: Unfilled::TooMany,
                ..
            }
            | Self::TooMany { .. } => "your token has more scopes than can be granted together",
            Self::Unfilled { .. } => {
                "your scopes need a claim that your token lacks or that cannot be used here"
            }
        }
    }
}
