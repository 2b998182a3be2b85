//! The examples of the JOSE RFCs, from the table that the command line's tests use too.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use warden_core::ReasonKind;

use super::{KeySet, inspect, verify_signature, verify_token};
use crate::Error;
use crate::testing::at;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    key_file: Vec<KeyFile>,
    token: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    name: String,
    source: String,
    jwks: Option<String>,
    secret: Option<String>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    source: String,
    keys: String,
    token: String,
    refused: Option<String>,
}

impl Table {
    fn read() -> Self {
        toml::from_str(include_str!("../../../cli/tests/rfc/vectors.toml")).unwrap()
    }

    fn keys(&self, name: &str) -> KeySet {
        let mut files = self.key_file.iter().filter(|file| file.name == name);
        let file = files.next().expect("a key file of that name");
        assert!(files.next().is_none(), "{name} is there twice");
        file.parse().unwrap()
    }

    fn token(&self, source: &str) -> &Token {
        let mut tokens = self.token.iter();
        tokens.find(|token| token.source == source).unwrap()
    }
}

impl KeyFile {
    fn parse(&self) -> Result<KeySet, Error> {
        match (&self.jwks, &self.secret) {
            (Some(jwks), None) => KeySet::from_jwks(jwks.as_bytes()),
            (None, Some(secret)) => KeySet::from_secret(&URL_SAFE_NO_PAD.decode(secret).unwrap()),
            _ => panic!("{}: one of jwks and secret", self.source),
        }
    }
}

#[test]
fn every_key_file_of_the_table_is_taken_or_refused_as_it_says() {
    for file in Table::read().key_file {
        let error = file.parse().err().map(|error| error.to_string());
        match (&error, &file.refused) {
            (None, None) => {}
            (Some(error), Some(reason)) if error.contains(reason) => {}
            _ => panic!("{}: {error:?}, not {:?}", file.source, file.refused),
        }
    }
}

#[test]
fn every_token_of_the_table_is_verified_or_refused_as_it_says() {
    let table = Table::read();
    for row in &table.token {
        let keys = table.keys(&row.keys);
        let refusal = verify_signature(row.token.as_bytes(), &keys).err();
        match (&refusal, &row.refused) {
            (None, None) => {}
            (Some(refusal), Some(reason)) if refusal.detail().contains(reason) => {
                assert_eq!(refusal.kind(), ReasonKind::Credential, "{}", row.source);
            }
            _ => panic!("{}: {refusal:?}, not {:?}", row.source, row.refused),
        }
    }
}

#[test]
fn no_token_of_the_table_survives_a_changed_signature() {
    let table = Table::read();
    for row in table.token.iter().filter(|row| row.refused.is_none()) {
        let keys = table.keys(&row.keys);
        let (message, signature) = row.token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let is_good = |signature: &[u8]| {
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
            verify_signature(token.as_bytes(), &keys).is_ok()
        };
        assert!(is_good(&signature), "{}", row.source);
        for index in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert!(!is_good(&changed), "{}: byte {index}", row.source);
        }
        let shorter = &signature[..signature.len() - 1];
        let longer = [signature.as_slice(), &[0]].concat();
        assert!(!is_good(shorter) && !is_good(&longer), "{}", row.source);
        assert!(!is_good(&[]) && !is_good(&vec![0; signature.len()]));
    }
}

#[test]
fn the_dates_of_an_example_count_unless_only_its_signature_is_asked_for() {
    let table = Table::read();
    let row = table.token("RFC 7515 §A.2");
    let keys = table.keys(&row.keys);
    let verify = |second| verify_token(row.token.as_bytes(), &keys, Duration::ZERO, at(second));
    assert!(verify(1_300_819_379).is_ok());
    let late = verify(1_300_819_380).unwrap_err();
    assert_eq!(late.kind(), ReasonKind::Expired);
    let text = table.token("RFC 8037 §A.4, §A.5");
    let payload = inspect(text.token.as_bytes()).unwrap().payload;
    assert_eq!(payload, b"Example of Ed25519 signing");
    let keys = table.keys(&text.keys);
    let no_claims = verify_token(text.token.as_bytes(), &keys, Duration::ZERO, at(0));
    assert!(no_claims.is_err(), "its payload is not JSON");
}
