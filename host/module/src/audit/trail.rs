//! The journal and the sinks in force, as all threads see them.
//!
//! In: records of any thread; another set of sinks, from the loader. Out: records in the lanes
//! of those who want them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::never;
use warden_audit::{
    Category, Client, Event, Fleet, Journal, Notices, Roster, SinkSet, Surroundings,
};
use warden_core::Clock;
use warden_state::NodeKey;

use crate::ffi::{Level, log};
use crate::loader::sinks;

/// How long a server that ends waits for its sinks.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often is looked whether what is waited for has come.
const STEP: Duration = Duration::from_millis(1);

/// Waits until something is so; no longer than `patience`.
pub(crate) fn wait_until(patience: Duration, is_so: impl Fn() -> bool) {
    let wait = never::<()>();
    let mut left = patience;
    while !is_so() && !left.is_zero() {
        let _ = wait.recv_timeout(STEP);
        left = left.saturating_sub(STEP);
    }
}

/// Digests of values that must not be seen, under a key of this node.
#[derive(Clone)]
pub(crate) struct Digests(NodeKey);

impl Digests {
    /// With this node's key.
    pub(crate) fn new(key: NodeKey) -> Self {
        Self(key)
    }

    /// Equal for equal values.
    pub(crate) fn of(&self, value: &[u8]) -> [u8; 16] {
        let tag = self.0.tag(&[b"audit digest\0", value]);
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(tag) {
            *to = from;
        }
        digest
    }

    /// Who this node is: 40 hexadecimal digits.
    pub(crate) fn node(&self) -> String {
        let tag = self.0.tag(&[b"audit node"]);
        tag.iter()
            .take(20)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// One load's records.
pub(crate) struct Trail {
    journal: Arc<Journal>,
    roster: ArcSwap<Roster>,
    /// Only the loader of sinks changes it, and unload.
    fleet: Mutex<Fleet>,
    is_enabled: AtomicBool,
    /// Rises when what is wanted, or what is known of sessions, is not what it was.
    epoch: AtomicU64,
    /// The epoch in which the main thread records.
    adopted: AtomicU64,
    /// Rises when the server's commands are not what they were.
    commands: AtomicU64,
    digests: Digests,
    clock: Arc<dyn Clock>,
}

impl Trail {
    /// Without sinks.
    pub(crate) fn new(surroundings: Surroundings, digests: Digests, is_enabled: bool) -> Self {
        let journal = Arc::new(Journal::new());
        Self {
            clock: Arc::clone(&surroundings.clock),
            roster: ArcSwap::default(),
            digests,
            fleet: Mutex::new(Fleet::new(Arc::clone(&journal), surroundings)),
            journal,
            is_enabled: AtomicBool::new(is_enabled),
            epoch: AtomicU64::new(1),
            adopted: AtomicU64::new(0),
            commands: AtomicU64::new(1),
        }
    }

    /// The sinks in force.
    pub(crate) fn roster(&self) -> arc_swap::Guard<Arc<Roster>> {
        self.roster.load()
    }

    /// The sinks in force, to keep for a while; none while audit is turned off.
    pub(crate) fn wanted(&self) -> Arc<Roster> {
        if self.is_enabled() {
            self.roster.load_full()
        } else {
            Arc::default()
        }
    }

    /// Whether `audit_enabled` is on.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled.load(Ordering::Relaxed)
    }

    /// Turns it on or off; answers whether that is another state than before.
    pub(crate) fn enable(&self, is_enabled: bool) -> bool {
        let changes = self.is_enabled.swap(is_enabled, Ordering::Relaxed) != is_enabled;
        if changes {
            self.touch();
        }
        changes
    }

    /// Puts sinks in force.
    pub(crate) fn publish(&self, roster: Arc<Roster>) {
        self.roster.store(roster);
        self.touch();
    }

    /// What was learnt of clients may not be so any more.
    pub(crate) fn touch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Modules, and commands with them, came or went.
    pub(crate) fn commands_changed(&self) {
        self.commands.fetch_add(1, Ordering::AcqRel);
        self.touch();
    }

    /// Which state of the server's commands it is.
    pub(crate) fn commands(&self) -> u64 {
        self.commands.load(Ordering::Acquire)
    }

    /// Which state of all this it is.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What time it is, of the clock that never goes back.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    /// Digests of values that must not be seen.
    pub(crate) fn digests(&self) -> &Digests {
        &self.digests
    }

    /// The sinks themselves. Never on the main thread but at load and unload.
    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records lost because none could hold them: too large.
    pub(crate) fn oversized(&self) -> u64 {
        self.journal.oversized()
    }

    /// Has every sink write what it has: the server ends.
    pub(crate) fn finish(&self) {
        self.fleet().close();
        self.adopted(u64::MAX);
        sinks::await_end(LAST_WORDS);
    }

    /// The main thread records for the sinks of this epoch.
    pub(crate) fn adopted(&self, epoch: u64) {
        self.adopted.store(epoch, Ordering::Release);
    }

    /// Waits until the main thread records for the sinks in force, or nobody any more: for as long
    /// as a script takes.
    pub(crate) fn await_adoption(&self, is_stopping: impl Fn() -> bool) {
        let epoch = self.epoch();
        let is_adopted = || self.adopted.load(Ordering::Acquire) >= epoch;
        wait_until(Duration::MAX, || is_adopted() || is_stopping());
    }

    /// Puts a record into the lanes of `sinks`.
    pub(crate) fn push(
        &self,
        sinks: SinkSet,
        at_us: u64,
        client: Option<&Client<'_>>,
        event: &Event<'_>,
    ) {
        self.journal.push(sinks, at_us, client, event);
    }

    /// Records something that no connection did, if a sink wants it.
    pub(crate) fn record(&self, category: Category, at_us: u64, event: &Event<'_>) {
        let sinks = self.wanted().interest.of_category(category);
        self.push(sinks, at_us, None, event);
    }
}

/// Sinks tell the server's log.
pub(crate) struct SinkNotices;

impl Notices for SinkNotices {
    fn notice(&self, is_bad: bool, line: &str) {
        let level = if is_bad {
            Level::Warning
        } else {
            Level::Notice
        };
        log(level, line);
    }
}
