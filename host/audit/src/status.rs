//! What INFO tells of a sink.
//!
//! Written by the sink's thread, read by anybody, also from a crash report: numbers need no
//! lock, and whoever reads a text takes none that could be held.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A sink's numbers since the module was loaded.
#[derive(Debug, Default)]
pub struct SinkStatus {
    is_failing: AtomicBool,
    has_begun: AtomicBool,
    records: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    lag_us: AtomicU64,
    per_second: AtomicU64,
    /// Since when it has been giving something to its destination, in milliseconds of the
    /// monotonic clock and one more; 0 while it is not.
    busy_since: AtomicU64,
    last_error: Mutex<String>,
}

impl SinkStatus {
    /// `starting`, `ok` or `failing`.
    pub fn state(&self) -> &'static str {
        if self.is_failing() {
            "failing"
        } else if self.has_begun.load(Ordering::Relaxed) {
            "ok"
        } else {
            "starting"
        }
    }

    /// Whether the last attempt to write did not succeed.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Acquire)
    }

    /// Whether it has written anything yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// It begins to give something to its destination, or has come back from that.
    pub(crate) fn set_busy(&self, since: Option<Duration>) {
        let millis = |since: Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.busy_since
            .store(since.map_or(0, millis), Ordering::Release);
    }

    /// For how long its destination has kept it waiting.
    pub(crate) fn waits(&self, now: Duration) -> Duration {
        match self.busy_since.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            since => now.saturating_sub(Duration::from_millis(since - 1)),
        }
    }

    /// Records written.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Bytes written.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records lost after they left the lane.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How old the last record was when it was written.
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.lag_us.load(Ordering::Relaxed))
    }

    /// Records written in the last second or more.
    pub fn per_second(&self) -> u64 {
        self.per_second.load(Ordering::Relaxed)
    }

    /// Why it last could not write; empty when that never happened, or somebody is writing it
    /// just now.
    pub fn last_error(&self) -> String {
        self.last_error
            .try_lock()
            .map(|text| text.clone())
            .unwrap_or_default()
    }

    pub(crate) fn wrote(&self, records: u64, bytes: u64, lag: Duration) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let lag = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.lag_us.store(lag, Ordering::Relaxed);
    }

    pub(crate) fn dropped_more(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn set_rate(&self, per_second: u64) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    pub(crate) fn succeeded(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.is_failing.store(false, Ordering::Release);
    }

    /// Answers whether it did not fail before, or for another reason.
    pub(crate) fn failed(&self, why: &str) -> bool {
        let was_failing = self.is_failing.swap(true, Ordering::AcqRel);
        // Only this thread writes it; a reader holds it for a copy.
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_news = !was_failing || *last != why;
        why.clone_into(&mut last);
        is_news
    }
}
