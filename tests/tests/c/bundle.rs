//! Whom the policies in C are asked about.
//!
//! In: names, groups, scopes and claims. Out: a principal of `corp`, and what a policy answers
//! to it, on one line.

use serde_json::{Map, Value};
use warden_core::{Claims, Principal};
use warden_tests::asked::{self, Asked, client, line};

/// Somebody of `corp`.
pub(crate) fn principal(name: &str, groups: &[&str], scopes: &[&str], sole: bool) -> Principal {
    let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Principal {
        groups: texts(groups),
        scopes: texts(scopes),
        sole_authenticator: sole,
        ..asked::principal(name, &[""; 0], &Map::new())
    }
}

/// What the policy answers to somebody with these claims, on one line.
pub(crate) fn verdict(
    asked: &Asked,
    mut principal: Principal,
    claims: impl IntoIterator<Item = (&'static str, Value)>,
) -> String {
    let claims = claims.into_iter();
    let claims = claims.map(|(name, value)| (name.to_owned(), value));
    principal.claims = Claims::new(&claims.collect());
    match asked.about(&principal, &client("192.0.2.7", false)) {
        Ok(opinion) => line(&opinion),
        Err(failure) => format!("failed: {failure}"),
    }
}
