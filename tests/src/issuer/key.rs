//! Keys of every kind that tokens are signed with.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RsaKeyPair,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as JwtAlgorithm, EncodingKey, crypto};
use serde_json::Value;

use super::pem;

/// A signature algorithm of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of RFC 7518")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

impl Algorithm {
    /// Every algorithm that warden accepts from somebody.
    pub const ALL: [Self; 12] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The word of RFC 7518.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether it signs with a shared secret.
    pub fn is_hmac(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    fn jwt(self) -> JwtAlgorithm {
        match self {
            Self::RS256 => JwtAlgorithm::RS256,
            Self::RS384 => JwtAlgorithm::RS384,
            Self::RS512 => JwtAlgorithm::RS512,
            Self::PS256 => JwtAlgorithm::PS256,
            Self::PS384 => JwtAlgorithm::PS384,
            Self::PS512 => JwtAlgorithm::PS512,
            Self::ES256 => JwtAlgorithm::ES256,
            Self::ES384 => JwtAlgorithm::ES384,
            Self::EdDSA => JwtAlgorithm::EdDSA,
            Self::HS256 => JwtAlgorithm::HS256,
            Self::HS384 => JwtAlgorithm::HS384,
            Self::HS512 => JwtAlgorithm::HS512,
        }
    }
}

/// A key pair or shared secret with its id.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    id: String,
    private: EncodingKey,
    /// The public half as an X.509 SubjectPublicKeyInfo; the secret itself of an HMAC key.
    public: Vec<u8>,
}

impl SigningKey {
    /// Makes a fresh key.
    pub fn generate(algorithm: Algorithm, id: &str) -> Self {
        use Algorithm as A;
        match algorithm {
            A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512 => {
                Self::rsa(algorithm, id)
            }
            A::ES256 | A::ES384 => Self::ecdsa(algorithm, id),
            A::EdDSA => Self::ed25519(id),
            A::HS256 | A::HS384 | A::HS512 => {
                let mut secret = [0; 64];
                aws_lc_rs::rand::fill(&mut secret).expect("random bytes");
                Self::hmac(algorithm, id, &secret)
            }
        }
    }

    /// An HMAC key of these bytes.
    pub fn hmac(algorithm: Algorithm, id: &str, secret: &[u8]) -> Self {
        assert!(algorithm.is_hmac());
        Self {
            algorithm,
            id: id.to_owned(),
            private: EncodingKey::from_secret(secret),
            public: secret.to_vec(),
        }
    }

    fn rsa(algorithm: Algorithm, id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("PKCS#8");
        let private = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes())
            .expect("an RSA key");
        let public =
            AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("a public key");
        Self {
            algorithm,
            id: id.to_owned(),
            private,
            public: public.as_ref().to_vec(),
        }
    }

    fn ecdsa(algorithm: Algorithm, id: &str) -> Self {
        let curve = match algorithm {
            Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
        };
        let private = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("an EC key");
        let pair = EcdsaKeyPair::from_pkcs8(curve, private.as_ref()).expect("an EC key");
        let public =
            AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("a public key");
        Self {
            algorithm,
            id: id.to_owned(),
            private: EncodingKey::from_ec_der(private.as_ref()),
            public: public.as_ref().to_vec(),
        }
    }

    fn ed25519(id: &str) -> Self {
        let private =
            Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("an Ed25519 key");
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(private.as_ref()).expect("an Ed25519 key");
        let public =
            AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("a public key");
        Self {
            algorithm: Algorithm::EdDSA,
            id: id.to_owned(),
            private: EncodingKey::from_ed_der(private.as_ref()),
            public: public.as_ref().to_vec(),
        }
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same key under another id.
    #[must_use]
    pub fn with_id(&self, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..self.clone()
        }
    }

    /// The same key, signing with another algorithm of its family.
    #[must_use]
    pub fn with_algorithm(&self, algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            ..self.clone()
        }
    }

    /// The public half (of an HMAC key, the secret) as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        let mut key =
            Jwk::from_encoding_key(&self.private, self.algorithm.jwt()).expect("a key has its JWK");
        key.common.key_id = Some(self.id.clone());
        serde_json::to_value(key).expect("a JWK is JSON")
    }

    /// The public key as a `key_file` holds it.
    pub fn public_pem(&self) -> String {
        assert!(!self.algorithm.is_hmac(), "an HMAC key has no public half");
        pem("PUBLIC KEY", &self.public)
    }

    /// The secret as a `secret_file` holds it.
    pub fn secret(&self) -> &[u8] {
        assert!(
            self.algorithm.is_hmac(),
            "only an HMAC key is a shared secret"
        );
        &self.public
    }

    /// The signature of these bytes in base64url.
    pub fn signature(&self, bytes: &[u8]) -> String {
        crypto::sign(bytes, &self.private, self.algorithm.jwt()).expect("the key signs")
    }
}
