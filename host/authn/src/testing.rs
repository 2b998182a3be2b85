//! Throw-away keys, tokens and directories for this crate's tests.

pub(crate) mod asked;
pub(crate) mod online;
pub(crate) mod web;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use warden_core::{Credential, Now, Principal, Reason, Timestamp, Verified};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;

use crate::{Chain, ChainSettings, LoadReport, Outcome, Presented, Services};

/// Real time for what happens on other threads.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the tests answers when it answers"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// The tests' present: a second of the year 2027.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn at(wall_seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(wall_seconds),
        monotonic: Duration::from_secs(1000),
    }
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that signs.
pub(crate) enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static OTHER_RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static P256: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P256(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
});
pub(crate) static P384: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P384(EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
});
pub(crate) static P521: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P521(EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap())
});
pub(crate) static ED: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed(Ed25519KeyPair::generate().unwrap()));
pub(crate) static SECRET: LazyLock<Signer> =
    LazyLock::new(|| Signer::Secret((0..64).map(|n| b'0' + n).collect()));

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    /// Signs with an algorithm that the key can do.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    other => panic!("RSA cannot do {other}"),
                };
                let mut signed = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signed).unwrap();
                signed
            }
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
            Self::Secret(secret) => mac(alg, secret, message),
        }
    }

    /// A token from header and payload text, signed with `alg` whatever they say.
    pub(crate) fn compact(&self, alg: &str, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        let signature = b64(self.sign(alg, message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token with an ordinary header.
    pub(crate) fn token(&self, alg: &str, claims: &Value) -> String {
        self.compact(
            alg,
            &json!({ "alg": alg, "typ": "JWT" }).to_string(),
            &claims.to_string(),
        )
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(key) => {
                let (_, public) = RSAPublicKey::from_der(key.public_key().as_ref()).unwrap();
                let modulus = public.modulus.strip_prefix(&[0]).unwrap();
                json!({ "kty": "RSA", "n": b64(modulus), "e": b64(public.exponent) })
            }
            Self::P256(key) => point("P-256", key),
            Self::P384(key) => point("P-384", key),
            Self::P521(key) => point("P-521", key),
            Self::Ed(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key()) }),
            Self::Secret(secret) => json!({ "kty": "oct", "k": b64(secret) }),
        }
    }

    /// The JWK with further members.
    pub(crate) fn jwk_with(&self, members: &Value) -> Value {
        let mut jwk = self.jwk();
        for (name, value) in members.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(key) => key.public_key().as_der().unwrap(),
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.public_key().as_der().unwrap()
            }
            Self::Ed(key) => key.public_key().as_der().unwrap(),
            Self::Secret(_) => panic!("a secret has no public key"),
        };
        der.as_ref().to_vec()
    }

    /// `RSAPublicKey` of PKCS#1.
    pub(crate) fn pkcs1(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
            _ => panic!("only RSA has PKCS#1"),
        }
    }
}

pub(crate) fn mac(alg: &str, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        other => panic!("a secret cannot do {other}"),
    };
    hmac::sign(&hmac::Key::new(algorithm, secret), message)
        .as_ref()
        .to_vec()
}

fn point(curve: &str, key: &EcdsaKeyPair) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at((key.public_key().as_ref().len() - 1) / 2);
    json!({ "kty": "EC", "crv": curve, "x": b64(x), "y": b64(y) })
}

pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), &content].concat()
}

/// A certificate for a public key, signed by nobody, perhaps with a key usage.
pub(crate) fn certificate(spki: &[u8], usage: Option<u8>) -> Vec<u8> {
    let algorithm = der(
        0x30,
        &[&der(
            0x06,
            &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]],
        )],
    );
    let name = der(0x30, &[]);
    let time = |text: &[u8]| der(0x17, &[text]);
    let validity = der(0x30, &[&time(b"250101000000Z"), &time(b"260101000000Z")]);
    let version = der(0xa0, &[&der(0x02, &[&[2]])]);
    let serial = der(0x02, &[&[1]]);
    let extensions = usage.map_or_else(Vec::new, |bits| {
        let bits = der(0x03, &[&[0, bits]]);
        let oid = der(0x06, &[&[0x55, 0x1d, 0x0f]]);
        der(
            0xa3,
            &[&der(0x30, &[&der(0x30, &[&oid, &der(0x04, &[&bits])])])],
        )
    });
    let body = der(
        0x30,
        &[
            &version,
            &serial,
            &algorithm,
            &name,
            &validity,
            &name,
            spki,
            &extensions,
        ],
    );
    der(0x30, &[&body, &algorithm, &der(0x03, &[&[0, 1, 2, 3]])])
}

/// Claims that a minimal authenticator accepts, with changes; `null` removes one.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims =
        json!({ "iss": "https://idp.test", "aud": "valkey", "sub": "alice", "exp": NOW + 600 });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// The three mandatory keys.
pub(crate) const MINIMAL: &str =
    "type = 'jwt'\nissuer = 'https://idp.test'\naudience = ['valkey']\njwks_file = 'keys.json'\n";

/// A directory of authenticators.
pub(crate) struct Directory(tempfile::TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A directory with one minimal file, `10-corp.toml`, and its keys.
    pub(crate) fn minimal(more: &str, keys: &[Value]) -> Self {
        let directory = Self::new();
        directory.write("10-corp.toml", format!("{MINIMAL}{more}"));
        directory.write("keys.json", jwks(keys));
        directory
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn load(&self, previous: Option<&Arc<Chain>>) -> LoadReport {
        Chain::load(
            self.0.path(),
            &ChainSettings::default(),
            &Services::offline(),
            previous,
        )
    }

    /// Loads what must be free of faults.
    pub(crate) fn chain(&self) -> Arc<Chain> {
        let report = self.load(None);
        let errors: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, Vec::<String>::new());
        report.chain
    }

    /// Loads what must be at fault, and tells it.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.load(None)
            .errors
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

pub(crate) fn credential(user: &str, secret: impl AsRef<[u8]>) -> Credential {
    Credential::new(user.as_bytes(), secret.as_ref()).unwrap()
}

/// A credential that comes from nowhere in particular.
pub(crate) fn presented(user: &str, secret: impl AsRef<[u8]>) -> Presented {
    credential(user, secret).into()
}

/// Asks as `AUTH token TOKEN` does.
pub(crate) fn ask(chain: &Chain, token: &str) -> Outcome {
    chain.authenticate_alone(&presented("token", token), &at(NOW))
}

pub(crate) fn verified(outcome: Outcome) -> Arc<Verified<Principal>> {
    match outcome {
        Outcome::Verified(verified) => verified,
        other => panic!("not verified: {other:?}"),
    }
}

pub(crate) fn refused(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}
