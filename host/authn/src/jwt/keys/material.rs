//! Numbers and points of keys, checked, as verification wants them.
//!
//! In come big-endian bytes; out go the verifiers of the algorithms that the key
//! allows. Everything that can be parsed is parsed here, once.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
};

use super::verifier::Verifier;
use crate::Error;
use crate::jwt::algorithm::Algorithm;

/// Sizes of RSA keys in bits: below is weak, above costs too much to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What RSA keys are used with (RFC 7518 §3.3, §3.5; a salt of PSS is as long as
/// its hash).
const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
];

/// What secrets are used with, and the fewest bytes of one (RFC 7518 §3.2).
const HMAC: [(Algorithm, hmac::Algorithm, usize); 3] = [
    (Algorithm::HS256, hmac::HMAC_SHA256, 32),
    (Algorithm::HS384, hmac::HMAC_SHA384, 48),
    (Algorithm::HS512, hmac::HMAC_SHA512, 64),
];

/// A curve of ECDSA (RFC 7518 §3.4): signatures are the two numbers one after
/// the other, each as long as a coordinate.
pub(super) struct Curve {
    algorithm: Algorithm,
    parameters: &'static EcdsaVerificationAlgorithm,
    /// Length of one coordinate.
    bytes: usize,
}

/// P-256, for ES256.
pub(super) const P256: Curve = Curve {
    algorithm: Algorithm::ES256,
    parameters: &signature::ECDSA_P256_SHA256_FIXED,
    bytes: 32,
};
/// P-384, for ES384.
pub(super) const P384: Curve = Curve {
    algorithm: Algorithm::ES384,
    parameters: &signature::ECDSA_P384_SHA384_FIXED,
    bytes: 48,
};
/// P-521, for ES512.
pub(super) const P521: Curve = Curve {
    algorithm: Algorithm::ES512,
    parameters: &signature::ECDSA_P521_SHA512_FIXED,
    bytes: 66,
};

/// An RSA key from modulus and exponent.
///
/// # Errors
/// [`Error::Keys`] outside 2048–8192 bits, for even numbers, and for an exponent
/// that is 1 or longer than four bytes.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Vec<Verifier>, Error> {
    let modulus = without_leading_zeros(modulus);
    let exponent = without_leading_zeros(exponent);
    let leading = modulus.first().map_or(8, |byte| byte.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(8));
    if !RSA_BITS.contains(&bits) {
        return Err(Error::Keys(format!(
            "an RSA key has {bits} bits; 2048 to 8192 are accepted"
        )));
    }
    let malformed = || Error::Keys("an RSA key is malformed".to_owned());
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
    if !odd(modulus) || !odd(exponent) || exponent == [1] || exponent.len() > 4 {
        return Err(malformed());
    }
    let key = RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    RSA.into_iter()
        .map(|(algorithm, parameters)| {
            let key = key
                .to_parsed_public_key(parameters)
                .map_err(|_| malformed())?;
            Ok(Verifier::public(algorithm, key))
        })
        .collect()
}

/// A key of a curve from its uncompressed point.
///
/// # Errors
/// [`Error::Keys`] for another form or length, and off the curve.
pub(super) fn elliptic(curve: &Curve, point: &[u8]) -> Result<Vec<Verifier>, Error> {
    let uncompressed = point.len() == 1 + 2 * curve.bytes && point.first() == Some(&4);
    uncompressed
        .then(|| ParsedPublicKey::new(curve.parameters, point).ok())
        .flatten()
        .map(|key| vec![Verifier::public(curve.algorithm, key)])
        .ok_or_else(|| Error::Keys("an elliptic curve key is not a point of its curve".to_owned()))
}

/// An Ed25519 key from its 32 bytes. Without an `alg` of its own it serves the
/// old name and the new one: both are this curve and this operation (RFC 8037
/// §3.1, RFC 9864 §2.2).
///
/// # Errors
/// [`Error::Keys`] for another length.
pub(super) fn ed25519(bytes: &[u8]) -> Result<Vec<Verifier>, Error> {
    let malformed = || Error::Keys("an Ed25519 key is malformed".to_owned());
    if bytes.len() != 32 {
        return Err(malformed());
    }
    let key = ParsedPublicKey::new(&signature::ED25519, bytes).map_err(|_| malformed())?;
    Ok([Algorithm::EdDSA, Algorithm::Ed25519]
        .map(|algorithm| Verifier::public(algorithm, key.clone()))
        .into())
}

/// A shared secret, for the hashes it is long enough for; perhaps none.
pub(super) fn secret(bytes: &[u8]) -> Vec<Verifier> {
    HMAC.into_iter()
        .filter(|(_, _, least)| bytes.len() >= *least)
        .map(|(algorithm, hash, _)| Verifier::secret(algorithm, hmac::Key::new(hash, bytes)))
        .collect()
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
