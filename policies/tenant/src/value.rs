//! The tenants a claim names.
//!
//! In: a request and a pointer. Out: at least one tenant, or why there is none.
//! The value is the outside world's text: its length is bounded here, its
//! characters where it is put into a rule.

use std::collections::BTreeSet;

use serde_json::Value;
use warden_sdk::Request;

use crate::error::Unusable;

/// Tenants of one claim: bounds what one session's rules cost the server.
pub(crate) const MAX_TENANTS: usize = 32;
/// Longest tenant, in bytes.
pub(crate) const MAX_TENANT_BYTES: usize = 128;

/// Reads a claim: a string, a whole number, or a list of them.
///
/// # Errors
/// When the claim is absent, of another type, or one of its elements is.
pub(crate) fn tenants(request: &Request, claim: &str) -> Result<BTreeSet<String>, Unusable> {
    if request.claim_json(claim).is_none() {
        return Err(Unusable::Missing);
    }
    match request.claim_value(claim).ok_or(Unusable::Kind)? {
        Value::Array(values) if values.is_empty() => Err(Unusable::NoTenant),
        Value::Array(values) if values.len() > MAX_TENANTS => Err(Unusable::TooManyTenants),
        Value::Array(values) => values.into_iter().map(tenant).collect(),
        single => tenant(single).map(|tenant| BTreeSet::from([tenant])),
    }
}

fn tenant(value: Value) -> Result<String, Unusable> {
    let tenant = match value {
        Value::String(text) => text,
        Value::Number(number) => number.as_u64().ok_or(Unusable::Kind)?.to_string(),
        _ => return Err(Unusable::Kind),
    };
    match tenant.len() {
        0 => Err(Unusable::NoTenant),
        length if length > MAX_TENANT_BYTES => Err(Unusable::TooLong),
        _ => Ok(tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_sdk::{Claim, Principal};

    fn read(json: &str) -> Result<Vec<String>, Unusable> {
        let request = Request::new(Principal::new("corp", "alice"));
        let request = request.with_claim(Claim::new("/tenant", json));
        tenants(&request, "/tenant").map(|tenants| tenants.into_iter().collect())
    }

    #[test]
    fn one_and_several_are_read() {
        assert_eq!(read(r#""acme""#).unwrap(), ["acme"]);
        assert_eq!(read("42").unwrap(), ["42"]);
        assert_eq!(read(r#"["b", "a", "b", 7]"#).unwrap(), ["7", "a", "b"]);
    }

    #[test]
    fn what_is_no_tenant_is_refused_whole() {
        for json in [
            "null",
            "true",
            "{}",
            "1.5",
            "-1",
            "1e400",
            "18446744073709551616",
            "{",
        ] {
            assert_eq!(read(json), Err(Unusable::Kind), "{json}");
        }
        for json in [r#"["a", null]"#, r#"[["a"]]"#, r#"[{"a": 1}]"#] {
            assert_eq!(read(json), Err(Unusable::Kind), "{json}");
        }
        for json in ["[]", r#""""#, r#"["a", ""]"#] {
            assert_eq!(read(json), Err(Unusable::NoTenant), "{json}");
        }
        let other = Request::new(Principal::new("corp", "alice"));
        assert_eq!(tenants(&other, "/tenant"), Err(Unusable::Missing));
    }

    #[test]
    fn size_is_bounded_rather_than_cut() {
        let text = |length: usize| format!("{:?}", "a".repeat(length));
        assert!(read(&text(MAX_TENANT_BYTES)).is_ok());
        assert_eq!(read(&text(MAX_TENANT_BYTES + 1)), Err(Unusable::TooLong));
        let list = |length: usize| serde_json::to_string(&vec!["a"; length]).unwrap();
        assert!(read(&list(MAX_TENANTS)).is_ok());
        assert_eq!(read(&list(MAX_TENANTS + 1)), Err(Unusable::TooManyTenants));
    }
}
