//! The journal and the sinks in force, as all threads see them.
//!
//! In: records of any thread; another set of sinks, from the loader. Out: records in the lanes
//! of those who want them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use warden_audit::{Category, Event, Fleet, Journal, Record, Roster, SinkSet, Surroundings};

/// One load's records.
pub(crate) struct Trail {
    journal: Arc<Journal>,
    roster: ArcSwap<Roster>,
    /// Only the loader of sinks changes it, and unload.
    fleet: Mutex<Fleet>,
    is_enabled: AtomicBool,
    /// Rises when what is wanted, or what is known of sessions, is not what it was.
    epoch: AtomicU64,
    node: Arc<str>,
}

impl Trail {
    /// Without sinks.
    pub(crate) fn new(surroundings: Surroundings, is_enabled: bool) -> Self {
        let journal = Arc::new(Journal::new());
        Self {
            roster: ArcSwap::default(),
            node: Arc::clone(&surroundings.node),
            fleet: Mutex::new(Fleet::new(Arc::clone(&journal), surroundings)),
            journal,
            is_enabled: AtomicBool::new(is_enabled),
            epoch: AtomicU64::new(1),
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

    /// Which state of all this it is.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The node id that stands in each record.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// The sinks themselves. Never on the main thread but at load and unload.
    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records lost because none could hold them: too large.
    pub(crate) fn oversized(&self) -> u64 {
        self.journal.oversized()
    }

    /// Puts a record into the lanes of `sinks`.
    pub(crate) fn push(&self, sinks: SinkSet, record: &Record<'_>) {
        self.journal.push(sinks, record);
    }

    /// Records something that no connection did, if a sink wants it.
    pub(crate) fn record(&self, category: Category, at_us: u64, event: Event<'_>) {
        let sinks = self.wanted().interest.of_category(category);
        if !sinks.is_empty() {
            let client = None;
            self.push(
                sinks,
                &Record {
                    at_us,
                    client,
                    event,
                },
            );
        }
    }
}
