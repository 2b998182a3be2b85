//! Public keys and certificates in PEM.
//!
//! In comes a text file of exactly one block; out goes its public key. More than
//! one block is refused: in a certificate chain the authority's key would
//! otherwise sign tokens too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Key, KeyName, Verifier, material};
use crate::Error;

/// What every block begins with (RFC 7468 §2).
const BEGIN: &[u8] = b"-----BEGIN ";

/// Reads the one key of a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Key, Error> {
    let several = || refused("must hold exactly one PEM block; several keys go into a jwks_file");
    // The reader passes over a block that is broken, and takes one behind it.
    if bytes
        .windows(BEGIN.len())
        .filter(|part| *part == BEGIN)
        .count()
        > 1
    {
        return Err(several());
    }
    let blocks = Pem::iter_from_buffer(bytes)
        .take(2)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| refused("is not PEM"))?;
    let [block] = blocks.as_slice() else {
        return Err(several());
    };
    let verifiers = match block.label.as_str() {
        "PUBLIC KEY" => public_key(&whole::<SubjectPublicKeyInfo<'_>>(&block.contents)?)?,
        "RSA PUBLIC KEY" => rsa(&block.contents)?,
        "CERTIFICATE" => certificate(&block.contents)?,
        label if label.ends_with("PRIVATE KEY") => {
            return Err(refused(
                "holds a private key; only the public key belongs here",
            ));
        }
        _ => return Err(refused("is neither a PEM public key nor a certificate")),
    };
    Ok(Key {
        name: KeyName::default(),
        verifiers,
    })
}

/// Whether bytes are a public key or a certificate without its PEM: as DER, or as the
/// Base64 of it.
pub(super) fn is_public(bytes: &[u8]) -> bool {
    let is_der = |der: &[u8]| {
        whole::<SubjectPublicKeyInfo<'_>>(der).is_ok()
            || whole::<RSAPublicKey<'_>>(der).is_ok()
            || whole::<X509Certificate<'_>>(der).is_ok()
    };
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    is_der(bytes) || STANDARD.decode(text).is_ok_and(|der| is_der(&der))
}

fn certificate(der: &[u8]) -> Result<Vec<Verifier>, Error> {
    let certificate = whole::<X509Certificate<'_>>(der)?;
    let usage = certificate
        .key_usage()
        .map_err(|_| refused("holds a malformed certificate"))?;
    if usage.is_some_and(|usage| !usage.value.digital_signature()) {
        return Err(refused(
            "holds a certificate whose key usage is not digital signature",
        ));
    }
    public_key(certificate.public_key())
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Result<Vec<Verifier>, Error> {
    let kind = &info.algorithm.algorithm;
    let bytes = info.subject_public_key.data.as_ref();
    if *kind == OID_PKCS1_RSAENCRYPTION {
        return rsa(bytes);
    }
    if *kind == OID_SIG_ED25519 {
        return material::ed25519(bytes);
    }
    let curve = info
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.as_oid().ok());
    let curve = curve.filter(|_| *kind == OID_KEY_TYPE_EC_PUBLIC_KEY);
    match curve {
        Some(curve) if curve == OID_EC_P256 => material::elliptic(&material::P256, bytes),
        Some(curve) if curve == OID_NIST_EC_P384 => material::elliptic(&material::P384, bytes),
        Some(curve) if curve == OID_NIST_EC_P521 => material::elliptic(&material::P521, bytes),
        _ => Err(refused(
            "holds a key that is none of RSA, P-256, P-384, P-521 and Ed25519",
        )),
    }
}

fn rsa(der: &[u8]) -> Result<Vec<Verifier>, Error> {
    let key = whole::<RSAPublicKey<'_>>(der)?;
    let negative = |bytes: &[u8]| bytes.first().is_none_or(|byte| byte & 0x80 != 0);
    if negative(key.modulus) || negative(key.exponent) {
        return Err(refused("holds a malformed RSA key"));
    }
    material::rsa(key.modulus, key.exponent)
}

/// Parses DER to its last byte.
fn whole<'a, T: FromDer<'a, x509_parser::error::X509Error>>(der: &'a [u8]) -> Result<T, Error> {
    match T::from_der(der) {
        Ok(([], value)) => Ok(value),
        _ => Err(refused("holds malformed DER")),
    }
}

fn refused(text: &str) -> Error {
    Error::Keys(text.to_owned())
}
