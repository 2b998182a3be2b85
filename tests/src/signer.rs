//! Somebody who signs policies with the command line, as an operator does.
//!
//! In: a directory and a revision. Out: its `MANIFEST` and `MANIFEST.minisig`, and the public
//! key that `policy_keys` takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::parts;

/// A key pair of its own.
pub struct Signer {
    directory: TempDir,
    letters: String,
    id: String,
}

impl Signer {
    /// Makes a key without a password.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let name = directory.path().join("signer").display().to_string();
        let made = warden(&["policy", "keygen", &name, "--without-password", "--json"]);
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        let text = |key: &str| made[key].as_str().expect("a text").to_owned();
        Self {
            letters: text("public_key"),
            id: text("key"),
            directory,
        }
    }

    /// The public key, as `policy_keys` takes it.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// The key's id, as it is shown.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The file of the secret key.
    pub fn secret_file(&self) -> PathBuf {
        self.directory.path().join("signer.key")
    }

    /// Signs a directory, whatever list was there.
    #[track_caller]
    pub fn sign(&self, directory: &Path, revision: u64) {
        sign(&self.secret_file(), directory, revision);
    }
}

/// Signs a directory with the key of a file, whatever list was there.
#[track_caller]
pub(crate) fn sign(key: &Path, directory: &Path, revision: u64) {
    for name in ["MANIFEST", "MANIFEST.minisig"] {
        let _ = std::fs::remove_file(directory.join(name));
    }
    let (dir, key) = (directory.display().to_string(), key.display().to_string());
    let revision = revision.to_string();
    let arguments = ["--dir", &dir, "--key", &key, "--revision", &revision];
    warden(&[&["policy", "sign"], &arguments[..]].concat());
}

#[track_caller]
fn warden(arguments: &[&str]) -> String {
    let output = Command::new(parts::cli())
        .args(arguments)
        .env_remove("WARDEN_POLICY_KEYS")
        .stdin(Stdio::null())
        .output()
        .expect("the command line runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
