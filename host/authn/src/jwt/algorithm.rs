//! The signature algorithms of tokens, by their registered names.
//!
//! In comes a name out of a header, a key or a configuration; out goes one of the
//! algorithms warden verifies, or nothing. `none`, `ES256K`, `Ed448` and every
//! other spelling are not among them. Nothing is verified here.

use std::fmt;
use std::str::FromStr;

/// An algorithm of the registry "JSON Web Signature and Encryption Algorithms".
///
/// ECDSA has no further names in RFC 9864: those of RFC 7518 fix curve and hash
/// already, and `ESP256` and its like are for COSE only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// EdDSA (RFC 8037 §3.1); here with Ed25519 only.
    EdDSA,
    /// EdDSA with Ed25519, the fully specified name (RFC 9864 §2.2).
    Ed25519,
}

impl Algorithm {
    /// Every algorithm, in the order of their RFCs.
    pub(crate) const ALL: [Self; 14] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
    ];

    /// The registered name, whose case matters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Whether it is made and verified with one and the same secret.
    pub(crate) const fn is_hmac(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is none of an algorithm warden verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads the exact spelling (RFC 7515 §4.1.1: case matters).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_read_from_its_own_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
            assert_eq!(format!("{algorithm:?}"), algorithm.to_string());
            assert_eq!(
                algorithm.is_hmac(),
                algorithm.as_str().starts_with("HS"),
                "{algorithm}"
            );
        }
    }

    #[test]
    fn another_spelling_or_another_algorithm_is_unknown() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.as_str();
            for other in [
                name.to_lowercase(),
                format!("{name} "),
                format!(" {name}"),
                format!("{name}\0"),
                name[1..].to_owned(),
            ] {
                assert_eq!(other.parse::<Algorithm>(), Err(UnknownAlgorithm), "{other}");
            }
        }
        for name in [
            "",
            "none",
            "ES256K",
            "Ed448",
            "EDDSA",
            "ed25519",
            "ESP256",
            "ESP384",
            "ESP512",
            "ESB256",
            "RS1",
            "HS1",
            "ML-DSA-44",
        ] {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
        }
    }
}
