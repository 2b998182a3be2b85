//! Signatures, and what the command line asks of a token.
//!
//! In come a token and a key set; out goes the token's content, with the
//! signature verified or, in [`inspect`] alone, not. A session is never made from
//! what these functions return: that takes the chain.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Map, Value};
use warden_core::{Now, Reason};

use super::algorithm::Algorithm;
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
    signature(&compact, &Header::check(&inspected.header)?, keys, None)?;
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

/// Why a signature does not count: the two that a caller treats differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// No key of the set is the one the token names, or it names none and none
    /// made it: a newer set may have it.
    UnknownKey(Reason),
    /// No newer set changes it.
    Refused(Reason),
}

impl From<SignatureError> for Reason {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::UnknownKey(reason) | SignatureError::Refused(reason) => reason,
        }
    }
}

/// Verifies a signature with the keys that may have made it. `allowed` narrows
/// the algorithms; without it each key's own count.
///
/// # Errors
/// [`SignatureError::UnknownKey`] as told there. [`SignatureError::Refused`]:
/// algorithm not allowed or at odds with the key, signature wrong. Both carry
/// `ReasonKind::Credential`.
pub(crate) fn signature(
    compact: &Compact<'_>,
    header: &Header,
    keys: &KeySet,
    allowed: Option<&[Algorithm]>,
) -> Result<(), SignatureError> {
    let algorithm = header.algorithm;
    if allowed.is_some_and(|allowed| !allowed.contains(&algorithm)) {
        return Err(SignatureError::Refused(not_a_token(&format!(
            "its algorithm {algorithm} is not accepted"
        ))));
    }
    let candidates = keys.candidates(&header.key, algorithm)?;
    let mut verifiers = candidates.verifiers.iter();
    if verifiers.any(|key| key.verifies(compact.signed, &compact.signature)) {
        return Ok(());
    }
    let reason = not_a_token("its signature is wrong");
    Err(if candidates.are_named {
        SignatureError::Refused(reason)
    } else {
        SignatureError::UnknownKey(reason)
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
