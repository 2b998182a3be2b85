//! One key: whose it is, until when, and from where.

use warden_plugin::data;
use warden_plugin::network::{Address, Network};

use crate::data::RawKey;
use crate::digest::Digest;
use crate::error::Fault;
use crate::expiry;

/// Groups or scopes of one key.
pub(crate) const MAX_NAMES: usize = 1000;
/// Networks of one key.
pub(crate) const MAX_NETWORKS: usize = 200;
/// Bytes of a name, group or scope.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// A checked key, without its digest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// In seconds since 1970-01-01T00:00:00Z.
    pub(crate) expires: Option<u64>,
    networks: Option<Vec<Network>>,
}

impl Key {
    /// Checks a key as it was read. On failure: every fault with its key, relative to
    /// the entry (`.groups[1]`).
    pub(crate) fn check(raw: RawKey) -> Result<(Digest, Self), Vec<(String, Fault)>> {
        let mut faults: Vec<(String, Fault)> = Vec::new();
        let mut one = |key: &str, fault: Fault| faults.push((key.to_owned(), fault));
        let digest = Digest::parse(&raw.sha256);
        let digest = digest.map_err(|fault| one(".sha256", fault)).ok();
        if let Err(fault) = name(&raw.name) {
            one(".name", fault);
        }
        let expires = raw.expires.as_ref().and_then(|expires| {
            let seconds = expiry::unix_seconds(expires);
            seconds.map_err(|fault| one(".expires", fault)).ok()
        });
        let mut names = |list: &Option<Vec<String>>, key: &str| {
            let list = list.as_deref();
            let names = data::optional_list(list, key, MAX_NAMES, |text| name(text), &mut faults);
            names.unwrap_or_default()
        };
        let groups = names(&raw.groups, ".groups");
        let scopes = names(&raw.scopes, ".scopes");
        let networks = data::optional_list(
            raw.networks.as_deref(),
            ".networks",
            MAX_NETWORKS,
            |text| Network::parse(text).map_err(Fault::from),
            &mut faults,
        );
        let key = Self {
            name: raw.name,
            groups,
            scopes,
            expires,
            networks,
        };
        match digest {
            Some(digest) if faults.is_empty() => Ok((digest, key)),
            _ => Err(faults),
        }
    }

    /// May it be presented from there? An address that is unknown lies in no network.
    pub(crate) fn is_good_from(&self, address: Option<Address>) -> bool {
        let Some(networks) = &self.networks else {
            return true;
        };
        address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }
}

/// A name that warden takes of an authenticator.
fn name(text: &str) -> Result<String, Fault> {
    let good = (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.contains(char::is_control);
    good.then(|| text.to_owned()).ok_or(Fault::Name)
}
