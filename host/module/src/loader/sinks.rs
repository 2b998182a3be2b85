//! Loading the sinks of `audit_dir`.
//!
//! In: word that something may have changed there. Out: sinks begun, changed and ended; a bad
//! file keeps the sink of its last good version. The main thread comes here once, when the
//! module is loaded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use warden_audit::Read;

use super::{Changes, Lane, complain};
use crate::audit::{reloaded, wait_until};
use crate::commands::reload::Part;
use crate::ffi::{self, Level, Priority, guard, log};
use crate::shared::Shared;
use crate::watch::Watched;

/// Sinks' threads that have not ended: an unload waits for them, for the next load may write
/// where they do.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// How many sinks' threads have not ended.
pub(crate) fn running() -> usize {
    RUNNING.load(Ordering::Acquire)
}

/// Waits a moment for sinks that end: they write first what they have.
pub(crate) fn await_end(patience: Duration) {
    wait_until(patience, || running() == 0);
}

/// The files of `audit_dir`.
pub(crate) const LANE: Lane = Lane {
    loads: |shared| &shared.sink_loads,
    part: Part::Sinks,
    watched: |shared| Watched {
        directories: shared.settings.load().audit_dir.iter().cloned().collect(),
        files: BTreeSet::new(),
    },
    load: |shared, _allowed| {
        let failed = Changes::failed("internal error: see the server's log");
        guard("loading of audit sinks", failed, || load(shared))
    },
    errors: |shared| &shared.sink_errors,
};

/// Reads the directory and puts in force what is good.
fn load(shared: &Shared) -> Changes {
    let changes = apply(shared, read(shared));
    // Somebody may have moved a file away, and says so by WARDEN.RELOAD.
    shared.trail.fleet().reopen();
    let before = shared.sink_errors.load();
    if !changes.errors.is_empty() {
        shared.counters.failed_loads.add_one();
    }
    let consequence = "the last good version of each audit sink stays in force";
    complain(&before, &changes.errors, consequence);
    shared.sink_errors.store(Arc::new(changes.errors.clone()));
    reloaded(shared, "sinks", "", &changes);
    changes
}

/// Reads the directory without putting anything in force.
pub(crate) fn read(shared: &Shared) -> Read {
    let settings = shared.settings.load();
    settings
        .audit_dir
        .as_deref()
        .map(Read::of)
        .unwrap_or_default()
}

/// Puts what was read in force.
pub(crate) fn apply(shared: &Shared, read: Read) -> Changes {
    let spawn = |name: &str, life: Box<dyn FnOnce() + Send>| {
        RUNNING.fetch_add(1, Ordering::AcqRel);
        let life = move || {
            guard("audit sink", (), life);
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        };
        ffi::spawn(name, Priority::WORKER, life)
            .map(drop)
            .map_err(|error| {
                RUNNING.fetch_sub(1, Ordering::AcqRel);
                format!("no thread can be started: {error}")
            })
    };
    let report = shared.trail.fleet().apply(read, &spawn);
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    let changes = Changes {
        added: report.added,
        changed: report.changed,
        removed: report.removed,
        errors,
        ..Changes::default()
    };
    if !(changes.added.is_empty() && changes.changed.is_empty() && changes.removed.is_empty()) {
        let names: Vec<&str> = report.roster.sinks.iter().map(|sink| &*sink.name).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        log(Level::Notice, &format!("audit sinks in force: {names}"));
        shared.trail.publish(report.roster);
        shared.wake_clock();
        if !report.ended.is_empty() {
            shared.trail.await_adoption(|| shared.is_stopping());
            // Only now is nothing recorded for them any more.
            drop(report.ended);
        }
    }
    changes
}
