//! What the SDK refuses to take from a policy.

/// A mistake in a policy's data or code. Every message is one line and escaped, so
/// `configure` may pass it on as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A data file that should be text.
    #[error(transparent)]
    NotText(#[from] warden_guest::NotText),
    /// A rule that does not parse.
    #[error(transparent)]
    Rule(#[from] warden_rules::RuleError),
    /// A value that may not stand in a rule: white space, control characters, quotes,
    /// parentheses, nothing at all.
    #[error(transparent)]
    Pattern(#[from] warden_rules::PatternError),
    /// In a restriction: a rule that gives something, or a bound that is another glob.
    #[error(
        "a restriction takes denials (-@write) and bounds by exact name or literal* (~app:*, &app.*, db=0), not {rule:?}"
    )]
    NotARestriction {
        /// The rule.
        rule: String,
    },
    /// What is to be kept in a [`MemberIndex`](crate::MemberIndex) for a list of members.
    #[error("what is kept for a list of members is one line")]
    MoreThanALine,
    /// The same: all of it is more than 64 MiB.
    #[error("lists of members and what is kept for them are more than 64 MiB")]
    TooMuchKept,
    /// The same: it is not there any more as it was.
    #[error("what is kept for lists of members is not as it was written")]
    NotAsKept,
}
