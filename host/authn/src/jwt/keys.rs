//! The keys a token may be verified with.
//!
//! In come the bytes of a key set, a PEM file or a secret; out goes a [`KeySet`]
//! of keys each of which knows the algorithms it may be used with. A key that is
//! malformed, too small or private fails the whole set. Nothing is fetched.

mod jwks;
mod material;
mod pem;
#[cfg(test)]
mod tests;

use super::not_a_token;
use super::verify::SignatureError;
use crate::Error;
use crate::quote::quoted;
use jsonwebtoken::{Algorithm, DecodingKey};

/// Most keys tried on one token: bounds the work of a forged one. A set may hold
/// more; a token that names its key is then still verified.
const MAX_CANDIDATES: usize = 16;

/// Keys of one issuer.
pub struct KeySet {
    keys: Vec<Key>,
}

/// One key, and what it may be used for.
pub(crate) struct Key {
    /// Its `kid`; a key without one answers to any.
    id: Option<String>,
    /// The algorithms its type, size, curve and own `alg` allow.
    algorithms: Vec<Algorithm>,
    /// What verifies.
    pub(crate) material: DecodingKey,
}

impl KeySet {
    /// From a JSON Web Key Set (RFC 7517) of public keys.
    ///
    /// Keys for encryption, of types or curves warden does not verify with, or for
    /// other algorithms, are left out.
    ///
    /// # Errors
    /// [`Error::Keys`] for malformed JSON, members given twice, a private or
    /// symmetric key, an RSA key outside 2048–8192 bits, a point off its curve, an
    /// `alg` at odds with the key, more than 1,000 keys, or no usable one.
    pub fn from_jwks(bytes: &[u8]) -> Result<Self, Error> {
        jwks::parse(bytes).map(|keys| Self { keys })
    }

    /// From one PEM block: a public key (SPKI or PKCS#1) or an X.509 certificate.
    /// A certificate is taken as the container of its key: neither its dates nor
    /// its issuer are checked.
    ///
    /// # Errors
    /// [`Error::Keys`] for anything else, several blocks, or a private key.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, Error> {
        pem::parse(bytes).map(|key| Self { keys: vec![key] })
    }

    /// From a secret for HMAC: the bytes as they are, one trailing line end cut.
    ///
    /// # Errors
    /// [`Error::Keys`] below 32 bytes (RFC 7518 §3.2: the size of the hash), and
    /// for PEM text: a public key is not a secret.
    pub fn from_secret(bytes: &[u8]) -> Result<Self, Error> {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.windows(10).any(|window| window == b"-----BEGIN") {
            return Err(Error::Keys(
                "holds PEM, which is not a shared secret".to_owned(),
            ));
        }
        let algorithms: Vec<_> = [
            (Algorithm::HS256, 32),
            (Algorithm::HS384, 48),
            (Algorithm::HS512, 64),
        ]
        .into_iter()
        .filter(|(_, bytes)| secret.len() >= *bytes)
        .map(|(algorithm, _)| algorithm)
        .collect();
        if algorithms.is_empty() {
            return Err(Error::Keys(
                "holds a secret shorter than 32 bytes".to_owned(),
            ));
        }
        let material = DecodingKey::from_secret(secret);
        Ok(Self {
            keys: vec![Key {
                id: None,
                algorithms,
                material,
            }],
        })
    }

    /// How many keys can verify.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can verify; never so for a set that was made.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Every algorithm some key allows.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut all = Vec::new();
        for algorithm in self.keys.iter().flat_map(|key| &key.algorithms) {
            if !all.contains(algorithm) {
                all.push(*algorithm);
            }
        }
        all
    }

    /// The keys that may have made a signature: of the named id when the token
    /// names one (a key without an id answers to any), and for the algorithm.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when there is none, or more than 16.
    pub(crate) fn candidates(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<&Key>, SignatureError> {
        let named: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key_id.is_none() || key.id.is_none() || key.id.as_deref() == key_id)
            .collect();
        if let (Some(id), true) = (key_id, named.is_empty()) {
            return Err(SignatureError::UnknownKey(not_a_token(&format!(
                "its key id {} is unknown",
                quoted(id)
            ))));
        }
        let able: Vec<_> = named
            .into_iter()
            .filter(|key| key.algorithms.contains(&algorithm))
            .collect();
        match able.len() {
            0 => {
                let reason = not_a_token(&format!(
                    "its algorithm {algorithm:?} is not one of its key"
                ));
                Err(match key_id {
                    Some(_) => SignatureError::Refused(reason),
                    None => SignatureError::UnknownKey(reason),
                })
            }
            1..=MAX_CANDIDATES => Ok(able),
            _ => Err(SignatureError::Refused(not_a_token(
                "it names no key and too many keys could have made it",
            ))),
        }
    }
}
