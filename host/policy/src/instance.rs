//! One fresh instance of a policy, alive for one run.
//!
//! In comes a compiled policy, out goes what its functions return or the
//! [`Failure`] that ended it. Store, memory and instance are made for the run
//! and dropped after it: nothing of one request is there for the next.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::policy::warden::policy::types::{Description, File, Request, Verdict};
use crate::bindings::policy::warden::policy::{log, types};
use crate::bindings::policy::{Policy, PolicyPre};
use crate::budget::Budget;
use crate::engine::{Limits, Machine};
use crate::error::Failure;
use crate::log::{Level, Speaker};
use crate::sandbox::{self, Guest, failure};
use crate::ticker::Ticking;

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
        let ticking = machine.ticker.ticking();
        let mut store = sandbox::store(machine, Speaker::Policy(bundle), limits);
        match component.instantiate(&mut store) {
            Ok(policy) => Ok(Self {
                store,
                policy,
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
        self.store.data().budget()
    }
}
