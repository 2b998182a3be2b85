//! What all of warden's threads see: settings, the authenticators and policies in
//! force, the cache, the queue of waiting log-ins, and the counters.
//!
//! Everything here is replaced whole (one `Arc` swapped) or counted, so a reader
//! never waits for a writer. INFO reads it from crash reports and forked
//! children, where no lock may be taken.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_task::Runnable;
use crossbeam_channel::Sender;
use tokio::runtime::Handle;
use warden_audit::Surroundings;
use warden_authn::{Cache, CacheSettings, Chain, Claim, PluginRegistry, Seal, Services};
use warden_core::clock::SystemClock;
use warden_core::{ClientFacts, Clock, Now, Server};
use warden_policy::{Engine, EngineSettings, Frame, Generation, Limits, SignedManifest};
use warden_state::{NodeKey, PrivateDir};

use crate::answers::Answers;
use crate::audit::{Digests, SinkNotices, Trail};
use crate::compilations::Compilations;
use crate::counters::Counters;
use crate::ffi::{Blocked, ServerLock, apart, post, under_way};
use crate::guest_lines::GuestLines;
use crate::loader::Load;
use crate::loader::policies::announce;
use crate::login::Answer;
use crate::network::{Bell, LoggedNotices};
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

    /// What is laid over the policies' verdicts.
    pub(crate) fn frame(&self) -> Frame {
        let settings = self.settings.load();
        Frame {
            base: settings.base_rules.clone(),
            ceiling: settings.ceiling.clone(),
            server: self.server.load_full(),
            required: settings.required_policies.clone(),
        }
    }

    /// The names of the policies of a generation, with commas, and the digest of all of them;
    /// nothing when another one is in force.
    pub(crate) fn policies_in_short(&self, number: u64) -> (String, String) {
        let generation = self.generation.load();
        let of_it = generation.as_ref().filter(|one| one.number() == number);
        let Some(generation) = of_it else {
            return Default::default();
        };
        let names: Vec<&str> = generation
            .bundles()
            .iter()
            .map(|bundle| bundle.name())
            .collect();
        (names.join(","), generation.digest().to_string())
    }

    /// Whether somebody signed who may sign now.
    pub(crate) fn trusts(&self, signed: &SignedManifest) -> bool {
        self.settings.load().policy_keys.contains(signed.key())
    }

    /// Puts a generation of policies in force, under the frame of this moment. With
    /// `None`, those in force are decided anew: a ceiling tightened while a bundle is
    /// broken, or while one is being compiled, must hold at once. Reads no file.
    pub(crate) fn publish(&self, next: Option<Arc<Generation>>) {
        // Held for a few moves of pointers, by the loader or the main thread.
        let _turn = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = self.generation.load_full();
        let number = current.as_ref().map_or(0, |current| current.number());
        let is_new = next.is_some();
        let Some(bundles) = next.or(current) else {
            return;
        };
        let frame = self.frame();
        // While they were compiled others may have taken their very number.
        let fits = is_new && bundles.number() > number && *bundles.frame() == frame;
        let next = if fits {
            bundles
        } else {
            let next = Arc::new(bundles.reframed(frame, number));
            drop(bundles);
            next
        };
        announce(&next);
        self.reviews.begin(next.number(), self.monotonic());
        // The decisions it remembers, one for each class, are not freed on the main thread.
        if let Some(old) = self.generation.swap(Some(next)) {
            self.hand_over(Job::Forget(Box::new(old)));
        }
        self.wake_snapshots();
        self.wake_clock();
    }

    /// This server has become a primary or a replica.
    pub(crate) fn set_replica(&self, replica: bool) {
        if self.replica.swap(replica, Ordering::AcqRel) != replica
            && self
                .generation
                .load()
                .as_ref()
                .is_some_and(|generation| generation.inputs().server_role)
        {
            self.publish(None);
        }
    }

    /// Facts about a connection as they are now: its server may have changed its
    /// role since they were gathered.
    pub(crate) fn facts_now(&self, facts: &ClientFacts) -> ClientFacts {
        ClientFacts {
            replica: self.replica.load(Ordering::Acquire),
            ..facts.clone()
        }
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

    /// Hands a log-in, or a question, to whoever verifies as it is claimed. Waits for nobody.
    pub(crate) fn hand_in(
        &self,
        (claim, job): (Claim, Verify),
        waiter: Waiter,
        deadline: Duration,
    ) {
        let arrival = (job.key, waiter, deadline);
        self.pending.arrive(arrival, (claim, Box::new(job)));
        match claim {
            Claim::Computed => self.crew.wake(),
            Claim::Asked => self.bell.ring(),
        }
    }

    /// Hands a re-evaluation to the workers. Waits for nobody.
    pub(crate) fn assign(&self, assignment: Assignment) {
        self.assignments.put(assignment);
        self.crew.wake();
    }

    /// Hands a verification back to the workers that waited for somebody else's answer. As
    /// [`hand_over`](Self::hand_over).
    pub(crate) fn go_on(&self, verification: Runnable) {
        self.begun.put(verification);
        self.have_it_done();
    }

    /// Hands other work to the workers, and waits for nobody before an unload. When they are gone
    /// the job is dropped, and whoever waits for it is refused.
    pub(crate) fn hand_over(&self, job: Job) {
        self.jobs.put(job);
        self.have_it_done();
    }

    fn have_it_done(&self) {
        self.crew.wake();
        if self.is_stopping() {
            self.abandon_jobs();
        }
    }

    /// Drops work that nobody will do.
    pub(crate) fn abandon_jobs(&self) {
        // Whoever puts some in after this sees that we are stopping: see `Crew::wake`.
        fence(Ordering::SeqCst);
        while let Some(verification) = self.begun.take() {
            self.abandoned.put_down(Box::new(verification));
        }
        while let Some(job) = self.jobs.take() {
            self.abandoned.put_down(Box::new(job));
        }
    }

    /// Answers a connection that waits, from any thread; whoever does it [sends](Self::send_answers) when it has no more of
    /// them. Where it does not come to that soon, the clock's thread does at its tick.
    pub(crate) fn answer(&self, connection: Blocked<Answer>, answer: Answer) {
        let now = self.monotonic();
        self.answers.put(connection, answer, now);
        if self.answers.are_due(now) {
            self.send_answers();
        }
    }

    /// Has the main thread give the server what answers there are.
    pub(crate) fn send_answers(&self) {
        self.answers.call(|| post(give_answers).is_ok());
    }

    /// On the main thread: gives the server as many answers as it may have in a turn, beside those that it has; whether
    /// there are more.
    pub(crate) fn give_answers(&self, lock: &ServerLock) -> bool {
        self.answers.turn(under_way(lock), Blocked::complete)
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

/// The main thread was called. The next slice goes on if that was not all.
fn give_answers(lock: &ServerLock) {
    if let Some(shared) = crate::state::shared() {
        shared.answers.called();
        if shared.give_answers(lock) {
            shared.wake_clock();
        }
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

#[cfg(test)]
mod tests;
