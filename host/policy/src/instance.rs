//! One fresh instance of a policy, alive for one run.
//!
//! In comes a compiled policy, out goes what its functions return or the
//! [`Failure`] that ended it. Store, memory and instance are made for the run
//! and dropped after it: nothing of one request is there for the next.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::bindings::warden::policy::types::{Description, File, Request, Verdict};
use crate::bindings::warden::policy::{log, types};
use crate::bindings::{Policy, PolicyPre};
use crate::budget::Budget;
use crate::engine::{Limits, Machine};
use crate::error::{Failure, gist};
use crate::log::{Level, Notebook};
use crate::ticker::Ticking;

/// Bytes of host memory one answer may take: bounds huge lists and strings.
pub(crate) const ANSWER_BYTES: usize = 1 << 20;
/// Entries of all of a guest's tables together.
pub(crate) const TABLE_ENTRIES: usize = 100_000;
/// Core instances, memories and tables of one component.
pub(crate) const PARTS: usize = 32;

/// What a store carries: the bounds and the log of one run.
pub(crate) struct Guest {
    quota: Quota,
    notebook: Notebook,
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
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

/// The contract's types come with no functions.
impl types::Host for Guest {}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warning => Level::Warning,
            log::Level::Error => Level::Error,
        };
        self.notebook.write(level, &message);
    }
}

/// Gives a linker the one interface policies get.
///
/// # Errors
/// When the linker already holds something of that name.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    Policy::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)
}

/// A running policy.
pub(crate) struct Instance {
    store: Store<Guest>,
    policy: Policy,
    budget: Budget,
    _ticking: Ticking,
}

impl Instance {
    /// Instantiates, start functions included, under the limits.
    ///
    /// # Errors
    /// When the guest fails or its parts exceed the limits.
    pub(crate) fn start(
        machine: &Machine,
        bundle: Arc<str>,
        component: &PolicyPre<Guest>,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let guest = Guest {
            quota: Quota {
                memory_bound: limits.memory_bytes,
                memory_bytes: 0,
                table_entries: 0,
                refused: None,
            },
            notebook: Notebook::new(bundle, Arc::clone(&machine.log)),
        };
        let ticking = machine.ticker.ticking();
        let budget = Budget::start(limits.cpu);
        let mut store = Store::new(&machine.wasm, guest);
        store.limiter(|guest| &mut guest.quota);
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| match budget.check() {
            Ok(()) => Ok(UpdateDeadline::Continue(1)),
            Err(failure) => Err(failure.into()),
        });
        match component.instantiate(&mut store) {
            Ok(policy) => Ok(Self {
                store,
                policy,
                budget,
                _ticking: ticking,
            }),
            Err(error) => Err(failure(&store, &error)),
        }
    }

    /// Runs `describe`.
    ///
    /// # Errors
    /// When the guest fails.
    pub(crate) fn describe(&mut self) -> Result<Description, Failure> {
        let answer = self.policy.call_describe(&mut self.store);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// Runs `configure`; the inner result is the policy's own.
    ///
    /// # Errors
    /// When the guest fails.
    pub(crate) fn configure(&mut self, files: &[File]) -> Result<Result<(), String>, Failure> {
        let answer = self.policy.call_configure(&mut self.store, files);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// Runs `evaluate`.
    ///
    /// # Errors
    /// When the guest fails.
    pub(crate) fn evaluate(&mut self, request: &Request) -> Result<Verdict, Failure> {
        let answer = self.policy.call_evaluate(&mut self.store, request);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// The time this run has used.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// The cause behind wasmtime's error: ours first, then the trap, then its own words.
fn failure(store: &Store<Guest>, error: &wasmtime::Error) -> Failure {
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
