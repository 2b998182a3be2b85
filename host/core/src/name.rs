//! Names of authenticators, principals and the Valkey users they become.
//!
//! Whatever a token says, a name that leaves this file holds only
//! `[A-Za-z0-9._@:/+=,-]` and `%XX`, so it can stand in an ACL list, a log line
//! and a key of a data file without being anything else there.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Longest name, in bytes, before encoding: bounds what one token can cost.
pub const MAX_NAME_BYTES: usize = 256;

/// Words that mean something else where a user name stands (docs/configuration.md).
const RESERVED: [&str; 3] = ["token", "certificate", "default"];

/// Everything outside `[A-Za-z0-9._@:/+=,-]` is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'@')
    .remove(b':')
    .remove(b'/')
    .remove(b'+')
    .remove(b'=')
    .remove(b',')
    .remove(b'-');

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No characters at all.
    #[error("the name is empty")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("the name is longer than 256 bytes")]
    TooLong,
    /// A control character, NUL included.
    #[error("the name holds a control character")]
    Control,
    /// `token`, `certificate` or `default`.
    #[error("the name is reserved")]
    Reserved,
    /// An authenticator id outside `[a-z0-9_-]`, or over 64 bytes.
    #[error("an id takes 1 to 64 characters of a-z, 0-9, '-' and '_'")]
    Id,
    /// A name without its authenticator's id.
    #[error("write ID/NAME with the authenticator's id, as corp/alice")]
    Unqualified,
    /// Not as WARDEN.WHOAMI and WARDEN.SESSIONS show it.
    #[error(
        "write the name as WARDEN.SESSIONS shows it: what is outside A-Z a-z 0-9 . _ @ : / + = , - is percent-encoded, in capitals"
    )]
    Spelling,
}

/// An authenticator's id: the first half of every user name it vouches for. Every principal has one: cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticatorId(Arc<str>);

impl AuthenticatorId {
    /// Checks an id: 1 to 64 characters of `[a-z0-9_-]`, none of the reserved words.
    pub fn new(id: &str) -> Result<Self, NameError> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(allowed) {
            return Err(NameError::Id);
        }
        if RESERVED.contains(&id) {
            return Err(NameError::Reserved);
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthenticatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A principal's name within its authenticator, encoded.
///
/// ```
/// use warden_core::PrincipalName;
/// assert_eq!(PrincipalName::new("alice").unwrap().as_str(), "alice");
/// assert_eq!(PrincipalName::new("a b~*").unwrap().as_str(), "a%20b%7E%2A");
/// assert!(PrincipalName::new("default").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(String);

impl PrincipalName {
    /// Encodes and checks a name as a token or directory gave it.
    pub fn new(raw: &str) -> Result<Self, NameError> {
        let encoded = encode(raw)?;
        if RESERVED.contains(&raw) {
            return Err(NameError::Reserved);
        }
        Ok(Self(encoded.into_owned()))
    }

    /// The encoded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is what the token or the directory gave, and nothing in it is encoded.
    pub fn is_verbatim(&self) -> bool {
        !self.0.contains('%')
    }

    /// The name as the token or the directory gave it.
    pub fn raw(&self) -> Cow<'_, str> {
        percent_decode_str(&self.0).decode_utf8_lossy()
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The Valkey user a principal becomes: `id/principal`, for example `corp/alice`.
///
/// The authenticator's id holds no slash, so the first slash divides the two
/// and the same name under two authenticators is two users.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// Joins the two halves.
    pub fn new(authenticator: &AuthenticatorId, principal: &PrincipalName) -> Self {
        Self([authenticator.as_str(), "/", principal.as_str()].concat())
    }

    /// That of a user of the server's own ACL. For a name that had to be encoded there is no
    /// such user: see [`PrincipalName::is_verbatim`].
    pub fn of_acl_user(principal: &PrincipalName) -> Self {
        Self(principal.as_str().to_owned())
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Qualifies a group or scope with its authenticator: `corp/analysts`.
///
/// # Errors
/// As [`PrincipalName::new`], except that no word is reserved here.
pub fn qualify(authenticator: &AuthenticatorId, raw: &str) -> Result<String, NameError> {
    Ok([authenticator.as_str(), "/", &encode(raw)?].concat())
}

/// Takes a name apart as it is shown, `corp/alice` or `corp/My%20Team`: the
/// authenticator's id, and the name as it was before it was encoded.
///
/// # Errors
/// When it is no such name, or is written otherwise than it would be shown.
pub fn read_qualified(shown: &str) -> Result<(AuthenticatorId, String), NameError> {
    let (id, name) = shown.split_once('/').ok_or(NameError::Unqualified)?;
    let raw = percent_decode_str(name)
        .decode_utf8()
        .map_err(|_| NameError::Spelling)?;
    if encode(&raw)? != name {
        return Err(NameError::Spelling);
    }
    Ok((AuthenticatorId::new(id)?, raw.into_owned()))
}

/// Percent-encodes what is outside the alphabet; refuses what has no name at all.
fn encode(raw: &str) -> Result<Cow<'_, str>, NameError> {
    if raw.is_empty() {
        return Err(NameError::Empty);
    }
    if raw.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if raw.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(utf8_percent_encode(raw, ENCODED).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_names_that_mean_something_else() {
        for reserved in RESERVED {
            assert_eq!(PrincipalName::new(reserved), Err(NameError::Reserved));
        }
        assert_eq!(PrincipalName::new(""), Err(NameError::Empty));
        assert_eq!(PrincipalName::new("a\0b"), Err(NameError::Control));
        assert_eq!(PrincipalName::new("a\nb"), Err(NameError::Control));
        assert_eq!(PrincipalName::new("\u{85}"), Err(NameError::Control));
        assert_eq!(
            PrincipalName::new(&"a".repeat(257)),
            Err(NameError::TooLong)
        );
        assert!(PrincipalName::new(&"a".repeat(256)).is_ok());
    }

    #[test]
    fn an_id_cannot_hold_a_slash() {
        assert_eq!(AuthenticatorId::new("corp/x"), Err(NameError::Id));
        assert_eq!(AuthenticatorId::new("token"), Err(NameError::Reserved));
        assert!(AuthenticatorId::new("corp-1_x").is_ok());
    }

    #[test]
    fn a_name_is_read_only_as_it_is_shown() {
        for bad in [
            "alice", "corp/", "Corp/a", "corp/a b", "corp/%61", "corp/%2a", "corp/%zz",
        ] {
            assert!(read_qualified(bad).is_err(), "{bad}");
        }
        let (id, name) = read_qualified("corp/a/My%20Team").unwrap();
        assert_eq!((id.as_str(), name.as_str()), ("corp", "a/My Team"));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(raw in "\\PC{1,60}") {
            let corp = AuthenticatorId::new("corp").unwrap();
            if let Ok(shown) = qualify(&corp, &raw) {
                prop_assert_eq!(read_qualified(&shown), Ok((corp, raw)));
            }
        }

        #[test]
        fn an_encoded_name_stays_in_the_alphabet(raw in "\\PC{1,60}") {
            if let Ok(name) = PrincipalName::new(&raw) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._@:/+=,-%".contains(&b)));
            }
        }

        #[test]
        fn two_names_never_become_one(a in "\\PC{1,20}", b in "\\PC{1,20}") {
            if let (Ok(x), Ok(y)) = (PrincipalName::new(&a), PrincipalName::new(&b)) {
                prop_assert_eq!(a == b, x == y);
            }
        }
    }
}
