//! What credentials came to, remembered for a while.
//!
//! In comes an [`Outcome`] under a [`CacheKey`]; out goes the same, until the
//! token, or the configured time, has ended: both are looked at again on every
//! hit, on the wall clock and on the monotonic one. The credential itself is never
//! kept, only a digest under a key that lives and dies with the process.
//!
//! The server's main thread only ever looks something up: [`Cache::glance`] waits for
//! nobody and tidies nothing (docs/adr/0009-a-cache-without-upkeep.md). Workers put in,
//! and now and then sweep out what has ended.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache as Remembering, DefaultLifecycle};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use warden_core::{Now, Principal, Reason, Timestamp, Verified};

use crate::{Error, Outcome};

/// What has ended is swept out at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

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
    verified: Map<Arc<Verified<Principal>>>,
    refused: Map<Reason>,
    /// How many both hold.
    count: AtomicU64,
    /// When the next sweep is due, on the monotonic clock.
    next_sweep: Mutex<Duration>,
}

/// By a hash that nobody needs to be kept from guessing: a key is a digest under a key of ours.
type Map<T> = Remembering<CacheKey, Kept<T>, UnitWeighter, FxBuildHasher>;

#[derive(Clone)]
struct Kept<T> {
    value: T,
    /// Monotonic end.
    until: Duration,
    /// Wall-clock end.
    expires: Option<Timestamp>,
}

/// What is remembered for as long as it is good.
trait Holding {
    /// Whether nobody has taken it back.
    fn is_good(&self) -> bool;
}

impl Holding for Arc<Verified<Principal>> {
    fn is_good(&self) -> bool {
        !self.is_withdrawn()
    }
}

impl Holding for Reason {
    fn is_good(&self) -> bool {
        true
    }
}

impl<T: Holding> Kept<T> {
    /// A wall clock set back does not prolong it.
    fn holds(&self, now: Now) -> bool {
        self.value.is_good()
            && now.monotonic < self.until
            && self.expires.is_none_or(|expires| now.wall < expires)
    }
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
            verified: map(settings.entries),
            refused: map(settings.entries),
            count: AtomicU64::new(0),
            next_sweep: Mutex::new(Duration::ZERO),
            settings,
        })
    }

    /// The key of a credential, as AUTH's two arguments gave it, under a generation of
    /// the chain. `client` is what of the connection its outcome depends on, as
    /// [`Chain::reads`](crate::Chain::reads) says. Also good for telling whether two connections sent
    /// the same. Copies nothing of the secret.
    pub fn key(
        &self,
        chain_generation: u64,
        user: &[u8],
        secret: &[u8],
        client: &[u8],
    ) -> CacheKey {
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
        // Everything but the secret at once: each part handed on costs as much as its digest.
        let mut head: SmallVec<[u8; 128]> = SmallVec::new();
        head.extend_from_slice(&chain_generation.to_be_bytes());
        head.extend_from_slice(&length(user));
        head.extend_from_slice(user);
        head.extend_from_slice(&length(secret));
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&head);
        context.update(secret);
        context.update(client);
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        CacheKey(digest)
    }

    /// What a credential came to, if that still holds. For those who verify: another one may be
    /// putting something in, and is waited for.
    pub fn get(&self, key: &CacheKey, now: Now) -> Option<Cached> {
        let verified = self.verified.get(key).filter(|kept| kept.holds(now));
        verified.map(Cached::from).or_else(|| {
            let refused = self.refused.get(key).filter(|kept| kept.holds(now));
            refused.map(Cached::from)
        })
    }

    /// The same for the main thread: where somebody is putting something in, there is
    /// nothing to be seen.
    pub fn glance(&self, key: &CacheKey, now: Now) -> Option<Cached> {
        let verified = self.verified.try_get(key).ok()?;
        let verified = verified.filter(|kept| kept.holds(now));
        verified.map(Cached::from).or_else(|| {
            let refused = self.refused.try_get(key).ok()?;
            refused.filter(|kept| kept.holds(now)).map(Cached::from)
        })
    }

    /// How many verified and refused credentials are remembered, among them some that
    /// have ended since. Takes no lock.
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remembers an outcome. What is undecided, or nobody's, is not remembered. For those who verify.
    pub fn put(&self, key: CacheKey, outcome: &Outcome, now: Now) {
        let end = |ttl: Duration| now.monotonic.saturating_add(ttl);
        match outcome {
            Outcome::Verified(verified) => {
                let expires = verified.get().expires;
                let token = expires.map(|expires| expires.since(now.wall));
                let own = verified.get().remembered_for;
                let bounds = [token, own].into_iter().flatten();
                let ttl = bounds.fold(self.settings.ttl.min(MAX_TTL), Duration::min);
                if self.settings.entries > 0 && !ttl.is_zero() {
                    self.refused.remove(&key);
                    let kept = Kept {
                        value: Arc::clone(verified),
                        until: end(ttl),
                        expires,
                    };
                    self.verified.insert(key, kept);
                }
            }
            Outcome::Refused(reason) => {
                let ttl = self.settings.rejection_ttl.min(MAX_TTL);
                self.verified.remove(&key);
                if self.settings.entries > 0 && !ttl.is_zero() {
                    let kept = Kept {
                        value: reason.clone(),
                        until: end(ttl),
                        expires: None,
                    };
                    self.refused.insert(key, kept);
                }
            }
            Outcome::NotMine | Outcome::Unavailable(_) => {}
        }
        self.recount();
    }

    /// Whether it is time to [sweep](Self::sweep); says so once.
    pub fn is_sweep_due(&self, now: Now) -> bool {
        let mut next = self
            .next_sweep
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = now.monotonic >= *next;
        if is_due {
            *next = now.monotonic.saturating_add(SWEEP_EVERY);
        }
        is_due
    }

    /// Frees what has ended: a walk over all. For workers; whoever comes meanwhile waits for a
    /// part of the map at most, and the main thread not at all.
    pub fn sweep(&self, now: Now) {
        self.verified.retain(|_, kept| kept.holds(now));
        self.refused.retain(|_, kept| kept.holds(now));
        self.recount();
    }

    fn recount(&self) {
        let count = self.verified.len() + self.refused.len();
        self.count
            .store(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl From<Kept<Arc<Verified<Principal>>>> for Cached {
    fn from(kept: Kept<Arc<Verified<Principal>>>) -> Self {
        Self::Verified(kept.value)
    }
}

impl From<Kept<Reason>> for Cached {
    fn from(kept: Kept<Reason>) -> Self {
        Self::Refused(kept.value)
    }
}

fn map<T: Clone>(entries: u64) -> Map<T> {
    let entries = entries.max(1);
    let expected = usize::try_from(entries).unwrap_or(usize::MAX);
    let lifecycle = DefaultLifecycle::default();
    Map::with(expected, entries, UnitWeighter, FxBuildHasher, lifecycle)
}
