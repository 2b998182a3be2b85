//! What credentials came to, remembered for a while.
//!
//! In comes an [`Outcome`] under a [`CacheKey`]; out goes the same, until the
//! token, or the configured time, has ended: both are looked at again on every
//! hit, on the wall clock and on the monotonic one. The credential itself is never
//! kept, only a digest under a key that lives and dies with the process.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::sync::Cache as Map;
use warden_core::{Credential, Now, Principal, Reason, UserArgument, Verified};

use crate::{Error, Outcome};

/// Longest time anything is remembered, whatever the configuration says.
const MAX_TTL: Duration = Duration::from_secs(365 * 24 * 3600);

/// Bounds of a [`Cache`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Most verified credentials, and most refused ones, kept. 0 keeps none.
    pub entries: u64,
    /// How long a verified credential is remembered at most. Zero: not at all.
    pub ttl: Duration,
    /// How long a refused credential is remembered. Zero: not at all.
    pub rejection_ttl: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            entries: 100_000,
            ttl: Duration::from_secs(300),
            rejection_ttl: Duration::from_secs(5),
        }
    }
}

/// A keyed 256-bit digest of generation, user name and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

/// What was remembered.
#[derive(Clone, Debug)]
pub enum Cached {
    /// The proof, still valid.
    Verified(Arc<Verified<Principal>>),
    /// The refusal.
    Refused(Reason),
}

/// Remembered outcomes. Refusals are kept apart, so that forged credentials by the
/// thousand cannot push out verified ones.
pub struct Cache {
    key: hmac::Key,
    settings: CacheSettings,
    verified: Map<CacheKey, Kept<Arc<Verified<Principal>>>>,
    refused: Map<CacheKey, Kept<Reason>>,
}

#[derive(Clone)]
struct Kept<T> {
    value: T,
    /// Monotonic end.
    until: Duration,
}

impl Cache {
    /// An empty cache under a fresh random key.
    ///
    /// # Errors
    /// [`Error::Random`] when the operating system gives no random bytes.
    pub fn new(settings: CacheSettings) -> Result<Self, Error> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::Random)?;
        Ok(Self {
            key,
            verified: map(settings.entries, settings.ttl),
            refused: map(settings.entries, settings.rejection_ttl),
            settings,
        })
    }

    /// The key of a credential under a generation of the chain. Also good for
    /// telling whether two connections sent the same.
    pub fn key(&self, chain_generation: u64, credential: &Credential) -> CacheKey {
        let (kind, name): (u8, &[u8]) = match credential.user() {
            UserArgument::Default => (0, &[]),
            UserArgument::Named(name) => (1, name.as_bytes()),
        };
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
        let secret = credential.secret().expose();
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&chain_generation.to_be_bytes());
        context.update(&[kind]);
        context.update(&length(name));
        context.update(name);
        context.update(&length(secret));
        context.update(secret);
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        CacheKey(digest)
    }

    /// What a credential came to, if that still holds. For the main thread.
    pub fn get(&self, key: &CacheKey, now: Now) -> Option<Cached> {
        self.verified(key, now).or_else(|| self.refusal(key, now))
    }

    /// About how many verified and refused credentials are remembered.
    pub fn len(&self) -> u64 {
        self.verified
            .entry_count()
            .saturating_add(self.refused.entry_count())
    }

    /// Whether about none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn verified(&self, key: &CacheKey, now: Now) -> Option<Cached> {
        let kept = self.verified.get(key)?;
        let expired = kept
            .value
            .get()
            .expires
            .is_some_and(|expires| now.wall >= expires);
        if expired || now.monotonic >= kept.until {
            self.verified.invalidate(key);
            return None;
        }
        Some(Cached::Verified(kept.value))
    }

    fn refusal(&self, key: &CacheKey, now: Now) -> Option<Cached> {
        let kept = self.refused.get(key)?;
        if now.monotonic >= kept.until {
            self.refused.invalidate(key);
            return None;
        }
        Some(Cached::Refused(kept.value))
    }

    /// Remembers an outcome. What is undecided, or nobody's, is not remembered.
    pub fn put(&self, key: CacheKey, outcome: &Outcome, now: Now) {
        match outcome {
            Outcome::Verified(verified) => {
                let token = verified
                    .get()
                    .expires
                    .map(|expires| expires.since(now.wall));
                let ttl = self.settings.ttl.min(MAX_TTL).min(token.unwrap_or(MAX_TTL));
                if self.settings.entries > 0 && !ttl.is_zero() {
                    self.refused.invalidate(&key);
                    let until = now.monotonic.saturating_add(ttl);
                    let value = Arc::clone(verified);
                    self.verified.insert(key, Kept { value, until });
                }
            }
            Outcome::Refused(reason) => {
                let ttl = self.settings.rejection_ttl.min(MAX_TTL);
                self.verified.invalidate(&key);
                if self.settings.entries > 0 && !ttl.is_zero() {
                    let until = now.monotonic.saturating_add(ttl);
                    let value = reason.clone();
                    self.refused.insert(key, Kept { value, until });
                }
            }
            Outcome::NotMine | Outcome::Unavailable(_) => {}
        }
    }
}

/// The map frees memory by its own clock; what counts is checked on a hit.
fn map<T: Clone + Send + Sync + 'static>(entries: u64, ttl: Duration) -> Map<CacheKey, Kept<T>> {
    Map::builder()
        .max_capacity(entries)
        .time_to_live(ttl.min(MAX_TTL))
        .build()
}
