//! Keys and signatures for tests, by the library that `warden policy sign` uses.

use std::io::Cursor;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign::KeyPair;

use super::{MANIFEST, Manifest, PolicyKey, PolicyKeys, SIGNATURE};

/// Somebody with a key.
pub(crate) struct Signer(KeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    /// The public key, as `policy_keys` takes it.
    pub(crate) fn letters(&self) -> String {
        self.0.pk.to_base64()
    }

    pub(crate) fn key(&self) -> PolicyKey {
        PolicyKey::parse(&self.letters()).unwrap()
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        let signed = minisign::sign(None, &self.0.sk, Cursor::new(bytes), None, None);
        signed.unwrap().into_string()
    }

    /// Lists and signs what a directory holds.
    pub(crate) fn sign_directory(&self, dir: &Path, revision: u64) {
        let manifest = Manifest::of_directory(dir, revision, None).unwrap();
        self.sign_text(dir, &manifest.text().unwrap());
    }

    /// Signs this very list.
    pub(crate) fn sign_text(&self, dir: &Path, text: &str) {
        std::fs::write(dir.join(MANIFEST), text).unwrap();
        std::fs::write(dir.join(SIGNATURE), self.sign(text.as_bytes())).unwrap();
    }
}

pub(crate) fn keys(signers: &[&Signer]) -> PolicyKeys {
    let letters: Vec<String> = signers.iter().map(|signer| signer.letters()).collect();
    PolicyKeys::parse(&letters.join(" ")).unwrap()
}

/// A key and a signature in the format of minisign before 0.10: over the bytes themselves,
/// not over their digest.
pub(crate) fn legacy(bytes: &[u8]) -> (PolicyKeys, String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let named = |rest: &[u8]| STANDARD.encode([b"Ed12345678", rest].concat());
    let key = named(pair.public_key().as_ref());
    let signature = pair.sign(bytes);
    let comment = "timestamp:1";
    let global = pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
    let text = format!(
        "untrusted comment: old\n{}\ntrusted comment: {comment}\n{}\n",
        named(signature.as_ref()),
        STANDARD.encode(global.as_ref())
    );
    (PolicyKeys::parse(&key).unwrap(), text)
}
