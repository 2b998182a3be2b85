//! A member of a role: `group:corp/analysts`.

use warden_sdk::Principal;

use crate::error::Fault;

/// Longest name in bytes: an id, a slash and 256 percent-encoded bytes.
const MAX_NAME_BYTES: usize = 64 + 1 + 3 * 256;

/// Who holds a role. Names are exact; there are no patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Group(String),
    Scope(String),
    User(String),
}

impl Member {
    /// Reads `group:NAME`, `scope:NAME` or `user:NAME`.
    ///
    /// # Errors
    /// When the word before the colon is another, or no principal could ever have
    /// this name: a rule for nobody is a mistake in the data.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let kind = || Fault::MemberKind {
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
            return Err(Fault::MemberName {
                text: text.to_owned(),
            });
        }
        if let Some((authenticator, rest)) = name.split_once('/') {
            if !is_id(authenticator) {
                return Err(Fault::MemberAuthenticator {
                    text: text.to_owned(),
                });
            }
            if rest.is_empty() {
                return Err(Fault::MemberName {
                    text: text.to_owned(),
                });
            }
        }
        Ok(member(name.to_owned()))
    }

    /// Is this principal meant?
    pub(crate) fn is(&self, principal: &Principal) -> bool {
        match self {
            Self::Group(name) => principal.is_in_group(name),
            Self::Scope(name) => principal.has_scope(name),
            Self::User(name) => principal.is_user(name),
        }
    }
}

/// Only characters that a name can hold once the host has encoded it.
fn is_encoded(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@:/+=,-".contains(&b);
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => bytes.next().is_some_and(hexadecimal) && bytes.next().is_some_and(hexadecimal),
            other => plain(other),
        };
        if !good {
            return false;
        }
    }
    true
}

/// Could this be the id of an authenticator?
fn is_id(text: &str) -> bool {
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
                matches!(Member::parse(text), Err(Fault::MemberKind { .. })),
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
                matches!(Member::parse(text), Err(Fault::MemberName { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            Member::parse("user:Corp/a"),
            Err(Fault::MemberAuthenticator { .. })
        ));
        assert!(matches!(
            Member::parse("group:/eng"),
            Err(Fault::MemberAuthenticator { .. })
        ));
        assert!(Member::parse(&format!("user:{}", "a".repeat(MAX_NAME_BYTES + 1))).is_err());
    }
}
