//! What a guest runs in: a store with bounds, a log, and a clock that ends it.
//!
//! In come limits and who is speaking; out goes a [`Store`] whose guest can use no more
//! than that, and the [`Failure`] behind whatever wasmtime reports. A store lives for one
//! run of a policy, or as long as a plugin does; its time is counted run by run.

use std::sync::Arc;

use wasmtime::{Engine, ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::budget::Budget;
use crate::engine::{Limits, Machine};
use crate::error::{Failure, gist};
use crate::log::{Notebook, Speaker};

/// Bytes of host memory one answer may take: bounds huge lists and strings.
pub(crate) const ANSWER_BYTES: usize = 1 << 20;
/// Entries of all of a guest's tables together.
pub(crate) const TABLE_ENTRIES: usize = 100_000;
/// Core instances of one component. Python's has one for each of its libraries, 38.
pub(crate) const INSTANCES: usize = 64;
/// Memories, and tables, of one component.
pub(crate) const PARTS: usize = 32;

/// What a store carries: the bounds, the clock and the log of the run under way.
pub(crate) struct Guest {
    quota: Quota,
    budget: Budget,
    pub(crate) notebook: Notebook,
}

/// Counts what a guest holds and refuses what goes beyond.
struct Quota {
    memory_bound: usize,
    memory_bytes: usize,
    table_entries: usize,
    refused: Option<Failure>,
}

impl ResourceLimiter for Quota {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .memory_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        if total > self.memory_bound {
            self.refused = Some(Failure::MemoryLimit(self.memory_bound));
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_entries
            .saturating_sub(current)
            .saturating_add(desired);
        if total > TABLE_ENTRIES {
            self.refused = Some(Failure::TableLimit(TABLE_ENTRIES));
            return Ok(false);
        }
        self.table_entries = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

/// An empty store for this guest; its first run begins now.
pub(crate) fn store(
    machine: &Machine,
    engine: &Engine,
    speaker: Speaker,
    limits: Limits,
) -> Store<Guest> {
    let guest = Guest {
        quota: Quota {
            memory_bound: limits.memory_bytes,
            memory_bytes: 0,
            table_entries: 0,
            refused: None,
        },
        budget: Budget::start(limits.cpu),
        notebook: Notebook::new(speaker, Arc::clone(&machine.log)),
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.quota);
    store.set_hostcall_fuel(ANSWER_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| match store.data().budget.check() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(failure) => Err(failure.into()),
    });
    store
}

impl Guest {
    /// The time the run under way has used.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What its memories hold together.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.quota.memory_bytes
    }

    /// Begins another run in the same store.
    pub(crate) fn begin(&mut self, limits: Limits) {
        self.quota.memory_bound = limits.memory_bytes;
        self.quota.refused = None;
        self.budget = Budget::start(limits.cpu);
        self.notebook.turn_over();
    }
}

/// The cause behind wasmtime's error: ours first, then the trap, then its own words.
pub(crate) fn failure(store: &Store<Guest>, error: &wasmtime::Error) -> Failure {
    if let Some(ours) = error.downcast_ref::<Failure>() {
        return ours.clone();
    }
    if let Some(refused) = &store.data().quota.refused {
        return refused.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::StackOverflow,
        Some(trap) => Failure::Trap(trap.to_string()),
        None => Failure::Trap(gist(&format!("{error:#}"))),
    }
}
