//! Signatures, and what the command line asks of a token.
//!
//! In come a token and a key set; out goes the token's content, with the
//! signature verified or, in [`inspect`] alone, not. A session is never made from
//! what these functions return: that takes the chain.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde_json::{Map, Value};
use warden_core::{Now, Reason};

use super::compact::Compact;
use super::header::Header;
use super::keys::KeySet;
use super::not_a_token;
use crate::json;
use crate::registered::Dates;

/// The parts of a token, for a person to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The payload as claims, when it is a JSON object without doubled members.
    pub claims: Option<Map<String, Value>>,
}

/// Takes a token apart without verifying anything.
///
/// # Errors
/// `ReasonKind::Credential` when it is not a compact JWS of at most 16,384 bytes
/// with a JSON header.
pub fn inspect(token: &[u8]) -> Result<Inspected, Reason> {
    Compact::parse(token).and_then(|compact| inspected(&compact))
}

/// Verifies a token's signature and nothing else.
///
/// # Errors
/// `ReasonKind::Credential` when it is malformed, or no key of the set made it.
pub fn verify_signature(token: &[u8], keys: &KeySet) -> Result<Inspected, Reason> {
    let compact = Compact::parse(token)?;
    let inspected = inspected(&compact)?;
    signature(&compact, &Header::check(&inspected.header)?, keys, None)
        .map_err(SignatureError::into_reason)?;
    Ok(inspected)
}

/// Verifies a token's signature and dates. Issuer, audience and names are not
/// looked at. A token without `exp` passes.
///
/// # Errors
/// As [`verify_signature`]; `Claims`, `Expired` or `NotYetValid` for its dates.
pub fn verify_token(
    token: &[u8],
    keys: &KeySet,
    leeway: Duration,
    now: Now,
) -> Result<Inspected, Reason> {
    let inspected = verify_signature(token, keys)?;
    let claims = inspected
        .claims
        .as_ref()
        .ok_or_else(|| not_a_token("its payload is not a JSON object"))?;
    Dates::read(claims)?.check(leeway, now.wall)?;
    Ok(inspected)
}

/// Why a signature is not good.
#[derive(Debug)]
pub(crate) enum SignatureError {
    /// No key of the set is the one the token names, or it names none and none made it:
    /// a newer set may have it.
    UnknownKey(Reason),
    /// The token is bad whatever keys there are.
    Refused(Reason),
}

impl SignatureError {
    pub(crate) fn into_reason(self) -> Reason {
        match self {
            Self::UnknownKey(reason) | Self::Refused(reason) => reason,
        }
    }
}

/// Verifies a signature with the keys that may have made it, by one of the `allowed`
/// algorithms; `None` means all that its key allows.
///
/// # Errors
/// `ReasonKind::Credential`: algorithm not allowed, key unknown, signature wrong.
pub(crate) fn signature(
    compact: &Compact<'_>,
    header: &Header,
    keys: &KeySet,
    allowed: Option<&[Algorithm]>,
) -> Result<(), SignatureError> {
    let algorithm = header.algorithm;
    if allowed.is_some_and(|allowed| !allowed.contains(&algorithm)) {
        return Err(SignatureError::Refused(not_a_token(&format!(
            "its algorithm {algorithm:?} is not accepted"
        ))));
    }
    for key in keys.candidates(header.key_id.as_deref(), algorithm)? {
        let verifier =
            (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key.material).map_err(|_| {
                SignatureError::Refused(not_a_token("its algorithm is at odds with its key"))
            })?;
        if verifier.verify(compact.signed, &compact.signature).is_ok() {
            return Ok(());
        }
    }
    let wrong = not_a_token("its signature is wrong");
    Err(match header.key_id {
        Some(_) => SignatureError::Refused(wrong),
        None => SignatureError::UnknownKey(wrong),
    })
}

fn inspected(compact: &Compact<'_>) -> Result<Inspected, Reason> {
    let header = json::object(&compact.header)
        .map_err(|why| not_a_token(&format!("its header is not strict JSON: {why}")))?;
    Ok(Inspected {
        header,
        payload: compact.payload.clone(),
        claims: json::object(&compact.payload).ok(),
    })
}
