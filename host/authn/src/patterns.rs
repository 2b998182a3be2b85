//! `users` and `not_users`: which names an authenticator speaks for.
//!
//! In come glob patterns (`*`, `?`, `[…]`) and names; out come yes or no. A pattern may
//! be written in any spelling of a name: raw or encoded, with or without the leading
//! `id/`. So may the name a client gives; a principal's name has one meaning only.

use std::borrow::Cow;

use glob::Pattern;
use percent_encoding::percent_decode_str;
use warden_core::{AuthenticatorId, PrincipalName};
use warden_settings::quoted;

/// Longest pattern, and longest name a pattern is tried on, in bytes: bounds the
/// work of matching on the main thread. An encoded name with its id is shorter.
const MAX_BYTES: usize = 1024;

/// A name that patterns are tried on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    /// What a client gave to AUTH, in whatever spelling.
    Given(&'a str),
    /// Whom a credential turned out to be.
    Principal(&'a PrincipalName),
}

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
    pub(crate) fn bind(&self, id: &AuthenticatorId, name: Name<'_>) -> bool {
        self.users
            .as_deref()
            .is_some_and(|users| matches(users, id, name))
            && !matches(&self.not_users, id, name)
    }

    /// Whether the authenticator may speak about this name.
    pub(crate) fn admit(&self, id: &AuthenticatorId, name: Name<'_>) -> bool {
        !name.is_too_long()
            && self
                .users
                .as_deref()
                .is_none_or(|users| matches(users, id, name))
            && !matches(&self.not_users, id, name)
    }
}

impl<'a> Name<'a> {
    fn is_too_long(self) -> bool {
        matches!(self, Self::Given(name) if name.len() > MAX_BYTES)
    }

    /// Every spelling without the id in front.
    fn spellings(self, id: &AuthenticatorId) -> Vec<Cow<'a, str>> {
        match self {
            Self::Principal(name) => vec![Cow::Borrowed(name.as_str()), name.raw()],
            Self::Given(given) => forms(id, given)
                .flat_map(|form| {
                    let encoded = PrincipalName::new(form).ok();
                    let encoded = encoded.map(|name| Cow::Owned(name.as_str().to_owned()));
                    [Some(Cow::Borrowed(form)), encoded, decoded(form)]
                })
                .flatten()
                .collect(),
        }
    }
}

/// The raw name whose encoded spelling this is.
fn decoded(form: &str) -> Option<Cow<'_, str>> {
    let raw = percent_decode_str(form).decode_utf8().ok()?;
    let is_encoded = PrincipalName::new(&raw).is_ok_and(|name| name.as_str() == form);
    is_encoded.then_some(raw)
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

fn matches(patterns: &[Pattern], id: &AuthenticatorId, name: Name<'_>) -> bool {
    !patterns.is_empty()
        && !name.is_too_long()
        && name.spellings(id).iter().any(|local| {
            let qualified = format!("{id}/{local}");
            patterns
                .iter()
                .any(|pattern| pattern.matches(local) || pattern.matches(&qualified))
        })
}

/// A name without a leading `id/`.
pub(crate) fn local<'a>(id: &AuthenticatorId, name: &'a str) -> &'a str {
    after_id(id, name).unwrap_or(name)
}

/// The name as given, and without a leading `id/`.
fn forms<'a>(id: &AuthenticatorId, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
    std::iter::once(name).chain(after_id(id, name))
}

fn after_id<'a>(id: &AuthenticatorId, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(id.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
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
            assert!(names.bind(&id(), Name::Given(bound)), "{bound}");
        }
        for free in ["alice", "other/svc-a", "svc-x1", "corp/svc-x1", "svc-xé"] {
            assert!(!names.bind(&id(), Name::Given(free)), "{free}");
        }
    }

    #[test]
    fn without_users_every_name_but_the_excluded_is_admitted_and_none_is_bound() {
        let names = names(None, &["root"]);
        let admits = |name: &str| names.admit(&id(), Name::Given(name));
        assert!(admits("alice"));
        assert!(!admits("root"));
        assert!(!admits("corp/root"));
        assert!(!names.bind(&id(), Name::Given("alice")));
        assert!(!admits(&"a".repeat(1025)));
    }

    /// Whom a token names is decided by the same patterns as the name given beside it,
    /// in whichever spelling both are.
    #[test]
    fn a_pattern_may_be_in_any_spelling_of_a_name() {
        let root = PrincipalName::new(r"CORP\root").unwrap();
        let spellings = [
            r"CORP\root",
            "CORP%5Croot",
            r"corp/CORP\root",
            "corp/CORP%5Croot",
        ];
        for pattern in spellings {
            let kept = names(None, &[pattern]);
            let bound = names(Some(&[pattern]), &[]);
            let principal = std::iter::once(Name::Principal(&root));
            for name in principal.chain(spellings.map(Name::Given)) {
                assert!(!kept.admit(&id(), name), "{pattern} {name:?}");
                assert!(bound.bind(&id(), name), "{pattern} {name:?}");
            }
        }
    }

    #[test]
    fn a_principal_named_like_another_with_the_id_is_not_that_other() {
        let other = PrincipalName::new("corp/alice").unwrap();
        let names = names(Some(&["alice", "corp/bob"]), &[]);
        assert!(!names.admit(&id(), Name::Principal(&other)));
        let bob = PrincipalName::new("bob").unwrap();
        assert!(names.admit(&id(), Name::Principal(&bob)));
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
