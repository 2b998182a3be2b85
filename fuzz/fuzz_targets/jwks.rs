//! Key files: JSON Web Key Sets, PEM, shared secrets.
//!
//! In: the bytes of a key file.
//! Held: a set holds public keys only, strong ones, each usable; no member counts
//! twice; what verifies with a set is never made with what is in the set; an error
//! is one short line.
#![no_main]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use warden_authn::{Error, KeySet, verify_signature};

const HMACS: [(&str, hmac::Algorithm, usize); 3] = [
    ("HS256", hmac::HMAC_SHA256, 32),
    ("HS384", hmac::HMAC_SHA384, 48),
    ("HS512", hmac::HMAC_SHA512, 64),
];

fuzz_target!(|data: &[u8]| {
    match KeySet::from_jwks(data) {
        Ok(set) => {
            of_public_keys_only(&set, data);
            takes_no_public_key_for_a_secret(&set, data);
        }
        Err(error) => one_short_line(&error),
    }
    match KeySet::from_pem(data) {
        Ok(set) => {
            assert_eq!(set.len(), 1);
            assert!(
                !holds(data, b"-----BEGIN PRIVATE KEY-----"),
                "a private key is taken"
            );
            takes_no_public_key_for_a_secret(&set, data);
        }
        Err(error) => one_short_line(&error),
    }
    match KeySet::from_secret(data) {
        Ok(set) => {
            assert!(KeySet::from_jwks(data).is_err() && KeySet::from_pem(data).is_err());
            verifies_what_its_secret_signs(&set, data);
        }
        Err(error) => one_short_line(&error),
    }
});

fn of_public_keys_only(set: &KeySet, data: &[u8]) {
    let read: Value = serde_json::from_slice(data).expect("a set is JSON");
    let keys = read["keys"].as_array().expect("a set has a list of keys");
    assert!((1..=keys.len()).contains(&set.len()) && keys.len() <= 1000);
    let bytes = |key: &Value, member: &str| {
        let text = key[member].as_str().unwrap_or_default();
        URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
    };
    let mut able = 0;
    for key in keys {
        assert_ne!(key["kty"], "oct", "a shared secret is taken");
        assert!(
            key.get("d").is_none_or(Value::is_null),
            "a private key is taken"
        );
        let signs = key
            .get("use")
            .is_none_or(|usage| usage.is_null() || usage == "sig");
        let strong = match key["kty"].as_str() {
            Some("RSA") => {
                let modulus = bytes(key, "n");
                let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
                let first = modulus
                    .get(zeros)
                    .map_or(0, |byte| byte.leading_zeros() as usize);
                (2048..=8192).contains(&((modulus.len() - zeros) * 8 - first))
            }
            Some("EC") => {
                let (x, y) = (bytes(key, "x").len(), bytes(key, "y").len());
                matches!(
                    (key["crv"].as_str(), x, y),
                    (Some("P-256"), 32, 32) | (Some("P-384"), 48, 48) | (Some("P-521"), 66, 66)
                )
            }
            Some("OKP") => key["crv"] == "Ed25519" && bytes(key, "x").len() == 32,
            _ => false,
        };
        able += usize::from(signs && strong);
    }
    assert!(set.len() <= able, "{} of {able} keys are taken", set.len());
}

/// Everyone has the file: nothing in it may serve as a shared secret.
fn takes_no_public_key_for_a_secret(set: &KeySet, data: &[u8]) {
    for (name, algorithm, _) in HMACS {
        for secret in [data, b"".as_slice()] {
            let token = token(&format!(r#"{{"alg":"{name}"}}"#), algorithm, secret);
            assert!(verify_signature(&token, set).is_err(), "{name}");
        }
    }
    let unsigned = [
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#).as_bytes(),
        b".e30.",
    ]
    .concat();
    assert!(verify_signature(&unsigned, set).is_err());
}

fn verifies_what_its_secret_signs(set: &KeySet, data: &[u8]) {
    let secret = data.strip_suffix(b"\n").unwrap_or(data);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    assert!(secret.len() >= 32 && !holds(secret, b"-----BEGIN"));
    for (name, algorithm, bytes) in HMACS {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let good = token(&header, algorithm, secret);
        assert_eq!(
            verify_signature(&good, set).is_ok(),
            secret.len() >= bytes,
            "{name}"
        );
        let other = token(&header, algorithm, &[secret, b"!"].concat());
        assert!(verify_signature(&other, set).is_err(), "{name}");
    }
}

fn token(header: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> Vec<u8> {
    let message = format!("{}.e30", URL_SAFE_NO_PAD.encode(header));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())).into_bytes()
}

fn holds(data: &[u8], text: &[u8]) -> bool {
    data.windows(text.len()).any(|window| window == text)
}

fn one_short_line(error: &Error) {
    let message = error.to_string();
    let plain = !message.chars().any(char::is_control);
    assert!(plain && (1..300).contains(&message.len()), "{message:?}");
}
