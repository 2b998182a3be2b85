//! What all of warden's threads see: settings, the authenticators and policies in
//! force, the cache, the queue of waiting log-ins, and the counters.
//!
//! Everything here is replaced whole (one `Arc` swapped) or counted, so a reader
//! never waits for a writer. INFO reads it from crash reports and forked
//! children, where no lock may be taken.

mod force;
mod handing;
mod making;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_task::Runnable;
use crossbeam_channel::Sender;
use warden_authn::{Cache, Chain, Seal, Services};
use warden_core::clock::SystemClock;
use warden_core::{Clock, Now, Server};
use warden_policy::{Engine, Generation};

use crate::answers::Answers;
use crate::audit::Trail;
use crate::compilations::Compilations;
use crate::counters::Counters;
use crate::ffi::Blocked;
use crate::loader::Load;
use crate::login::Answer;
use crate::network::Bell;
use crate::pending::Pending;
use crate::plugins::{Errand, PluginHost};
use crate::previews::{self, Previews};
use crate::queue::{Crew, Queue};
use crate::rechecks::Rechecks;
use crate::refreshes::Refreshes;
use crate::review::{Assignment, Reviews};
use crate::settings::Settings;
use crate::verification::Verify;
use crate::waiter::Waiter;
use crate::workers::{Abandoned, Job};

/// One load of the module: lives from `MODULE LOAD` to `MODULE UNLOAD`.
pub(crate) struct Shared {
    /// The checked configuration.
    pub(crate) settings: ArcSwap<Settings>,
    /// The authenticators in force.
    pub(crate) chain: ArcSwap<Chain>,
    /// The policies in force; nothing until the first valid generation.
    pub(crate) generation: ArcSwapOption<Generation>,
    /// What this server understands; replaced when modules come and go.
    pub(crate) server: ArcSwap<Server>,
    /// Why the last attempt to load policies failed; nothing when it succeeded.
    pub(crate) policy_errors: ArcSwap<Vec<String>>,
    /// What is wrong in the authenticators' directory.
    pub(crate) authenticator_errors: ArcSwap<Vec<String>>,
    /// Verified and refused credentials.
    pub(crate) cache: ArcSwap<Cache>,
    /// Connections waiting for their credentials to be verified.
    pub(crate) pending: Pending<Waiter, Box<Verify>>,
    /// Answers on their way to these connections.
    pub(crate) answers: Answers<Blocked<Answer>, Answer>,
    /// Re-evaluations on their way to and from the workers.
    pub(crate) reviews: Reviews,
    /// Previews of policies that are not in force.
    pub(crate) previews: Previews,
    /// Credentials of live sessions that are asked about again.
    pub(crate) rechecks: Rechecks,
    /// People with live sessions whose accounts are looked up again.
    pub(crate) refreshes: Refreshes,
    /// What keeps credentials unreadable meanwhile.
    pub(crate) seal: Seal,
    /// Numbers for INFO.
    pub(crate) counters: Counters,
    /// The policy engine.
    pub(crate) engine: Engine,
    /// What it runs for authenticators.
    pub(crate) plugins: Arc<PluginHost>,
    /// Wakes the network's thread.
    pub(crate) bell: Bell,
    /// The workers.
    pub(crate) crew: Crew,
    /// What they go on with.
    pub(crate) begun: Queue<Runnable>,
    /// Other work for them.
    pub(crate) jobs: Queue<Job>,
    /// Work that came when they were gone.
    abandoned: Abandoned,
    /// Re-evaluations.
    pub(crate) assignments: Queue<Assignment>,
    /// Work for the loader of policies.
    pub(crate) policy_loads: Sender<Load>,
    /// Work for the loader of authenticators.
    pub(crate) authenticator_loads: Sender<Load>,
    /// Work for the loader of audit sinks.
    pub(crate) sink_loads: Sender<Load>,
    /// What happens, for the audit sinks.
    pub(crate) trail: Arc<Trail>,
    /// What is wrong in the directory of audit sinks.
    pub(crate) sink_errors: ArcSwap<Vec<String>>,
    /// Wakes the clock thread.
    pub(crate) ticks: Sender<()>,
    /// Wakes the thread that takes snapshots of policies.
    snapshot_wishes: Sender<()>,
    stopping: AtomicBool,
    server_is_stale: AtomicBool,
    replica: AtomicBool,
    publishing: Mutex<()>,
    /// Who compiles just now.
    pub(crate) compilations: Compilations,
    draining: AtomicBool,
    first_load: Once,
    services: Services,
}

/// The sending ends of the threads' channels.
pub(crate) struct Channels {
    /// To the loader of policies.
    pub(crate) policy_loads: Sender<Load>,
    /// To the loader of authenticators.
    pub(crate) authenticator_loads: Sender<Load>,
    /// To the loader of audit sinks.
    pub(crate) sink_loads: Sender<Load>,
    /// To the plugins' thread.
    pub(crate) plugin_errands: Sender<Errand>,
    /// To the thread of previews.
    pub(crate) preview_errands: Sender<previews::Errand>,
    /// To the clock thread.
    pub(crate) ticks: Sender<()>,
    /// To the thread that takes snapshots of policies.
    pub(crate) snapshot_wishes: Sender<()>,
}

impl Shared {
    /// Both clocks, now.
    pub(crate) fn now(&self) -> Now {
        SystemClock.now()
    }

    /// The reading of the monotonic clock alone.
    pub(crate) fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    /// The clock itself.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    /// What authenticators are lent.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// A module came or went, and commands with it: asks the server anew in the
    /// next slice, when it has finished with that.
    pub(crate) fn server_changed(&self) {
        self.server_is_stale.store(true, Ordering::Release);
        self.wake_clock();
    }

    /// Whether the server must be asked anew; answers yes once.
    pub(crate) fn take_server_change(&self) -> bool {
        self.server_is_stale.swap(false, Ordering::AcqRel)
    }

    /// The server has finished loading the module: the loader may begin. Not
    /// earlier, because a server that finds fault with the module's configuration
    /// unloads it at once, and a compilation would be in the way.
    pub(crate) fn begin_loading(&self) {
        self.first_load.call_once(|| {
            // The channel is closed only at unload.
            let _ = self.policy_loads.send(Load::Now);
        });
    }

    /// Whether the server has finished loading the module.
    pub(crate) fn has_begun_loading(&self) -> bool {
        self.first_load.is_completed()
    }

    /// Whether an unload has begun that slices must finish first.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// How many credentials are remembered, about.
    pub(crate) fn remembered(&self) -> u64 {
        self.cache.load().len()
    }

    /// Whether the module is being unloaded.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tells every thread to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.crew.wake_all();
        let _ = self.policy_loads.send(Load::Stop);
        let _ = self.authenticator_loads.send(Load::Stop);
        let _ = self.sink_loads.send(Load::Stop);
        self.plugins.stop();
        self.previews.stop();
        self.wake_snapshots();
        self.wake_clock();
    }

    /// Asks for snapshots of the policies in force.
    fn wake_snapshots(&self) {
        // A full channel holds a wish already.
        let _ = self.snapshot_wishes.try_send(());
    }

    /// Asks the clock thread for a slice of the main thread soon.
    pub(crate) fn wake_clock(&self) {
        // A full channel holds a wake-up already.
        let _ = self.ticks.try_send(());
    }
}
