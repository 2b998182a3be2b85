//! Loads policies and authenticators, off the main thread.
//!
//! In: a change in a watched directory (reported by the operating system), or
//! word that a setting changed. Out: a new chain or generation, complete and
//! checked, swapped in with one store; after a failure the last good one stays
//! and the errors are kept for INFO and the commands. Runs at nice +19, because
//! it compiles. It never touches the server.
//!
//! A change is acted on once the directories have been quiet for 300 ms, so that
//! files copied one after another, or written in place, are read together.

pub(crate) mod authenticators;
pub(crate) mod policies;
pub(crate) mod sinks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::commands::reload::{Asked, Part};
use crate::ffi::{Level, log, rest_if_crashing};
use crate::shared::Shared;
use crate::watch::{Watch, Watched};

/// How long a directory must be quiet before it is read.
const QUIET: Duration = Duration::from_millis(300);

/// How long a directory that never gets quiet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked where the system reports nothing, and how often what could
/// not be taken is tried again.
const POLL: Duration = Duration::from_secs(10);

/// What the loader is asked to do.
pub(crate) enum Load {
    /// Something may have changed in a watched directory.
    Changed,
    /// Settings or the server changed: look at everything now.
    Now,
    /// As `Now`, for somebody who waits to hear what changed.
    Asked(Asked),
    /// The module is being unloaded.
    Stop,
}

/// The revision of signed policies that an operator allows, whatever was run before.
pub(crate) type Allowed = Option<u64>;

/// What one loader is responsible for. Policies and authenticators have one each:
/// a revoked key must not wait for a compilation.
pub(crate) struct Lane {
    /// Where changes of files are reported to.
    pub(crate) loads: fn(&Shared) -> &Sender<Load>,
    part: Part,
    watched: fn(&Shared) -> Watched,
    load: fn(&Shared, Allowed) -> Changes,
    errors: fn(&Shared) -> &ArcSwap<Vec<String>>,
}

/// What one load of a directory came to.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The generation in force now; 0: none.
    pub(crate) generation: u64,
    /// Names that were not in force before.
    pub(crate) added: Vec<String>,
    /// Names in force as before, with other files.
    pub(crate) changed: Vec<String>,
    /// Names no longer in force.
    pub(crate) removed: Vec<String>,
    /// What is wrong in the directory; what it concerns is in force as before.
    pub(crate) errors: Vec<String>,
}

impl Changes {
    /// Whether everything is in force as before, and nothing is wrong.
    pub(crate) fn is_nothing(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.removed.is_empty()
            && self.errors.is_empty()
    }

    fn failed(why: &str) -> Self {
        Self {
            errors: vec![why.to_owned()],
            ..Self::default()
        }
    }

    /// The difference of two states, each a version by name.
    fn between<V: PartialEq>(before: &BTreeMap<String, V>, after: &BTreeMap<String, V>) -> Self {
        let names = |of: &BTreeMap<String, V>, wanted: &dyn Fn(&str, &V) -> bool| {
            let found = of.iter().filter(|(name, version)| wanted(name, version));
            found.map(|(name, _)| name.clone()).collect()
        };
        Self {
            added: names(after, &|name, _| !before.contains_key(name)),
            changed: names(after, &|name, version| {
                before.get(name).is_some_and(|old| old != version)
            }),
            removed: names(before, &|name, _| !after.contains_key(name)),
            ..Self::default()
        }
    }
}

/// A loader's life: ends at [`Load::Stop`].
pub(crate) fn run(lane: &Lane, shared: &Arc<Shared>, loads: &Receiver<Load>) {
    let mut watch = Watch::new((lane.loads)(shared).clone());
    watch.follow((lane.watched)(shared));
    while let Some(request) = next(shared, loads) {
        rest_if_crashing();
        // A setting may name another directory now.
        let moved = watch.follow((lane.watched)(shared));
        // Looked at before it is read: what changes meanwhile is noticed again.
        let changed = watch.has_changed();
        let failed = !(lane.errors)(shared).load().is_empty();
        let asked = match request {
            Load::Stop => return,
            Load::Changed if !(moved || changed || failed) => continue,
            Load::Changed | Load::Now => None,
            Load::Asked(asked) => Some(asked),
        };
        let allowed = asked.as_ref().and_then(Asked::allowed);
        let changes = (lane.load)(shared, allowed);
        if let Some(asked) = asked {
            asked.tell(lane.part, changes);
        }
        if watch.follow((lane.watched)(shared)) {
            // What is watched from now on may have changed just before.
            let _ = (lane.loads)(shared).send(Load::Changed);
        }
    }
}

/// Waits for something to do; `None` at the end.
fn next(shared: &Shared, loads: &Receiver<Load>) -> Option<Load> {
    match loads.recv_timeout(POLL) {
        Ok(Load::Changed) => Some(settle(shared, loads)),
        Ok(request) => Some(request),
        Err(RecvTimeoutError::Timeout) => Some(Load::Changed),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Waits until nothing has changed for [`QUIET`], at most [`PATIENCE`].
fn settle(shared: &Shared, loads: &Receiver<Load>) -> Load {
    let end = shared.monotonic() + PATIENCE;
    while shared.monotonic() < end {
        match loads.recv_timeout(QUIET) {
            Ok(Load::Changed) => {}
            Ok(request) => return request,
            Err(RecvTimeoutError::Timeout) => return Load::Changed,
            Err(RecvTimeoutError::Disconnected) => return Load::Stop,
        }
    }
    Load::Changed
}

/// Logs errors once: a retry that fails in the same way is silent.
fn complain(before: &[String], lines: &[String], consequence: &str) {
    if before == lines {
        return;
    }
    for line in lines {
        log(Level::Warning, line);
    }
    log(Level::Warning, consequence);
}
