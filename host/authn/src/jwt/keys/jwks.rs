//! JSON Web Key Sets (RFC 7517).
//!
//! In come the bytes of a key set; out go its keys that verify signatures.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Key, KeyName, Verifier, material};
use crate::Error;
use crate::json;
use crate::jwt::algorithm::Algorithm;

/// Most keys of a set.
const MAX_KEYS: usize = 1000;

/// The members of a key that bear on verification; others are ignored
/// (RFC 7517 §4), certificates in it included. Their thumbprints are names only.
#[derive(Deserialize)]
struct RawKey {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_sha256: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
}

/// Reads a set.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Key>, Error> {
    let mut set =
        json::object(bytes).map_err(|why| Error::Keys(format!("is not a key set: {why}")))?;
    let Some(Value::Array(raw)) = set.remove("keys") else {
        return Err(Error::Keys(
            "is not a key set: it has no list of keys".to_owned(),
        ));
    };
    if raw.len() > MAX_KEYS {
        return Err(Error::Keys(format!("holds more than {MAX_KEYS} keys")));
    }
    let mut keys = Vec::new();
    for (index, value) in raw.into_iter().enumerate() {
        let key = serde_json::from_value(value)
            .map_err(|_| Error::Keys("it is malformed".to_owned()))
            .and_then(key)
            .map_err(|error| Error::Keys(format!("key {index} of the set: {error}")))?;
        keys.extend(key);
    }
    if keys.is_empty() {
        return Err(Error::Keys(
            "holds no key that can verify signatures".to_owned(),
        ));
    }
    Ok(keys)
}

/// One key; `None` when it is for something warden does not do.
fn key(raw: RawKey) -> Result<Option<Key>, Error> {
    if raw.kty == "oct" {
        return Err(Error::Keys(
            "it is a shared secret; those come from secret_file".to_owned(),
        ));
    }
    if raw.d.is_some() {
        return Err(Error::Keys(
            "it is a private key; only public keys belong here".to_owned(),
        ));
    }
    let signs = raw.usage.as_deref().is_none_or(|usage| usage == "sig")
        && raw
            .key_ops
            .as_ref()
            .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !signs {
        return Ok(None);
    }
    let Some(mut verifiers) = verifiers_of(&raw)? else {
        return Ok(None);
    };
    if let Some(name) = &raw.alg {
        let Ok(algorithm) = Algorithm::from_str(name) else {
            return Ok(None);
        };
        // Exactly that name, also of `EdDSA` and `Ed25519`: `alg` tells which
        // algorithm a key is for (RFC 7517 §4.4), and a key for the new name states
        // that one and not the old (RFC 9864 §5).
        verifiers.retain(|verifier| verifier.algorithm() == algorithm);
        if verifiers.is_empty() {
            return Err(Error::Keys(
                "its alg is at odds with its type or curve".to_owned(),
            ));
        }
    }
    let name = KeyName {
        id: raw.kid,
        sha1_thumbprint: raw.x5t,
        sha256_thumbprint: raw.x5t_sha256,
    };
    Ok(Some(Key { name, verifiers }))
}

fn verifiers_of(raw: &RawKey) -> Result<Option<Vec<Verifier>>, Error> {
    match (raw.kty.as_str(), raw.crv.as_deref()) {
        ("RSA", None) => {
            material::rsa(&bytes(raw.n.as_deref())?, &bytes(raw.e.as_deref())?).map(Some)
        }
        ("EC", Some("P-256")) => material::elliptic(&material::P256, &point(raw)?).map(Some),
        ("EC", Some("P-384")) => material::elliptic(&material::P384, &point(raw)?).map(Some),
        ("EC", Some("P-521")) => material::elliptic(&material::P521, &point(raw)?).map(Some),
        ("OKP", Some("Ed25519")) => material::ed25519(&bytes(raw.x.as_deref())?).map(Some),
        ("RSA", Some(_)) | ("EC" | "OKP", None) => {
            Err(Error::Keys("its curve is at odds with its type".to_owned()))
        }
        _ => Ok(None),
    }
}

/// The uncompressed point; lengths are checked where the curve is known. Both
/// halves must have the same length, or one could borrow from the other.
fn point(raw: &RawKey) -> Result<Vec<u8>, Error> {
    let (x, y) = (bytes(raw.x.as_deref())?, bytes(raw.y.as_deref())?);
    if x.len() != y.len() {
        return Err(Error::Keys(
            "its coordinates have different lengths".to_owned(),
        ));
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

fn bytes(text: Option<&str>) -> Result<Vec<u8>, Error> {
    let text = text.ok_or_else(|| Error::Keys("a member is missing".to_owned()))?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Error::Keys("a member is not base64url".to_owned()))
}
