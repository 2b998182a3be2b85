//! How the servers of a directory are: for INFO and the commands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use warden_core::Latency;

use super::connection::Pooled;
use super::pool::Pool;

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// `HOST:PORT`.
    pub host: String,
    /// Whether it answered when it was last looked after.
    pub is_up: bool,
    /// Why it last did not answer; one line, without secrets.
    pub error: Option<String>,
    /// How long it took to answer when it was last looked after.
    pub ping: Option<Duration>,
    /// Connections on which users prove who they are.
    pub binds: PoolStatus,
    /// Connections of the service account.
    pub searches: PoolStatus,
}

/// Connections of one kind, and what was asked on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// `connection_pool_size`.
    pub size: usize,
    /// Connections in use; `None`: somebody holds the count just now.
    pub in_use: Option<usize>,
    /// Connections open and unused; `None` likewise.
    pub idle: Option<usize>,
    /// Requests that wait for one; `None` likewise.
    pub waiting: Option<usize>,
    /// Requests answered, whatever the answer.
    pub answered: u64,
    /// Requests without an answer.
    pub failed: u64,
    /// As `count=2,p50=1.007,p99=2.047,p99.9=2.047`, in microseconds; empty before the first.
    pub latency_usec: String,
}

impl PoolStatus {
    pub(super) fn of<C: Pooled>(pool: &Pool<C>, counted: &Counted) -> Self {
        let load = pool.load();
        Self {
            size: pool.size(),
            in_use: load.map(|(in_use, _)| in_use),
            idle: pool.idle(),
            waiting: load.map(|(_, waiting)| waiting),
            answered: counted.answered.load(Ordering::Relaxed),
            failed: counted.failed.load(Ordering::Relaxed),
            latency_usec: counted.latency.text(),
        }
    }
}

/// What a server was asked.
#[derive(Default)]
pub(super) struct Counted {
    answered: AtomicU64,
    failed: AtomicU64,
    latency: Latency,
}

impl Counted {
    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn took(&self, duration: Duration) {
        self.latency.record(duration);
    }
}
