//! The keys a token may be verified with.
//!
//! In come the bytes of a key set, a PEM file or a secret; out goes a [`KeySet`]
//! of keys each of which knows the algorithms it may be used with. A key that is
//! malformed, too small or private fails the whole set. Nothing is fetched.

mod jwks;
mod material;
mod name;
mod pem;
#[cfg(test)]
mod tests;
mod verifier;

pub(crate) use name::KeyName;
pub(crate) use verifier::Verifier;

use super::algorithm::Algorithm;
use super::not_a_token;
use super::verify::SignatureError;
use crate::Error;
use crate::json;
use name::Match;

/// Most keys tried on one token: bounds the work of a forged one. A set may hold
/// more; a token that names its key is then still verified.
const MAX_CANDIDATES: usize = 16;

/// Keys of one issuer.
pub struct KeySet {
    keys: Vec<Key>,
}

/// One key, and what it may be used for.
struct Key {
    /// What it is called; a key without a name answers to any.
    name: KeyName,
    /// One for each algorithm its type, size, curve and own `alg` allow.
    verifiers: Vec<Verifier>,
}

/// The keys that may have made one signature.
pub(crate) struct Candidates<'a> {
    /// 1 to 16, each for the signature's algorithm.
    pub(crate) verifiers: Vec<&'a Verifier>,
    /// Whether some key of the set states the name that the token gives. Where
    /// none does, another set may hold the key that is meant.
    pub(crate) are_named: bool,
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
    /// for PEM, a JSON object, or a public key in whatever form: none is a secret.
    pub fn from_secret(bytes: &[u8]) -> Result<Self, Error> {
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        let refused = |what: &str| Error::Keys(format!("holds {what}, which is no shared secret"));
        if secret.windows(10).any(|window| window == b"-----BEGIN") {
            return Err(refused("PEM"));
        }
        if json::object(secret).is_ok() {
            return Err(refused("a JSON object"));
        }
        if pem::is_public(bytes) || pem::is_public(secret) {
            return Err(refused("a public key"));
        }
        let verifiers = material::secret(secret);
        if verifiers.is_empty() {
            return Err(Error::Keys(
                "holds a secret shorter than 32 bytes".to_owned(),
            ));
        }
        Ok(Self {
            keys: vec![Key {
                name: KeyName::default(),
                verifiers,
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
        for verifier in self.keys.iter().flat_map(|key| &key.verifiers) {
            if !all.contains(&verifier.algorithm()) {
                all.push(verifier.algorithm());
            }
        }
        all
    }

    /// The keys that may have made a signature: those the token means when it
    /// names one (a key without a name answers to any), and of these the ones for
    /// the algorithm.
    ///
    /// # Errors
    /// [`SignatureError::UnknownKey`] when no key is meant, or none of those that
    /// may be does that algorithm; [`SignatureError::Refused`] when the key that is
    /// meant does not, when a shared secret is asked of public keys or the other
    /// way round, and for more than 16.
    pub(crate) fn candidates(
        &self,
        name: &KeyName,
        algorithm: Algorithm,
    ) -> Result<Candidates<'_>, SignatureError> {
        let at_odds = || not_a_token(&format!("its algorithm {algorithm} is not one of its key"));
        if algorithm.is_hmac() != self.is_secret() {
            return Err(SignatureError::Refused(at_odds()));
        }
        let meant: Vec<_> = self
            .keys
            .iter()
            .map(|key| (name.means(&key.name), key))
            .filter(|(fit, _)| *fit != Match::Other)
            .collect();
        if meant.is_empty() {
            let detail = format!("its {} is unknown", name.in_words());
            return Err(SignatureError::UnknownKey(not_a_token(&detail)));
        }
        let are_named = meant.iter().any(|(fit, _)| *fit == Match::Stated);
        let verifiers: Vec<_> = meant
            .iter()
            .flat_map(|(_, key)| &key.verifiers)
            .filter(|verifier| verifier.algorithm() == algorithm)
            .collect();
        match verifiers.len() {
            0 if are_named => Err(SignatureError::Refused(at_odds())),
            0 => Err(SignatureError::UnknownKey(at_odds())),
            1..=MAX_CANDIDATES => Ok(Candidates {
                verifiers,
                are_named,
            }),
            _ => Err(SignatureError::Refused(not_a_token(
                "it names no key and too many keys could have made it",
            ))),
        }
    }

    /// Whether its key is a shared secret; public keys never stand beside one.
    fn is_secret(&self) -> bool {
        let mut verifiers = self.keys.iter().flat_map(|key| &key.verifiers);
        let first = verifiers.next();
        first.is_some_and(|verifier| verifier.algorithm().is_hmac())
    }
}
