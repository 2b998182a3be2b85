//! Who may have signed a policy directory.
//!
//! In: `--policy-keys`, or the environment variable. Out: keys, of which one must have
//! signed whatever any verb loads. With neither, nothing needs to be signed.

use std::env;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use warden_policy::{PolicyKey, PolicyKeys};

use crate::error::Error;

/// Where the keys are when no option gives them.
const VARIABLE: &str = "WARDEN_POLICY_KEYS";

/// Whose signatures count.
#[derive(Args)]
pub(super) struct Trust {
    /// Who may have signed, as `policy_keys`: public keys of minisign or their .pub files,
    /// with spaces between them. Without it, those of WARDEN_POLICY_KEYS; without either
    /// nothing needs to be signed.
    #[arg(long, value_name = "KEYS")]
    policy_keys: Option<String>,
}

impl Trust {
    /// The keys; none where nothing needs to be signed.
    pub(super) fn keys(&self) -> Result<PolicyKeys, Error> {
        let (place, text) = match (&self.policy_keys, env::var_os(VARIABLE)) {
            (Some(text), _) => ("--policy-keys", text.clone()),
            (None, Some(text)) => {
                let text = text.into_string();
                let text = text.map_err(|_| Error::Usage(format!("{VARIABLE} is not UTF-8")))?;
                (VARIABLE, text)
            }
            (None, None) => return Ok(PolicyKeys::default()),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            return Err(Error::Usage(format!(
                "{place}: give at least one key, or leave it out"
            )));
        }
        let keys = words.into_iter().map(key).collect::<Result<_, _>>()?;
        PolicyKeys::new(keys).map_err(|why| Error::Usage(format!("{place}: {why}")))
    }
}

/// A key by its letters, or else the file of that name.
fn key(word: &str) -> Result<PolicyKey, Error> {
    if let Some(key) = PolicyKey::parse(word) {
        return Ok(key);
    }
    let path = PathBuf::from(word);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // It may be a secret key, taken for the other.
        Err(_) if word.starts_with("RW") => {
            return Err(Error::Usage(
                "a word of the policy keys is neither a public key nor a file".to_owned(),
            ));
        }
        Err(source) => return Err(Error::file(&path)(source)),
    };
    PolicyKey::parse_file(&text).ok_or_else(|| Error::Key {
        path,
        why: "no public key of minisign: give a .pub file, a comment and the key on two lines"
            .to_owned(),
    })
}
