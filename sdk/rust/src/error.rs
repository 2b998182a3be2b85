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
}
