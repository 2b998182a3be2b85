//! Whom a policy's data names: `group:corp/analysts`.
//!
//! In: text of a data file. Out: a member that can be compared with a principal,
//! or why nobody could ever be meant. Names are exact; there are no patterns.

use crate::Principal;
use crate::encoding::is_encoded;

/// Longest name in bytes: an id, a slash and 256 percent-encoded bytes.
const MAX_NAME_BYTES: usize = 64 + 1 + 3 * 256;

/// A group, a scope or a user, by exact name.
///
/// ```
/// use warden_sdk::{Member, Principal};
///
/// let analysts = Member::parse("group:corp/analysts")?;
/// let alice = Principal::new("corp", "alice").with_group("corp/analysts");
/// assert!(analysts.is(&alice));
/// assert!(Member::parse("role:admin").is_err());
/// # Ok::<(), warden_sdk::MemberError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// `group:NAME`
    Group(String),
    /// `scope:NAME`
    Scope(String),
    /// `user:NAME`
    User(String),
}

/// Why a text names nobody; `Display` tells a policy's operator what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Another word before the colon, or no colon.
    #[error("{text:?} is not a member: write group:NAME, scope:NAME or user:NAME")]
    Kind {
        /// What was written.
        text: String,
    },
    /// No principal could have this name.
    #[error(
        "{text:?} names nobody: a name takes A-Z a-z 0-9 . _ @ : / + = , - and %XX for anything else, no patterns"
    )]
    Name {
        /// What was written.
        text: String,
    },
    /// No authenticator could have this id.
    #[error(
        "{text:?} names nobody: before the first '/' stands an authenticator's id (a-z, 0-9, '-', '_')"
    )]
    Authenticator {
        /// What was written.
        text: String,
    },
    /// Without an authenticator, where one is asked for.
    #[error(
        "{text:?} lacks its authenticator: write ID/NAME, because a bare name means nobody once there are two"
    )]
    Bare {
        /// What was written.
        text: String,
    },
}

impl Member {
    /// Reads `group:NAME`, `scope:NAME` or `user:NAME`.
    ///
    /// # Errors
    /// When the word before the colon is another, or no principal could ever have
    /// this name: a rule for nobody is a mistake in the data.
    pub fn parse(text: &str) -> Result<Self, MemberError> {
        let kind = || MemberError::Kind {
            text: text.to_owned(),
        };
        let (word, name) = text.split_once(':').ok_or_else(kind)?;
        let member = match word {
            "group" => Self::Group,
            "scope" => Self::Scope,
            "user" => Self::User,
            _ => return Err(kind()),
        };
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !is_encoded(name) {
            return Err(MemberError::Name {
                text: text.to_owned(),
            });
        }
        if let Some((authenticator, rest)) = name.split_once('/') {
            if !is_authenticator_id(authenticator) {
                return Err(MemberError::Authenticator {
                    text: text.to_owned(),
                });
            }
            if rest.is_empty() {
                return Err(MemberError::Name {
                    text: text.to_owned(),
                });
            }
        }
        Ok(member(name.to_owned()))
    }

    /// As [`Member::parse`], and refuses a bare name. For data that restricts: a bare
    /// name matches only while there is a single authenticator, and when it stops to
    /// match a restriction must not open.
    ///
    /// # Errors
    /// As [`Member::parse`]; and for a name without an authenticator.
    pub fn parse_qualified(text: &str) -> Result<Self, MemberError> {
        let member = Self::parse(text)?;
        let (Self::Group(name) | Self::Scope(name) | Self::User(name)) = &member;
        if !name.contains('/') {
            return Err(MemberError::Bare {
                text: text.to_owned(),
            });
        }
        Ok(member)
    }

    /// Is this principal meant?
    pub fn is(&self, principal: &Principal) -> bool {
        match self {
            Self::Group(name) => principal.is_in_group(name),
            Self::Scope(name) => principal.has_scope(name),
            Self::User(name) => principal.is_user(name),
        }
    }
}

/// Could this be the id of an authenticator?
///
/// ```
/// assert!(warden_sdk::is_authenticator_id("corp"));
/// assert!(!warden_sdk::is_authenticator_id("Corp"));
/// ```
pub fn is_authenticator_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_member_is_read() {
        assert_eq!(
            Member::parse("group:corp/a"),
            Ok(Member::Group("corp/a".into()))
        );
        assert_eq!(
            Member::parse("scope:read"),
            Ok(Member::Scope("read".into()))
        );
        assert_eq!(
            Member::parse("user:corp/a:b@c"),
            Ok(Member::User("corp/a:b@c".into()))
        );
        assert_eq!(
            Member::parse("group:corp/My%20Team"),
            Ok(Member::Group("corp/My%20Team".into()))
        );
        assert_eq!(
            Member::parse("group:kc//eng"),
            Ok(Member::Group("kc//eng".into()))
        );
    }

    #[test]
    fn another_kind_is_refused() {
        for text in ["analysts", "", "groups:a", "Group:a", "role:a", " group:a"] {
            assert!(
                matches!(Member::parse(text), Err(MemberError::Kind { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_that_nobody_can_have_is_refused() {
        for text in [
            "group:",
            "group:*",
            "group:corp/*",
            "group:a b",
            "user:\u{e9}",
            "user:%2",
            "user:%2f",
            "user:%GG",
            "user:corp/",
            "user:a\n",
        ] {
            assert!(
                matches!(Member::parse(text), Err(MemberError::Name { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            Member::parse("user:Corp/a"),
            Err(MemberError::Authenticator { .. })
        ));
        assert!(matches!(
            Member::parse("group:/eng"),
            Err(MemberError::Authenticator { .. })
        ));
        assert!(Member::parse(&format!("user:{}", "a".repeat(MAX_NAME_BYTES + 1))).is_err());
    }
}
