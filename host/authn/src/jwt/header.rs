//! The protected header: which algorithm, which key, which type.
//!
//! In comes the header's object, unverified; out go the members warden
//! understands. Keys and addresses in it (`jwk`, `x5c`, `jku`, `x5u`) are not even
//! looked at: a token must not choose what it is verified with.

use std::str::FromStr;

use serde_json::{Map, Value};
use warden_core::Reason;
use warden_settings::quoted;

use super::algorithm::Algorithm;
use super::keys::KeyName;
use super::not_a_token;

/// The checked header.
#[derive(Debug)]
pub(crate) struct Header {
    /// One of the algorithms warden knows; `none` is not among them.
    pub(crate) algorithm: Algorithm,
    /// Which key is said to have made the signature.
    pub(crate) key: KeyName,
    /// `typ`, as written.
    pub(crate) kind: Option<String>,
}

impl Header {
    /// Checks the members that bear on verification.
    ///
    /// # Errors
    /// `ReasonKind::Credential`: `alg` unknown in its exact spelling; any `crit`,
    /// since no extension is understood here (RFC 7515 §4.1.11); an unencoded
    /// payload (`b64`, RFC 7797); members of the wrong type.
    pub(crate) fn check(header: &Map<String, Value>) -> Result<Self, Reason> {
        if header.contains_key("crit") {
            return Err(not_a_token("its header has critical extensions"));
        }
        if header
            .get("b64")
            .is_some_and(|b64| *b64 != Value::Bool(true))
        {
            return Err(not_a_token("its payload is not encoded"));
        }
        let name =
            text(header, "alg")?.ok_or_else(|| not_a_token("its header names no algorithm"))?;
        let algorithm = Algorithm::from_str(&name).map_err(|_| {
            not_a_token(&format!("its algorithm {} is not accepted", quoted(&name)))
        })?;
        Ok(Self {
            algorithm,
            key: KeyName {
                id: text(header, "kid")?,
                sha1_thumbprint: text(header, "x5t")?,
                sha256_thumbprint: text(header, "x5t#S256")?,
            },
            kind: text(header, "typ")?,
        })
    }
}

fn text(header: &Map<String, Value>, name: &str) -> Result<Option<String>, Reason> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(not_a_token(&format!(
            "the member {name} of its header is not a string"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(header: &Value) -> Result<Header, Reason> {
        Header::check(header.as_object().unwrap())
    }

    #[test]
    fn alg_none_is_refused_in_any_spelling() {
        for alg in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            "",
            "\u{0}none",
            "hs256",
            "RS256 ",
            "ES256K",
            "RS1",
            "dir",
        ] {
            assert!(check(&json!({ "alg": alg })).is_err(), "{alg:?}");
        }
        for alg in [json!(null), json!(["RS256"]), json!(256), json!({})] {
            assert!(check(&json!({ "alg": alg })).is_err());
        }
        assert!(check(&json!({})).is_err());
    }

    #[test]
    fn any_critical_extension_is_refused() {
        for crit in [
            json!(["exp"]),
            json!(["b64"]),
            json!(["x"]),
            json!([]),
            json!("x"),
            json!(null),
        ] {
            assert!(check(&json!({ "alg": "RS256", "crit": crit, "x": 1 })).is_err());
        }
        assert!(check(&json!({ "alg": "RS256", "b64": false })).is_err());
        assert!(check(&json!({ "alg": "RS256", "b64": "true" })).is_err());
    }

    #[test]
    fn a_key_id_thumbprint_or_type_that_is_no_string_is_refused() {
        for value in [json!(1), json!(null), json!(["k"])] {
            for member in ["kid", "x5t", "x5t#S256", "typ"] {
                let header = json!({ "alg": "RS256", (member): value });
                assert!(check(&header).is_err(), "{header}");
            }
        }
    }
}
