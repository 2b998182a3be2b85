//! One key made ready for one algorithm.
//!
//! In came the key, parsed once; in come a message and a signature; out goes
//! whether the one signs the other. It has no `Debug`: it may hold a secret.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use crate::jwt::algorithm::Algorithm;

/// What verifies the signatures of one key and one algorithm.
pub(crate) struct Verifier {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl Verifier {
    /// From a public key that was parsed for this algorithm.
    pub(super) fn public(algorithm: Algorithm, key: ParsedPublicKey) -> Self {
        Self {
            algorithm,
            material: Material::Public(key),
        }
    }

    /// From a secret that was made a key of this algorithm's hash.
    pub(super) fn secret(algorithm: Algorithm, key: hmac::Key) -> Self {
        Self {
            algorithm,
            material: Material::Secret(Box::new(key)),
        }
    }

    /// The one algorithm it verifies.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the key made this signature of this message. MACs are compared in
    /// constant time.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}
