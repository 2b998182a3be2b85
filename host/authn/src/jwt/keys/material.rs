//! Numbers and points of public keys, checked, as verification wants them.
//!
//! In come big-endian bytes; out goes the key with the algorithms it allows.

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaPublicKeyComponents,
};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::Error;

/// A key's material and the algorithms it allows.
pub(super) type Material = (DecodingKey, Vec<Algorithm>);

/// Sizes of RSA keys in bits: below is weak, above costs too much to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA key from modulus and exponent.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Material, Error> {
    let modulus = without_leading_zeros(modulus);
    let exponent = without_leading_zeros(exponent);
    let leading = modulus.first().map_or(8, |byte| byte.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(8));
    if !RSA_BITS.contains(&bits) {
        return Err(Error::Keys(format!(
            "an RSA key has {bits} bits; 2048 to 8192 are accepted"
        )));
    }
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
    if !odd(modulus) || !odd(exponent) || exponent == [1] || exponent.len() > 4 {
        return Err(Error::Keys("an RSA key is malformed".to_owned()));
    }
    RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    }
    .to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256)
    .map_err(|_| Error::Keys("an RSA key is malformed".to_owned()))?;
    let algorithms = vec![
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    Ok((
        DecodingKey::from_rsa_raw_components(modulus, exponent),
        algorithms,
    ))
}

/// A P-256 key from its uncompressed point.
pub(super) fn p256(point: &[u8]) -> Result<Material, Error> {
    let key = elliptic(&signature::ECDSA_P256_SHA256_FIXED, 65, point)?;
    Ok((key, vec![Algorithm::ES256]))
}

/// A P-384 key from its uncompressed point.
pub(super) fn p384(point: &[u8]) -> Result<Material, Error> {
    let key = elliptic(&signature::ECDSA_P384_SHA384_FIXED, 97, point)?;
    Ok((key, vec![Algorithm::ES384]))
}

fn elliptic(
    algorithm: &'static EcdsaVerificationAlgorithm,
    length: usize,
    point: &[u8],
) -> Result<DecodingKey, Error> {
    let uncompressed = point.len() == length && point.first() == Some(&4);
    if !uncompressed || ParsedPublicKey::new(algorithm, point).is_err() {
        return Err(Error::Keys(
            "an elliptic curve key is not a point of its curve".to_owned(),
        ));
    }
    Ok(DecodingKey::from_ec_der(point))
}

/// An Ed25519 key from its 32 bytes.
pub(super) fn ed25519(bytes: &[u8]) -> Result<Material, Error> {
    if bytes.len() != 32 || ParsedPublicKey::new(&signature::ED25519, bytes).is_err() {
        return Err(Error::Keys("an Ed25519 key is malformed".to_owned()));
    }
    Ok((DecodingKey::from_ed_der(bytes), vec![Algorithm::EdDSA]))
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
