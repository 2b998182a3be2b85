//! Signatures over a chain.
//!
//! In: an ed25519 key, and where a chain has come to. Out: signatures (RFC 8032), and whether
//! one is good. Who has the key, and nobody else, can vouch for everything up to a record: its
//! chain value stands for all records before it. Never: the key in a message or in `Debug`.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use warden_settings::Access;

use crate::chain::{Value, hex, read_hex};

/// Largest key file read, in bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// What every signed message begins with, so that none is good anywhere else.
const PURPOSE: &[u8] = b"warden-audit-checkpoint-v1\0";

/// What stands before the 32 bytes of a key in a SubjectPublicKeyInfo of ed25519. DER allows
/// no other encoding (RFC 8410 section 4).
const SPKI_PREFIX: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or is open to others.
    #[error("{path:?} {source}")]
    File {
        /// The key's file.
        path: PathBuf,
        /// Why not.
        source: warden_settings::Error,
    },
    /// It holds no such key.
    #[error("{path:?} holds no {wanted}")]
    NoKey {
        /// The key's file.
        path: PathBuf,
        /// What it must hold, and how it is made.
        wanted: &'static str,
    },
}

/// What a checkpoint vouches for: a record, and by its chain value all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The server that wrote it: 40 hexadecimal digits.
    pub node: &'a str,
    /// The number of the record before the checkpoint.
    pub sequence: u64,
    /// The chain value of the record before the checkpoint.
    pub chain: Value,
}

impl Place<'_> {
    fn message(&self) -> Vec<u8> {
        let sequence = self.sequence.to_be_bytes();
        [PURPOSE, self.node.as_bytes(), &sequence, &self.chain].concat()
    }
}

/// The key that signs checkpoints.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Reads `signing_key_file`: PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes
    /// it.
    ///
    /// # Errors
    /// A file that cannot be read, that everybody may read, or that holds something else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let pem = read(path, Access::Secret)?;
        Self::from_pem(&pem).ok_or_else(|| Error::NoKey {
            path: path.to_owned(),
            wanted: "private ed25519 key in PEM (PKCS#8); make one with \
                     `openssl genpkey -algorithm ed25519`",
        })
    }

    /// The key of a PEM text; `None` where it holds none.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
        let public = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    /// What its signatures are verified with.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The signature, as 128 hexadecimal digits.
    pub fn sign(&self, place: &Place<'_>) -> String {
        hex(self.pair.sign(&place.message()).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public).finish()
    }
}

/// The key that checkpoints are verified with. May be known to everybody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a file: SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// A file that cannot be read, that everybody may write, or that holds something else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let pem = read(path, Access::Public)?;
        Self::from_pem(&pem).ok_or_else(|| Error::NoKey {
            path: path.to_owned(),
            wanted: "public ed25519 key in PEM; make it with `openssl pkey -in KEY -pubout`",
        })
    }

    /// The key of a PEM text; `None` where it holds none.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
        let key = der.as_ref().strip_prefix(&SPKI_PREFIX)?;
        Some(Self(key.try_into().ok()?))
    }

    /// From 64 lower-case hexadecimal digits, as checkpoints carry it.
    pub fn from_hex(text: &str) -> Option<Self> {
        read_hex(text.as_bytes()).map(Self)
    }

    /// As 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Whether this key signed that; no for a signature that is not 128 hexadecimal digits.
    pub fn verifies(&self, place: &Place<'_>, signature: &str) -> bool {
        let Some(signature) = read_hex::<64>(signature.as_bytes()) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(&place.message(), &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

fn read(path: &Path, access: Access) -> Result<impl std::ops::Deref<Target = Vec<u8>>, Error> {
    warden_settings::read(path, MAX_KEY_BYTES, access).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(crate) mod tests;
