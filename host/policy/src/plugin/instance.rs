//! An instance of a plugin, alive over many runs.
//!
//! Each run has its own time, its own share of the log and the limits of that moment;
//! memory is counted over the instance's whole life.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::plugin::warden::plugin::types::{
    Answer, Client, Credential, Description, Properties,
};
use crate::bindings::plugin::warden::plugin::{log, types};
use crate::bindings::plugin::{Plugin, PluginPre};
use crate::engine::{Limits, Machine};
use crate::error::Failure;
use crate::log::{Level, Notebook, Speaker};
use crate::sandbox::{self, Guest, failure};

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

/// Gives a linker the one interface plugins get.
///
/// # Errors
/// When the linker already holds something of that name.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    Plugin::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)
}

/// A plugin's instance.
pub(super) struct Instance {
    store: Store<Guest>,
    plugin: Plugin,
}

impl Instance {
    /// Instantiates, start functions included, under the limits.
    ///
    /// # Errors
    /// When the guest fails or its parts exceed the limits.
    pub(super) fn start(
        machine: &Machine,
        id: Arc<str>,
        component: &PluginPre<Guest>,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let _ticking = machine.ticker.ticking();
        let engine = component.engine();
        let mut store = sandbox::store(machine, engine, Speaker::Plugin(id), limits);
        match component.instantiate(&mut store) {
            Ok(plugin) => Ok(Self { store, plugin }),
            Err(error) => Err(failure(&store, &error)),
        }
    }

    /// Runs `describe`, in what is left of the time of the start.
    ///
    /// # Errors
    /// When the guest fails.
    pub(super) fn describe(&mut self, machine: &Machine) -> Result<Description, Failure> {
        let _ticking = machine.ticker.ticking();
        let answer = self.plugin.call_describe(&mut self.store);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// Runs `initialise`, in what is left of the time of the start; the inner result is
    /// the plugin's own.
    ///
    /// # Errors
    /// When the guest fails.
    pub(super) fn initialise(
        &mut self,
        machine: &Machine,
        properties: &Properties,
    ) -> Result<Result<(), String>, Failure> {
        let _ticking = machine.ticker.ticking();
        let answer = self.plugin.call_initialise(&mut self.store, properties);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// Runs `authenticate`.
    ///
    /// # Errors
    /// When the guest fails.
    pub(super) fn authenticate(
        &mut self,
        machine: &Machine,
        credential: &Credential,
        client: &Client,
    ) -> Result<Answer, Failure> {
        let _ticking = machine.ticker.ticking();
        self.store.data_mut().begin(machine.limits());
        self.store
            .data_mut()
            .notebook
            .keep_secret(&credential.secret);
        let answer = self
            .plugin
            .call_authenticate(&mut self.store, credential, client);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// Runs `close`.
    ///
    /// # Errors
    /// When the guest fails.
    pub(super) fn close(&mut self, machine: &Machine) -> Result<(), Failure> {
        let _ticking = machine.ticker.ticking();
        self.store.data_mut().begin(machine.limits());
        let answer = self.plugin.call_close(&mut self.store);
        answer.map_err(|e| failure(&self.store, &e))
    }

    /// The log of the run under way, which knows its secret.
    pub(super) fn notebook(&self) -> &Notebook {
        &self.store.data().notebook
    }

    /// Ends a run: its secret is forgotten.
    pub(super) fn end(&mut self) {
        self.store.data_mut().notebook.turn_over();
    }

    /// Writes a line of ours beside the plugin's.
    pub(super) fn write(&mut self, level: Level, line: &str) {
        self.store.data_mut().notebook.write(level, line);
    }
}
