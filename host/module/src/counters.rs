//! What happened since the module was loaded, as numbers INFO may read at any
//! time: from a crash report, from a forked child, without any lock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::latencies::Latencies;

/// One number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number now.
    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One number that is set.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces the number.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A copy of the registry's numbers, for readers without the server's lock.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// Live sessions.
    pub(crate) sessions: Gauge,
    /// Live classes, each one module user.
    pub(crate) classes: Gauge,
    /// Log-ins that became a session.
    pub(crate) admitted: Gauge,
    /// Sessions closed by warden.
    pub(crate) closed: Gauge,
    /// Of these: because their time was over.
    pub(crate) expired: Gauge,
}

/// Every number INFO shows that no room counts itself.
#[derive(Default)]
pub(crate) struct Counters {
    /// Credentials offered to the authenticators' chain, on a worker or the network's thread.
    pub(crate) verifications: Counter,
    /// Credentials of live sessions that were asked about again.
    pub(crate) rechecks: Counter,
    /// People with live sessions who were looked up again.
    pub(crate) refreshes: Counter,
    /// Refusals about the credential (`WRONGPASS`).
    pub(crate) refused: Counter,
    /// Refusals because warden could not decide (`TRYAGAIN`).
    pub(crate) undecided: Counter,
    /// Of these: `auth_timeout_ms` passed.
    pub(crate) timed_out: Counter,
    /// Of these: `max_pending` was reached.
    pub(crate) busy: Counter,
    /// Of these: refused so often that nobody was asked.
    pub(crate) throttled: Counter,
    /// Answers from the verified-credential cache.
    pub(crate) cache_hits: Counter,
    /// Log-ins that could not be answered at once.
    pub(crate) cache_misses: Counter,
    /// Policy or authenticator directories that could not be taken.
    pub(crate) failed_loads: Counter,
    /// How long the stages of log-ins take.
    pub(crate) latencies: Latencies,
    /// The registry's own numbers, as of the last slice.
    pub(crate) registry: Mirror,
}

impl Counters {
    /// Copies the registry's numbers.
    pub(crate) fn mirror(&self, counts: &warden_session::Counts) {
        let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        self.registry.sessions.set(wide(counts.sessions));
        self.registry.classes.set(wide(counts.classes));
        self.registry.admitted.set(counts.admitted);
        self.registry.closed.set(counts.closed);
        self.registry.expired.set(counts.expired);
    }
}
