//! From whom a plugin vouches for to a principal.
//!
//! In comes what the plugin answered; out goes a principal that ends, or a refusal. An
//! answer that is not what the contract says decides nothing.

use serde_json::{Map, Value, json};
use warden_core::plugin::Vouched;
use warden_core::{AuthenticatorId, Method, Now, Principal, Reason, ReasonKind};
use warden_settings::quoted;

use super::settings::Settings;
use crate::asking::unavailable;
use crate::json;
use crate::registered;

/// The principal, by the rules of `[claims]` and `[require]` as for every other.
///
/// # Errors
/// `ReasonKind::Unavailable` for an answer that is not what the contract says, as for a
/// plugin that failed; `ReasonKind::Expired`; and those of the mapping.
pub(super) fn principal(
    vouched: Vouched,
    settings: &Settings,
    id: &AuthenticatorId,
    now: Now,
) -> Result<Principal, Reason> {
    let mut end = now.wall.plus(settings.lifetime);
    if let Some(expires) = vouched.expires {
        let expires = registered::timestamp(&json!(expires));
        end = end.min(expires.ok_or_else(|| malformed("an end after the year 9999"))?);
    }
    if end <= now.wall {
        return Err(Reason::new(
            ReasonKind::Expired,
            "the plugin says that the credential has expired",
        ));
    }
    let mapped = settings.mapping.apply(claims(vouched)?, id)?;
    let principal = mapped.principal(id, Method::Plugin, Some(end));
    Ok(settings.terms.hold(principal))
}

/// All of it as claims.
fn claims(vouched: Vouched) -> Result<Map<String, Value>, Reason> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(vouched.name));
    claims.insert("groups".to_owned(), json!(vouched.groups));
    claims.insert("scope".to_owned(), json!(vouched.scopes));
    for (name, text) in vouched.claims {
        let value = json::value(text.as_bytes())
            .map_err(|why| malformed(&format!("a claim {} that is {why}", quoted(&name))))?;
        if claims.contains_key(&name) {
            return Err(malformed(&format!("the claim {} twice", quoted(&name))));
        }
        claims.insert(name, value);
    }
    Ok(claims)
}

fn malformed(what: &str) -> Reason {
    unavailable(format!("the plugin answered {what}"))
}
