//! Why a rule was refused, in words a policy's author can act on.
//!
//! Every message names the rule, what is wrong with it and what is accepted.
//! The rule is shown escaped and shortened; one that carries a password is not
//! shown at all.

/// Longest part of a refused rule that a message shows.
const SHOWN_CHARACTERS: usize = 80;

/// Why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No characters at all.
    #[error(
        "an empty rule: write one of +command, -command, +@category, -@category, ~keys, &channels, db=0"
    )]
    Empty,
    /// An ACL modifier that is not a permission: `on`, `nopass`, `reset`, …
    #[error(
        "rule {rule:?}: not a permission; a policy may only allow or deny commands, keys, channels and databases"
    )]
    NotPermission {
        /// The rule as it was written.
        rule: String,
    },
    /// A modifier that would set or remove a password. The text is not kept.
    #[error("a rule about a password: not a permission, and a policy never sets passwords")]
    Password,
    /// A selector in parentheses.
    #[error("rule {rule:?}: no parentheses; every grant is a selector of its own")]
    Selector {
        /// The rule as it was written.
        rule: String,
    },
    /// A word for a rule that is better written out.
    #[error("rule {rule:?}: write {instead:?} instead")]
    Alias {
        /// The rule as it was written.
        rule: String,
        /// What to write.
        instead: &'static str,
    },
    /// A command that cannot be one's name.
    #[error(
        "rule {rule:?}: not a command; write +command or +command|subcommand, in letters, digits, '.', '_' and '-', each part at most 64 bytes"
    )]
    Command {
        /// The rule as it was written.
        rule: String,
    },
    /// A category that cannot be one's name.
    #[error(
        "rule {rule:?}: not a category; write +@category in letters, digits, '.', '_' and '-', at most 64 bytes"
    )]
    Category {
        /// The rule as it was written.
        rule: String,
    },
    /// `%…~` with anything but `R`, `W` or both.
    #[error("rule {rule:?}: no such access; write ~keys, %R~keys or %W~keys")]
    Access {
        /// The rule as it was written.
        rule: String,
    },
    /// Keys or channels whose pattern is refused.
    #[error("rule {rule:?}: {error}")]
    Pattern {
        /// The rule as it was written.
        rule: String,
        /// What is wrong with the pattern.
        error: PatternError,
    },
    /// A list of databases that is not one.
    #[error(
        "rule {rule:?}: not a list of databases; write db=0 or db=0,1,2 without spaces, or alldbs"
    )]
    Databases {
        /// The rule as it was written.
        rule: String,
    },
    /// Nothing that could be recognised.
    #[error(
        "rule {rule:?}: not a rule; write one of +command, -command, +@category, -@category, ~keys, %R~keys, %W~keys, &channels, db=0"
    )]
    Unknown {
        /// The rule as it was written.
        rule: String,
    },
}

/// Why a text is not a pattern of keys or channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// No characters at all. An empty claim must not become "everything".
    #[error("the pattern is empty")]
    Empty,
    /// Longer than [`crate::MAX_PATTERN_BYTES`].
    #[error("the pattern is longer than 1024 bytes")]
    TooLong,
    /// White space, a control character, a quote or a parenthesis: each would
    /// end the rule it stands in.
    #[error(
        "the pattern holds {0:?}; white space, control characters, quotes and parentheses are refused"
    )]
    Forbidden(char),
    /// Nothing follows the last backslash.
    #[error("the pattern ends in a lone backslash; write \\\\ for a backslash")]
    LoneBackslash,
    /// A `[` without its `]`.
    #[error("the pattern holds a '[' without its ']'; write \\[ for a bracket")]
    UnclosedClass,
}

/// Why a text is not a rule, or a pattern, with places for values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Not a rule, whatever its places hold.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Not a pattern, whatever its places hold.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A brace that belongs to no place.
    #[error(
        "{text:?}: braces stand in {{NAME}}, with a pair around it for a hash tag ({{{{NAME}}}}); write \\{{ and \\}} for others"
    )]
    Brace {
        /// The pattern as it was written.
        text: String,
    },
    /// A wildcard or another place right beside a place.
    #[error(
        "{text:?}: put a character between {{{place}}} and the wildcard or place beside it, or value a reaches what is ab's"
    )]
    NoSeparator {
        /// The pattern as it was written.
        text: String,
        /// The place's name.
        place: String,
    },
    /// Wildcards on both sides of a place.
    #[error(
        "{text:?}: wildcards stand before and behind {{{place}}}, so what two values reach could meet: leave one out"
    )]
    Between {
        /// The pattern as it was written.
        text: String,
        /// The place's name.
        place: String,
    },
}

/// Why values do not make a rule of a template. Never holds a value: that is
/// somebody's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// There is no value for a place.
    #[error("there is no value for {{{place}}}")]
    Missing {
        /// The place's name.
        place: String,
    },
    /// A value that may not stand in a rule.
    #[error("the value for {{{place}}} cannot stand in a rule: {error}")]
    Value {
        /// The place's name.
        place: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// A value that holds the character that ends it, and would run into another's.
    #[error("the value for {{{place}}} holds {separator:?}, which stands beside its place")]
    Separator {
        /// The place's name.
        place: String,
        /// The character.
        separator: char,
    },
    /// Each value may stand in a rule, and all together may not.
    #[error("the values make no rule: {0}")]
    Pattern(PatternError),
}

/// The part of a refused rule that its message shows.
pub(crate) fn shown(rule: &str) -> String {
    let mut text: String = rule.chars().take(SHOWN_CHARACTERS).collect();
    if text.len() < rule.len() {
        text.push('…');
    }
    text
}
