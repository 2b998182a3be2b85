//! Snapshots of the policies in force, on a thread of their own.
//!
//! In: word that a generation came into force. Out: its decisions start from policies that
//! have read their data. Nobody waits for that: until a snapshot is there each decision
//! configures the policy, and one that cannot be taken is told in the log. Compiles twice
//! for each bundle that this node has not seen before, at nice +19.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use warden_policy::{Generation, SnapshotState};

use crate::ffi::{Level, guard, log, rest_if_crashing};
use crate::shared::Shared;

/// How long a generation must have been in force: one that is replaced at once is not
/// worth two compilations.
const QUIET: Duration = Duration::from_secs(2);

/// The life of the thread.
pub(crate) fn run(shared: &Arc<Shared>, wishes: &Receiver<()>) {
    while wishes.recv().is_ok() {
        while !shared.is_stopping() && wishes.recv_timeout(QUIET).is_ok() {}
        if shared.is_stopping() {
            return;
        }
        rest_if_crashing();
        if let Some(generation) = shared.generation.load_full() {
            take(shared, &generation);
        }
    }
}

/// Takes one after the other while their generation is in force. An unload that comes
/// meanwhile has to be repeated.
fn take(shared: &Shared, generation: &Generation) {
    let in_force = || {
        let current = shared.generation.load();
        current.as_ref().map(|current| current.number()) == Some(generation.number())
    };
    while in_force() && shared.begin_compiling() {
        let taken = guard("taking of a snapshot", None, || generation.take_snapshot());
        shared.end_compiling();
        let Some(bundle) = taken else {
            return;
        };
        if let SnapshotState::Impossible(why) = bundle.snapshot() {
            let name = bundle.name();
            let line = format!("policy {name:?} is configured for each decision anew: {why}");
            log(Level::Notice, &line);
        }
    }
}
