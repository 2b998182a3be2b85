//! `cnf`: the key that whoever presents a token must prove to have (RFC 7800).
//!
//! In come claims; out goes the fingerprint of the client certificate a token is bound to
//! (RFC 8705 §3.1). A binding that nobody can prove on this protocol (a key of DPoP,
//! RFC 9449, for example) refuses the token: taken without its proof, it would be worth
//! more to a thief than its issuer meant.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use warden_core::{Reason, ReasonKind};

/// The SHA-256 of the certificate, in lower-case hexadecimal; `None` for a token that is
/// bound to nothing.
///
/// # Errors
/// `ReasonKind::Claims` when `cnf` is malformed or binds to anything else.
pub(super) fn certificate(claims: &Value) -> Result<Option<String>, Reason> {
    let refused = |why: &str| Err(Reason::new(ReasonKind::Claims, format!("its cnf {why}")));
    let Some(confirmation) = claims.get("cnf") else {
        return Ok(None);
    };
    let Some(members) = confirmation.as_object() else {
        return refused("is not an object");
    };
    let thumbprint = match members.get("x5t#S256") {
        Some(Value::String(text)) if members.len() == 1 => text,
        Some(Value::String(_)) => return refused("binds it to more than a certificate"),
        Some(_) => return refused("names a thumbprint that is not a string"),
        None => return refused("binds it to something a client of Valkey cannot prove"),
    };
    match URL_SAFE_NO_PAD.decode(thumbprint) {
        Ok(bytes) if bytes.len() == 32 => Ok(Some(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        )),
        _ => refused("names a thumbprint that is not a SHA-256"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_may_be_bound_to_one_certificate() {
        assert_eq!(certificate(&json!({})).unwrap(), None);
        let text = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
        let bound = certificate(&json!({ "cnf": { "x5t#S256": text } }))
            .unwrap()
            .unwrap();
        assert!(bound.starts_with("6f070ad1eb1cdc00"), "{bound}");
        assert_eq!(bound.len(), 64);
    }

    #[test]
    fn a_binding_that_cannot_be_proved_refuses() {
        let good = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";
        for cnf in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({ "jkt": good }),
            json!({ "jwk": {} }),
            json!({ "x5t#S256": 1 }),
            json!({ "x5t#S256": "" }),
            json!({ "x5t#S256": "AAAA" }),
            json!({ "x5t#S256": format!("{good}=") }),
            json!({ "x5t#S256": good, "jkt": good }),
            json!({ "x5t#s256": good }),
        ] {
            assert!(certificate(&json!({ "cnf": cnf })).is_err(), "{cnf}");
        }
    }
}
