//! `warden token verify` on the examples of the JOSE RFCs.
//!
//! In: the table `rfc/vectors.toml`, which the library's own tests use too, and the
//! built command line. Out: for each row its exit status and what was printed. No
//! server is involved.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod run;

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tempfile::TempDir;

use run::{Run, warden};

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

/// The table, its key files written where the command line can read them.
struct Place {
    table: Table,
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let table: Table = toml::from_str(include_str!("rfc/vectors.toml")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        for file in &table.key_file {
            let content = match (&file.jwks, &file.secret) {
                (Some(jwks), None) => jwks.clone().into_bytes(),
                (None, Some(secret)) => URL_SAFE_NO_PAD.decode(secret).unwrap(),
                _ => panic!("{}: one of jwks and secret", file.source),
            };
            let path = directory.path().join(&file.name);
            assert!(!path.exists(), "{} is there twice", file.name);
            fs::write(path, content).unwrap();
        }
        Self { table, directory }
    }

    fn path(&self, file: &KeyFile) -> PathBuf {
        self.directory.path().join(&file.name)
    }

    fn key_file(&self, name: &str) -> &KeyFile {
        let mut files = self.table.key_file.iter();
        files.find(|file| file.name == name).expect("a key file")
    }

    /// Verifies a token's signature with a key file.
    fn verify(&self, file: &KeyFile, token: &str) -> Run {
        let option = if file.secret.is_some() {
            "--secret"
        } else {
            "--jwks"
        };
        let path = self.path(file);
        let path = path.to_str().unwrap();
        let words = ["token", "verify", option, path, "--signature-only", token];
        warden(&words, "")
    }
}

#[test]
fn every_example_is_valid_or_invalid_as_the_table_says() {
    let place = Place::new();
    for row in &place.table.token {
        let run = place.verify(place.key_file(&row.keys), &row.token);
        let source = &row.source;
        assert_eq!(run.err, "", "{source}: an answer, not an error");
        match &row.refused {
            None => assert_eq!((run.status, run.out.as_str()), (0, "valid\n"), "{source}"),
            Some(reason) => {
                assert_eq!(run.status, 1, "{source}: {}", run.out);
                let is_told = run.out.starts_with("invalid: ") && run.out.contains(reason);
                assert!(is_told, "{source}: {}", run.out);
            }
        }
    }
}

#[test]
fn a_key_file_is_refused_with_its_reason_and_no_answer_about_the_token() {
    let place = Place::new();
    let token = &place.table.token[0].token;
    let mut refused = 0;
    for file in &place.table.key_file {
        let run = place.verify(file, token);
        let source = &file.source;
        let Some(reason) = &file.refused else {
            assert_eq!(run.err, "", "{source}");
            continue;
        };
        refused += 1;
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{source}");
        let is_told = run.err.starts_with("warden: ") && run.err.contains(reason);
        assert!(is_told, "{source}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{source}: {}", run.err);
    }
    assert!(refused > 0, "the table has private and symmetric keys");
}

#[test]
fn nothing_of_a_private_or_shared_key_is_shown() {
    let place = Place::new();
    let token = &place.table.token[0].token;
    for file in &place.table.key_file {
        let Some(jwks) = file.jwks.as_ref().filter(|_| file.refused.is_some()) else {
            continue;
        };
        let set: serde_json::Value = serde_json::from_str(jwks).unwrap();
        let run = place.verify(file, token);
        for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            let keys = set["keys"].as_array().unwrap().iter();
            for secret in keys.filter_map(|key| key[member].as_str()) {
                let shown = run.out.contains(secret) || run.err.contains(secret);
                assert!(!shown, "{}: {member} is shown", file.source);
            }
        }
    }
}
