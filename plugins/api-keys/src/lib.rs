//! Long random keys whose digests stand in a file.
//!
//! In: the file `keys` of `[property_files]`, a key that a client presents, and the
//! client's address. Out: the name, groups, scopes and end that stand beside the key's
//! digest, or a refusal.
//!
//! ```toml
//! [[key]]
//! name = "billing"
//! sha256 = "c018c41c1afaf2c0b66c64f97d0ee135657b699ad260f299234cd40a5d625e0e"
//! groups = ["writers"]
//! scopes = ["cache.read"]
//! expires = 2027-06-30T00:00:00Z
//! networks = ["10.0.0.0/8", "unix"]
//! ```
//!
//! - Keys must be long and random (`openssl rand -base64 32`): a fast digest protects
//!   nothing that can be guessed.
//! - `sha256` is the digest of the whole key as it is presented, without the
//!   authenticator's `token_prefix`. Several keys may have one name, so that one can be
//!   replaced by the other.
//! - A key that is not listed, and one that is presented from elsewhere than its
//!   `networks`, are refused: the client cannot tell them apart, the log can.
//! - A client that shows its certificate instead of a secret is left to others.
//!
//! Keys are found by their digest. How long that takes depends on the digest alone,
//! which says nothing about a key that comes close.

#![forbid(unsafe_code)]

mod data;
mod digest;
mod error;
mod expiry;
mod key;

use std::collections::BTreeMap;

use warden_plugin::network::Address;
use warden_plugin::{Answer, Client, Credential, Plugin, Principal, Properties, plugin};

use crate::digest::Digest;
use crate::key::Key;

/// The key of `[property_files]` under which the list stands.
const FILE: &str = "keys";

/// The plugin: checked keys by their digests.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeys {
    keys: BTreeMap<Digest, Key>,
}

#[plugin(
    name = "api-keys",
    summary = "Long random keys whose digests stand in a file.",
    inputs(client_address)
)]
impl Plugin for ApiKeys {
    fn initialise(properties: &Properties) -> Result<Self, String> {
        properties.only(&[], &[FILE])?;
        let file = properties.required_file(FILE)?;
        let keys = data::read(file).map_err(|problems| error::one_line(&problems))?;
        Ok(Self { keys })
    }

    fn authenticate(&mut self, credential: &Credential, client: &Client) -> Answer {
        if credential.secret().is_empty() {
            return Answer::NotMine;
        }
        let Some(key) = self.keys.get(&Digest::of(credential.secret())) else {
            return Answer::refused("no such key");
        };
        if !key.is_good_from(client.address().and_then(Address::parse)) {
            let from = client.address().unwrap_or("an unknown address");
            return Answer::refused(format!("the key of {:?} is not for {from}", key.name));
        }
        let principal = Principal::new(&key.name)
            .with_groups(&key.groups)
            .with_scopes(&key.scopes);
        Answer::verified(match key.expires {
            Some(seconds) => principal.expires_at(seconds),
            None => principal,
        })
    }
}
