//! What a plugin answers.

use std::fmt;

use crate::Principal;

/// The answer about one credential.
///
/// ```
/// use warden_plugin::{Answer, Principal};
/// assert_eq!(Answer::verified(Principal::new("alice")).to_string(), "verified alice");
/// assert_eq!(Answer::NotMine.to_string(), "not mine");
/// assert_eq!(Answer::refused("no such key").to_string(), r#"refused "no such key""#);
/// ```
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Proved.
    Verified(Principal),
    /// Not for this plugin to judge: the next authenticator is asked.
    NotMine,
    /// Not proved; nobody else is asked. The words are for the log, never for the client.
    Refused(String),
    /// Undecided; the client may try again. The words are for the log.
    Unavailable(String),
}

impl Answer {
    /// Proved: the credential belongs to this principal.
    pub fn verified(principal: Principal) -> Self {
        Self::Verified(principal)
    }

    /// Not proved, and why, for the log. The words must not hold the secret.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// Undecided, and why, for the log.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    /// Who was verified.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Verified(principal) => Some(principal),
            Self::NotMine | Self::Refused(_) | Self::Unavailable(_) => None,
        }
    }
}

impl fmt::Display for Answer {
    /// One line for golden files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(principal) => write!(f, "verified {principal}"),
            Self::NotMine => f.write_str("not mine"),
            Self::Refused(why) => write!(f, "refused {why:?}"),
            Self::Unavailable(why) => write!(f, "unavailable {why:?}"),
        }
    }
}
