//! `users` and `not_users`: which names an authenticator speaks for.
//!
//! In come glob patterns (`*`, `?`, `[…]`) and names; out come yes or no. A
//! pattern matches the encoded name, with or without the leading `id/`.

use glob::Pattern;
use warden_core::{AuthenticatorId, PrincipalName};

use crate::quote::quoted;

/// Longest pattern, and longest name a pattern is tried on, in bytes: bounds the
/// work of matching on the main thread. An encoded name with its id is shorter.
const MAX_BYTES: usize = 1024;

/// The names bound to one authenticator and those kept from it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    users: Option<Vec<Pattern>>,
    not_users: Vec<Pattern>,
}

impl Names {
    /// From checked patterns; `None` means that `users` is not configured.
    pub(crate) fn new(users: Option<Vec<Pattern>>, not_users: Vec<Pattern>) -> Self {
        Self { users, not_users }
    }

    /// Whether the name belongs to this authenticator and to no other.
    pub(crate) fn bind(&self, id: &AuthenticatorId, name: &str) -> bool {
        self.users
            .as_deref()
            .is_some_and(|users| matches(users, id, name))
            && !matches(&self.not_users, id, name)
    }

    /// Whether the authenticator may be asked about a name given to AUTH.
    pub(crate) fn admit(&self, id: &AuthenticatorId, name: &str) -> bool {
        name.len() <= MAX_BYTES
            && self
                .users
                .as_deref()
                .is_none_or(|users| matches(users, id, name))
            && !matches(&self.not_users, id, name)
    }
}

/// Checks one pattern.
///
/// # Errors
/// Text for the operator when it is empty, too long or malformed.
pub(crate) fn parse(pattern: &str) -> Result<Pattern, String> {
    if pattern.is_empty() || pattern.len() > MAX_BYTES {
        return Err(format!("a pattern takes 1 to {MAX_BYTES} bytes"));
    }
    Pattern::new(pattern)
        .map_err(|error| format!("{} is not a pattern: {}", quoted(pattern), error.msg))
}

/// Whether the name given to AUTH is the principal's: with or without `id/`,
/// raw or encoded.
pub(crate) fn is_name_of(given: &str, id: &AuthenticatorId, principal: &PrincipalName) -> bool {
    forms(id, given).any(|form| {
        form == principal.as_str()
            || PrincipalName::new(form).is_ok_and(|encoded| encoded == *principal)
    })
}

fn matches(patterns: &[Pattern], id: &AuthenticatorId, name: &str) -> bool {
    !patterns.is_empty()
        && name.len() <= MAX_BYTES
        && forms(id, name).any(|form| {
            let encoded = PrincipalName::new(form).ok();
            patterns.iter().any(|pattern| {
                pattern.matches(form)
                    || encoded
                        .as_ref()
                        .is_some_and(|name| pattern.matches(name.as_str()))
            })
        })
}

/// The name as given, and without a leading `id/`.
fn forms<'a>(id: &AuthenticatorId, name: &'a str) -> impl Iterator<Item = &'a str> {
    let local = name
        .strip_prefix(id.as_str())
        .and_then(|rest| rest.strip_prefix('/'));
    std::iter::once(name).chain(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> AuthenticatorId {
        AuthenticatorId::new("corp").unwrap()
    }

    fn names(users: Option<&[&str]>, not_users: &[&str]) -> Names {
        let all = |list: &[&str]| list.iter().map(|p| parse(p).unwrap()).collect();
        Names::new(users.map(all), all(not_users))
    }

    #[test]
    fn a_pattern_binds_the_name_with_and_without_its_id() {
        let names = names(Some(&["svc-*"]), &["svc-x?"]);
        for bound in ["svc-a", "corp/svc-a", "svc-a/b"] {
            assert!(names.bind(&id(), bound), "{bound}");
        }
        for free in ["alice", "other/svc-a", "svc-x1", "corp/svc-x1", "svc-xé"] {
            assert!(!names.bind(&id(), free), "{free}");
        }
    }

    #[test]
    fn without_users_every_name_but_the_excluded_is_admitted_and_none_is_bound() {
        let names = names(None, &["root"]);
        assert!(names.admit(&id(), "alice"));
        assert!(!names.admit(&id(), "root"));
        assert!(!names.admit(&id(), "corp/root"));
        assert!(!names.bind(&id(), "alice"));
        assert!(!names.admit(&id(), &"a".repeat(1025)));
    }

    #[test]
    fn a_malformed_pattern_is_an_error() {
        for bad in ["", "[", "a***b", &"x".repeat(1025)] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_the_principals_raw_or_encoded_with_or_without_the_id() {
        let alice = PrincipalName::new("alice b").unwrap();
        for good in ["alice b", "alice%20b", "corp/alice b", "corp/alice%20b"] {
            assert!(is_name_of(good, &id(), &alice), "{good}");
        }
        for bad in [
            "",
            "alice",
            "corp/",
            "other/alice b",
            "corp/corp/alice b",
            "Alice b",
            "alice%20B",
        ] {
            assert!(!is_name_of(bad, &id(), &alice), "{bad}");
        }
    }
}
