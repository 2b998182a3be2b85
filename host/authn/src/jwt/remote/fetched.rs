//! A key set as an issuer published it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use warden_core::Timestamp;

use crate::json;
use crate::jwt::algorithm::Algorithm;
use crate::jwt::keys::KeySet;

/// Keys, and when the issuer last stood by them.
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    /// When these keys were first seen.
    pub(super) changed: Timestamp,
    /// The set as it came.
    pub(super) body: Vec<u8>,
    members: Vec<Value>,
    confirmed: AtomicU64,
}

impl Fetched {
    /// Reads a key set that was fetched, or kept, at this time.
    ///
    /// # Errors
    /// Words for the operator: see [`KeySet::from_jwks`]; and when none of its keys can be
    /// used with the configured algorithms.
    pub(super) fn parse(
        body: &[u8],
        configured: Option<&[Algorithm]>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let keys = KeySet::from_jwks(body).map_err(|error| format!("the key set {error}"))?;
        let able = keys.algorithms();
        let fits = |configured: &[Algorithm]| configured.iter().any(|one| able.contains(one));
        if !configured.is_none_or(fits) {
            return Err("the key set has no key for the configured algorithms".to_owned());
        }
        // Read before by the same rules.
        let members = match json::object(body).map(|mut set| set.remove("keys")) {
            Ok(Some(Value::Array(members))) => members,
            _ => Vec::new(),
        };
        Ok(Self {
            keys,
            changed: now,
            body: body.to_vec(),
            members,
            confirmed: AtomicU64::new(now.as_unix_millis()),
        })
    }

    /// When the issuer last answered with these keys.
    pub(super) fn confirmed(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.confirmed.load(Ordering::Relaxed))
    }

    /// The issuer has answered with these keys again.
    pub(super) fn confirm(&self, now: Timestamp) {
        self.confirmed
            .store(now.as_unix_millis(), Ordering::Relaxed);
    }

    /// Whether every key of `earlier` is still among these, unchanged.
    pub(super) fn has_all_of(&self, earlier: &Self) -> bool {
        earlier.members.iter().all(|key| self.members.contains(key))
    }

    /// Whether the keys are the same, in whatever order.
    pub(super) fn has_same_keys(&self, other: &Self) -> bool {
        self.has_all_of(other) && other.has_all_of(self)
    }
}
