//! What all threads see is made of the settings, at load and when they change.
//!
//! In: checked settings. Out: a [`Shared`] for a load, and what of it must be made anew for other settings. Never: half of
//! a change: what cannot be made leaves all as it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::runtime::Handle;
use warden_audit::Surroundings;
use warden_authn::{Cache, CacheSettings, Chain, PluginRegistry, Seal, Services};
use warden_core::Server;
use warden_core::clock::SystemClock;
use warden_policy::{Engine, EngineSettings, Limits};
use warden_state::{NodeKey, PrivateDir};

use super::{Channels, Shared};
use crate::answers::Answers;
use crate::audit::{Digests, SinkNotices, Trail};
use crate::compilations::Compilations;
use crate::counters::Counters;
use crate::ffi::apart;
use crate::guest_lines::GuestLines;
use crate::network::{Bell, LoggedNotices};
use crate::pending::Pending;
use crate::plugins::PluginHost;
use crate::previews::Previews;
use crate::queue::{Crew, Queue};
use crate::rechecks::Rechecks;
use crate::refreshes::Refreshes;
use crate::review::Reviews;
use crate::settings::Settings;
use crate::workers::{Abandoned, Job};

impl Shared {
    /// Everything but the threads.
    ///
    /// # Errors
    /// When the policy engine cannot be made, or `state_dir` is not ours alone.
    pub(crate) fn new(
        settings: Settings,
        server: Server,
        channels: Channels,
        runtime: Handle,
    ) -> Result<Self, String> {
        let clock = Arc::new(SystemClock);
        let engine = Engine::new(EngineSettings {
            state_dir: settings.state_dir.clone(),
            limits: limits(&settings),
            remembered_decisions: remembered_decisions(&settings),
            policy_keys: settings.policy_keys.clone(),
            log: Arc::new(GuestLines::new(clock.clone())),
            // What compiling takes is no memory of the server's, on whichever thread.
            within: |work| apart(work),
        })
        .map_err(|error| error.to_string())?;
        let state = settings
            .state_dir
            .as_deref()
            .map(PrivateDir::open)
            .transpose();
        let state = state.map_err(|error| error.to_string())?;
        let plugins = Arc::new(PluginHost::new(
            engine.clone(),
            channels.plugin_errands,
            clock.clone(),
        ));
        let notices = Arc::new(LoggedNotices);
        let services = Services::online(runtime, clock.clone(), state, notices)
            .with_plugins(PluginRegistry::new(plugins.clone()));
        let trail = Arc::new(new_trail(&settings, &server, clock.clone())?);
        let crew = Crew::new(settings.workers);
        Ok(Self {
            cache: ArcSwap::from_pointee(new_cache(&settings)?),
            settings: ArcSwap::from_pointee(settings),
            chain: ArcSwap::from_pointee(Chain::empty()),
            generation: ArcSwapOption::empty(),
            server: ArcSwap::from_pointee(server),
            policy_errors: ArcSwap::default(),
            authenticator_errors: ArcSwap::default(),
            pending: Pending::new(),
            answers: Answers::new(),
            reviews: Reviews::new(),
            previews: Previews::new(channels.preview_errands),
            rechecks: Rechecks::default(),
            refreshes: Refreshes::default(),
            seal: Seal::new().map_err(|error| error.to_string())?,
            counters: Counters::default(),
            engine,
            plugins,
            bell: Bell::default(),
            crew,
            begun: Queue::new(),
            jobs: Queue::new(),
            abandoned: Abandoned::default(),
            assignments: Queue::new(),
            policy_loads: channels.policy_loads,
            authenticator_loads: channels.authenticator_loads,
            sink_loads: channels.sink_loads,
            trail,
            sink_errors: ArcSwap::default(),
            ticks: channels.ticks,
            snapshot_wishes: channels.snapshot_wishes,
            stopping: AtomicBool::new(false),
            server_is_stale: AtomicBool::new(false),
            replica: AtomicBool::new(false),
            publishing: Mutex::new(()),
            compilations: Compilations::default(),
            draining: AtomicBool::new(false),
            first_load: Once::new(),
            services,
        })
    }

    /// Takes new settings into force in the rooms that keep a copy.
    ///
    /// # Errors
    /// When the system has no randomness for a new cache's key; nothing is changed.
    pub(crate) fn adopt(&self, new: Settings) -> Result<(), String> {
        if cache_settings(&self.settings.load()) != cache_settings(&new) {
            let old = self.cache.swap(Arc::new(new_cache(&new)?));
            // A hundred thousand entries are not freed on the main thread.
            self.hand_over(Job::Forget(Box::new(old)));
        }
        self.engine.set_limits(limits(&new));
        self.engine
            .set_remembered_decisions(remembered_decisions(&new));
        self.engine.set_policy_keys(new.policy_keys.clone());
        self.settings.store(Arc::new(new));
        Ok(())
    }

    /// Begins what an unload of many sessions needs: log-ins are refused from now on.
    ///
    /// # Errors
    /// When the system has no randomness for an empty cache's key; nothing is changed.
    pub(crate) fn begin_drain(&self) -> Result<(), String> {
        let old = self.cache.swap(Arc::new(new_cache(&self.settings.load())?));
        self.hand_over(Job::Forget(Box::new(old)));
        if let Some(old) = self.generation.swap(None) {
            self.hand_over(Job::Forget(Box::new(old)));
        }
        self.draining.store(true, Ordering::Release);
        self.wake_clock();
        Ok(())
    }
}

/// What happens here, for the sinks of `audit_dir`.
fn new_trail(
    settings: &Settings,
    server: &Server,
    clock: Arc<SystemClock>,
) -> Result<Trail, String> {
    let state = settings.state_dir.as_deref().ok_or("no state_dir")?;
    let state = PrivateDir::open(state).map_err(|error| error.to_string())?;
    let key = NodeKey::of(&state).map_err(|error| error.to_string())?;
    let digests = Digests::new(key);
    let surroundings = Surroundings {
        node: digests.node().into(),
        server: server.version.as_str().into(),
        clock,
        notices: Arc::new(SinkNotices),
        state: Arc::new(state),
    };
    Ok(Trail::new(surroundings, digests, settings.audit_enabled))
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        cpu: settings.policy_timeout,
        memory_bytes: settings.policy_memory_bytes,
    }
}

/// As many as there may be classes, where five credentials make one: whoever has a log-in
/// remembered is to find its decision, too.
fn remembered_decisions(settings: &Settings) -> u64 {
    (settings.cache_entries / 5).max(10_000)
}

fn new_cache(settings: &Settings) -> Result<Cache, String> {
    Cache::new(cache_settings(settings)).map_err(|error| error.to_string())
}

fn cache_settings(settings: &Settings) -> CacheSettings {
    CacheSettings {
        entries: settings.cache_entries,
        ttl: settings.cache_ttl,
        rejection_ttl: settings.rejection_ttl,
    }
}
