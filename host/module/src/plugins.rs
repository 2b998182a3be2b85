//! Authenticators' plugins: compiled and closed where policies are compiled.
//!
//! In: plugins that authenticators are configured with, and those no longer used. Out: the
//! same at work, once they are compiled. Whoever loads authenticators never waits for a
//! compilation, so that a revoked key does not either; and no plugin runs on the main
//! thread once the server serves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use warden_core::AuthenticatorId;
use warden_core::plugin::{Plugin, Plugins, Setup, StartError};
use warden_policy::Engine;

use crate::ffi::{Level, guard, log};
use crate::loader::Load;
use crate::shared::Shared;

/// The plugins' place in this process.
pub(crate) struct PluginHost {
    engine: Engine,
    errands: Mutex<Errands>,
    /// Whether the server serves: before, what must be compiled is compiled at once.
    serves: AtomicBool,
    policy_loads: Sender<Load>,
}

/// What the loader of policies is to do between two loads.
#[derive(Default)]
struct Errands {
    compile: BTreeMap<AuthenticatorId, Arc<[u8]>>,
    close: Vec<Box<dyn Plugin>>,
}

impl PluginHost {
    /// Plugins that this engine runs; whoever receives `policy_loads` does the errands.
    pub(crate) fn new(engine: Engine, policy_loads: Sender<Load>) -> Self {
        Self {
            engine,
            errands: Mutex::default(),
            serves: AtomicBool::new(false),
            policy_loads,
        }
    }

    /// From now on nobody who starts a plugin waits for its compilation.
    pub(crate) fn serve(&self) {
        self.serves.store(true, Ordering::Release);
    }

    /// Does the errands. On the thread that compiles.
    pub(crate) fn do_errands(&self, shared: &Shared) {
        let Errands { compile, close } = self.take();
        if compile.is_empty() && close.is_empty() {
            return;
        }
        if !shared.begin_compiling() {
            // Being unloaded: they are dropped unclosed.
            return;
        }
        for (id, wasm) in &compile {
            guard("compiling of a plugin", (), || {
                self.engine.compile_plugin(id.as_str(), wasm);
            });
        }
        for plugin in close {
            guard("closing of a plugin", (), || plugin.close());
        }
        shared.end_compiling();
        if !compile.is_empty() {
            let _ = shared.authenticator_loads.send(Load::Now);
        }
    }

    fn take(&self) -> Errands {
        std::mem::take(&mut *self.errands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, note: impl FnOnce(&mut Errands)) {
        // Held for an operation on one of the two, or a swap with nothing.
        note(&mut self.errands.lock().unwrap_or_else(PoisonError::into_inner));
        // The channel is closed only at unload.
        let _ = self.policy_loads.send(Load::Changed);
    }
}

impl Plugins for PluginHost {
    fn start(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError> {
        if self.serves.load(Ordering::Acquire) && self.engine.must_compile_plugin(&setup.wasm) {
            // One that was asked for before is not wanted any more.
            self.ask(|errands| drop(errands.compile.insert(setup.id, setup.wasm)));
            return Err(StartError::Compiling);
        }
        let id = setup.id.clone();
        let plugin = self.engine.start(setup)?;
        let line = format!(
            "plugin {:?} is initialised: {}",
            id.as_str(),
            plugin.title()
        );
        log(Level::Notice, &line);
        Ok(plugin)
    }

    fn retire(&self, plugin: Box<dyn Plugin>) {
        self.ask(|errands| errands.close.push(plugin));
    }
}
