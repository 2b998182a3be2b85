//! One fresh instance of a policy, alive for one run.
//!
//! In comes a compiled policy, out goes what its functions return or the
//! [`Failure`] that ended it. Store, memory and instance are made for the run
//! and dropped after it: nothing of one request is there for the next.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{self, ComponentType, HasSelf, Lift, Linker};

use crate::bindings::policy::warden::policy::types::{Description, File, Request, Verdict};
use crate::bindings::policy::warden::policy::{log, types};
use crate::bindings::policy::{Policy, PolicyPre};
use crate::budget::Budget;
use crate::engine::{Limits, Machine};
use crate::error::Failure;
use crate::log::{Ear, Level, Speaker};
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
        ear: Ear,
    ) -> Result<Self, Failure> {
        let ticking = machine.ticker.ticking();
        let engine = component.engine();
        let mut store = sandbox::store(machine, engine, Speaker::Policy(bundle), limits);
        if ear == Ear::Shut {
            store.data_mut().notebook.close();
        }
        match component.instantiate(&mut store) {
            Ok(policy) => Ok(Self {
                store,
                policy,
                _ticking: ticking,
            }),
            Err(error) => Err(failure(&store, &error)),
        }
    }

    /// The same of a policy with exports beyond the contract, for [`call`](Self::call).
    /// What it says is dropped: it said so when it was loaded.
    ///
    /// # Errors
    /// As those of [`start`](Self::start).
    pub(crate) fn start_open(
        machine: &Machine,
        bundle: Arc<str>,
        component: &PolicyPre<Guest>,
        limits: Limits,
    ) -> Result<(Self, component::Instance), Failure> {
        let ticking = machine.ticker.ticking();
        let engine = component.engine();
        let mut store = sandbox::store(machine, engine, Speaker::Policy(bundle), limits);
        store.data_mut().notebook.close();
        let started = component.instance_pre().instantiate(&mut store);
        let started = started.and_then(|open| Ok((Policy::new(&mut store, &open)?, open)));
        match started {
            Ok((policy, open)) => Ok((
                Self {
                    store,
                    policy,
                    _ticking: ticking,
                },
                open,
            )),
            Err(error) => Err(failure(&store, &error)),
        }
    }

    /// Calls a function of an interface that takes nothing.
    ///
    /// # Errors
    /// When there is none, or it fails.
    pub(crate) fn call<R: ComponentType + Lift + 'static>(
        &mut self,
        open: &component::Instance,
        (interface, name): (&str, &str),
    ) -> Result<R, String> {
        let store = &mut self.store;
        let index = open
            .get_export_index(&mut *store, None, interface)
            .and_then(|interface| open.get_export_index(&mut *store, Some(&interface), name))
            .ok_or_else(|| format!("it has no function {name:?}"))?;
        open.get_typed_func::<(), (R,)>(&mut *store, index)
            .and_then(|function| function.call(&mut *store, ()))
            .map(|(returned,)| returned)
            .map_err(|error| failure(&self.store, &error).to_string())
    }

    /// Where its memories are.
    pub(crate) fn store(&self) -> &Store<Guest> {
        &self.store
    }

    /// Begins another run under these limits, whose answers may be as large as its
    /// memories.
    pub(crate) fn begin(&mut self, limits: Limits) {
        self.store.data_mut().begin(limits);
        self.store.set_hostcall_fuel(limits.memory_bytes);
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

    /// Runs `labels`.
    ///
    /// # Errors
    /// When the guest fails.
    pub(crate) fn labels(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let answer = self.policy.call_labels(&mut self.store);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// What its memories hold together.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory_bytes()
    }

    /// The time this run has used.
    pub(crate) fn budget(&self) -> &Budget {
        self.store.data().budget()
    }
}
