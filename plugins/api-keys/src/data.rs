//! The list of keys.
//!
//! In: the file as the host read it. Out: checked keys by their digests, or every
//! problem. Never a part of the keys.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::value::Datetime;
use warden_plugin::{File, data};

use crate::digest::Digest;
use crate::error::{Fault, Problem};
use crate::key::Key;

/// Keys of one file.
pub(crate) const MAX_KEYS: usize = 10_000;

/// The shape of the file. One without keys lets nobody in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    key: Vec<RawKey>,
}

/// The shape of a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKey {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) expires: Option<Datetime>,
    pub(crate) networks: Option<Vec<String>>,
}

/// Reads the file.
///
/// # Errors
/// All problems; one is enough to refuse all keys.
pub(crate) fn read(file: &File) -> Result<BTreeMap<Digest, Key>, Vec<Problem>> {
    let raw: RawFile = data::parse(file).map_err(|error| vec![error.into()])?;
    let mut keys: BTreeMap<Digest, Key> = BTreeMap::new();
    let mut entries: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    let mut refuse = |key: String, fault: Fault| {
        problems.push(Problem::Value {
            file: file.name().to_owned(),
            key,
            fault,
        });
    };
    if raw.key.len() > MAX_KEYS {
        refuse("key".to_owned(), Fault::TooMany);
    }
    for (index, raw) in raw.key.into_iter().take(MAX_KEYS).enumerate() {
        match Key::check(raw) {
            Ok((digest, key)) => {
                if let Some(&other) = entries.get(&digest) {
                    refuse(format!("key[{index}].sha256"), Fault::Doubled { other });
                    continue;
                }
                entries.insert(digest, index);
                keys.insert(digest, key);
            }
            Err(faults) => faults
                .into_iter()
                .for_each(|(below, fault)| refuse(format!("key[{index}]{below}"), fault)),
        }
    }
    if problems.is_empty() {
        Ok(keys)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests;
