//! Authenticators' plugins, on a thread of their own.
//!
//! In: plugins that authenticators are configured with, and those no longer used. Out: the
//! same at work, compiled and initialised. Whoever loads authenticators waits for neither, so
//! that a revoked key does not either; and no plugin runs on the main thread once the
//! server serves. One that cannot be started is tried again after a rest, which is as
//! many times as long as the attempt took: a plugin in error occupies no processor.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use warden_core::clock::SystemClock;
use warden_core::plugin::{Plugin, Plugins, Setup, StartError};
use warden_core::{AuthenticatorId, Clock};
use warden_policy::Engine;

use crate::ffi::{Level, guard, log, rest_if_crashing};
use crate::loader::Load;
use crate::shared::Shared;

/// How much longer than an attempt to start it took a plugin in error is left alone.
const REST_FACTOR: u32 = 9;

/// The plugins' place in this process.
pub(crate) struct PluginHost {
    engine: Engine,
    /// What is on its way, by authenticator.
    places: Mutex<BTreeMap<AuthenticatorId, Place>>,
    /// Whether the server serves: before, plugins are started where they are asked for.
    serves: AtomicBool,
    errands: Sender<Errand>,
    clock: Arc<SystemClock>,
}

/// What the plugins' thread is asked to do.
pub(crate) enum Errand {
    /// Start one, unless the authenticator is to have another by now.
    Start(Setup),
    /// Close one that is no longer used.
    Close(Box<dyn Plugin>),
    /// The module is being unloaded.
    Stop,
}

/// A plugin that an authenticator is to have, and how far it is.
struct Place {
    /// Of what it is made.
    content: Vec<u8>,
    state: State,
}

enum State {
    /// On the thread, or before it; how it failed the last time.
    Starting(Option<String>),
    /// To be fetched.
    Ready(Box<dyn Plugin>),
    /// Not to be tried again until then, on the monotonic clock.
    Failed(String, Duration),
}

impl PluginHost {
    /// Plugins that this engine runs; whoever receives the errands does them.
    pub(crate) fn new(engine: Engine, errands: Sender<Errand>, clock: Arc<SystemClock>) -> Self {
        Self {
            engine,
            places: Mutex::default(),
            serves: AtomicBool::new(false),
            errands,
            clock,
        }
    }

    /// From now on nobody who asks for a plugin waits for its start.
    pub(crate) fn serve(&self) {
        self.serves.store(true, Ordering::Release);
    }

    /// Held for an operation on the map alone.
    fn places(&self) -> MutexGuard<'_, BTreeMap<AuthenticatorId, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a plugin that may still be wanted. On the plugins' thread.
    fn begin(&self, setup: Setup) {
        let (id, content) = (setup.id.clone(), setup.content.clone());
        let is_wanted = |place: &Place| place.content == content;
        if !self.places().get(&id).is_some_and(is_wanted) {
            return;
        }
        let begun = self.clock.monotonic();
        let failed = Err(StartError::Faulty(
            "internal error: see the server's log".to_owned(),
        ));
        let started = guard("starting of a plugin", failed, || self.start_now(setup));
        let ended = self.clock.monotonic();
        let rest = ended.saturating_sub(begun).saturating_mul(REST_FACTOR);
        let state = match started {
            Ok(plugin) => State::Ready(plugin),
            Err(error) => State::Failed(error.to_string(), ended.saturating_add(rest)),
        };
        let mut places = self.places();
        let unwanted = match places.get_mut(&id) {
            Some(place) if is_wanted(place) => std::mem::replace(&mut place.state, state),
            _ => state,
        };
        drop(places);
        if let State::Ready(plugin) = unwanted {
            close(plugin);
        }
    }

    fn start_now(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError> {
        let id = setup.id.clone();
        let plugin = self.engine.start(setup)?;
        let (id, title) = (id.as_str(), plugin.title());
        log(
            Level::Notice,
            &format!("plugin {id:?} is initialised: {title}"),
        );
        Ok(plugin)
    }

    /// Whether one that failed is not yet to be tried again.
    fn rests(&self, until: Duration) -> bool {
        self.clock.monotonic() < until
    }

    /// Tells the thread to end.
    pub(crate) fn stop(&self) {
        let _ = self.errands.send(Errand::Stop);
    }
}

impl Plugins for PluginHost {
    fn start(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError> {
        if !self.serves.load(Ordering::Acquire) {
            return self.start_now(setup);
        }
        let mut places = self.places();
        let (id, content) = (setup.id.clone(), setup.content.clone());
        let before = places.remove(&id);
        let is_other = before
            .as_ref()
            .is_some_and(|place| place.content != content);
        let (state, answer) = match before.map(|place| place.state) {
            Some(State::Ready(plugin)) if !is_other => return Ok(plugin),
            Some(State::Starting(why)) if !is_other => (State::Starting(why.clone()), why),
            Some(State::Failed(why, until)) if !is_other && self.rests(until) => {
                (State::Failed(why.clone(), until), Some(why))
            }
            before => {
                // The channel is closed only at unload.
                let _ = self.errands.send(Errand::Start(setup));
                let why = match before {
                    Some(State::Ready(plugin)) => {
                        self.retire(plugin);
                        None
                    }
                    // It is in error until it is not.
                    Some(State::Failed(why, _)) if !is_other => Some(why),
                    _ => None,
                };
                (State::Starting(why.clone()), why)
            }
        };
        places.insert(id, Place { content, state });
        Err(answer.map_or(StartError::Starting, StartError::Faulty))
    }

    fn retire(&self, plugin: Box<dyn Plugin>) {
        let _ = self.errands.send(Errand::Close(plugin));
    }
}

/// The life of the plugins' thread.
pub(crate) fn run(shared: &Arc<Shared>, errands: &Receiver<Errand>) {
    while let Ok(errand) = errands.recv() {
        rest_if_crashing();
        if matches!(errand, Errand::Stop) {
            return;
        }
        let Some(_compiling) = shared.compilations.begin() else {
            // Being unloaded: plugins are dropped unclosed. Should nothing come of that, the
            // next load asks for them again.
            if let Errand::Start(setup) = errand {
                shared.plugins.places().remove(&setup.id);
            }
            continue;
        };
        match errand {
            Errand::Start(setup) => {
                shared.plugins.begin(setup);
                let _ = shared.authenticator_loads.send(Load::Now);
            }
            Errand::Close(plugin) => close(plugin),
            Errand::Stop => {}
        }
    }
}

fn close(plugin: Box<dyn Plugin>) {
    guard("closing of a plugin", (), || plugin.close());
}
