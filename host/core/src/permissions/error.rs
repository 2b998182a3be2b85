//! Why permissions were refused.

use warden_rules::RuleError;

/// A text that is no grant, restriction, base rule or right, or permissions this
/// server cannot hold. Each refuses what it stands in, never a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionError {
    /// Not a rule at all.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// More rules in one grant or restriction than [`super::grant::MAX_RULES`].
    #[error("more than 4096 rules in one grant or restriction")]
    TooManyRules,
    /// A restriction that would allow something.
    #[error(
        "rule {rule:?}: a restriction only denies; write -command, -@category, or a bound on keys, channels or databases"
    )]
    NotADenial {
        /// The rule as it was written.
        rule: String,
    },
    /// A bound with wildcards other than one `*` at its end.
    #[error("bound {rule:?}: write an exact name or a literal beginning followed by one *")]
    NotABound {
        /// The bound as it was written.
        rule: String,
    },
    /// A rule of the wrong kind in a list of bounds.
    #[error("bound {rule:?}: expected {expected}")]
    WrongBound {
        /// The bound as it was written.
        rule: String,
        /// What the list holds.
        expected: &'static str,
    },
    /// A base rule that is not a plain `+command`.
    #[error(
        "base rule {rule:?}: write +command, +command|subcommand or +@category; base rules hold no keys, channels, databases, denials or +@all"
    )]
    NotABaseRule {
        /// The rule as it was written.
        rule: String,
    },
    /// A word that is no part of a right.
    #[error(
        "{word:?} is no part of a right: write +command, +@category, ~key, %R~key, %W~key, &channel or db=0; keys and channels are names"
    )]
    NotARight {
        /// The word as it was written.
        word: String,
    },
    /// A right that names no command.
    #[error("a right names a command: +get %R~key")]
    NoCommand,
    /// A bound on databases where selectors cannot name them.
    #[error("databases are bounded, but Valkey {version:?} cannot bound them (9.1 and later can)")]
    NoDatabases {
        /// The server's version.
        version: String,
    },
    /// The rendered text would cost too much on every change.
    #[error(
        "the rules rendered for the server are more than 8192, those repeated in each grant counted, or longer than 1 MiB"
    )]
    TooLong,
}
