//! Load and unload.
//!
//! A load that fails leaves nothing behind: no thread, no state. An unload ends
//! every session (the server closes the clients of a freed user), refuses whoever
//! waits, and stops the threads; the server itself refuses to unload a module
//! while a client is blocked.
//!
//! ```text
//!                   few sessions                    ┌ still some: refused, again
//! MODULE UNLOAD ──────────────────→ ended           │
//!       └─ many: refused, draining ──slices──→ MODULE UNLOAD ── none left ──→ ended
//!
//! ended ── every thread has ended ──→ unloaded
//!       └─ one has not: refused, again
//! ```
//!
//! While it drains, and when it has ended, nobody is let in, and there is no way back but
//! to load again.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, unbounded};

use crate::ffi::{
    self, Context, Event, EventHandler, Level, MainThread, Priority, Reply, ServerLock, Topic, log,
};
use crate::loader::Load;
use crate::login::Login;
use crate::network::{Caller, Network};
use crate::plugins::{self, Errand};
use crate::previews;
use crate::review::Assignment;
use crate::settings::{self, Settings};
use crate::shared::{Channels, Shared};
use crate::{
    commands, configuration, default_user, facts, info, loader, sessions, slices, snapshots, state,
    workers,
};

/// What a thread does until the module is unloaded.
type Life = Box<dyn FnOnce(&Arc<Shared>) + Send>;

/// The threads of a load.
static THREADS: MainThread<Option<Threads>> = MainThread::new(None);

struct Threads {
    handles: Vec<JoinHandle<()>>,
    /// Each of them holds the other end.
    running: Receiver<Infallible>,
}

/// Loads the module.
///
/// # Errors
/// A bad load argument or configured value, an authenticator file with an error,
/// a `state_dir` that is not ours alone, or a server that refuses a call.
pub(crate) fn load(ctx: &Context<'_>, arguments: Vec<Vec<u8>>) -> Result<(), String> {
    let settings = configuration::load(ctx, settings::from_load_arguments(&arguments)?)?;
    let settings = with_state_dir(ctx, settings)?;
    ffi::set_level(settings.log_level);
    register(ctx).map_err(|error| error.to_string())?;
    let server = facts::of_server(ctx).map_err(|error| error.to_string())?;

    let (network, caller) = Network::new().map_err(|error| error.to_string())?;
    let (channels, ends) = channels(network, caller);
    // The policy engine starts a thread of its own, which must take no signal either.
    let shared =
        ffi::without_signals(|| Shared::new(settings, server, channels, ends.network.handle()))
            .map_err(|error| error.to_string())??;
    let shared = Arc::new(shared);
    take_authenticators(ctx, &shared)?;

    sessions::start(
        ctx.lock(),
        warden_session::Registry::new(shared.settings.load().of_sessions()),
    );
    state::set(Some(Arc::clone(&shared)));
    start_threads(ctx.lock(), &shared, ends).inspect_err(|_| {
        end(ctx.lock(), &shared);
        join_idle(ctx.lock());
    })
}

/// Unloads the module.
///
/// # Errors
/// While a user of the server's own ACL has a rule about one of our commands, for 8.0
/// fails an assertion of its own when the command of such a rule goes; while policies are
/// being read or compiled, which may take longer than a server should stand still; while there is more to be ended than fits between two commands, which is
/// then begun; and while a thread of ours has not ended, for what it runs would be gone.
pub(crate) fn unload(ctx: &Context<'_>) -> Result<(), String> {
    if let Some(shared) = state::shared() {
        // A server that finds fault with our settings takes no refusal.
        if shared.has_begun_loading()
            && let Some(user) = named_by_users(ctx).map_err(|error| error.to_string())?
        {
            return Err(format!(
                "ACL user {user} has a rule about a command of warden: take it away first"
            ));
        }
        may_end(ctx.lock(), &shared)?;
        end(ctx.lock(), &shared);
        if !shared.has_begun_loading() {
            join_idle(ctx.lock());
        }
    }
    match join(ctx.lock(), FOR_THREADS) {
        0 => Ok(()),
        threads => Err(format!(
            "{threads} threads of warden still end: repeat MODULE UNLOAD until it succeeds"
        )),
    }
}

/// A user of the server's own ACL with a rule about a command of ours.
///
/// # Errors
/// When the server does not answer `ACL LIST`.
fn named_by_users(ctx: &Context<'_>) -> Result<Option<String>, ffi::Error> {
    let (Reply::Array(users) | Reply::Set(users)) = ctx.call("ACL", &[b"LIST"])? else {
        return Err(ffi::Error::Refused("ACL LIST"));
    };
    let names_ours = |rule: &str| {
        let rule = rule.trim_start_matches(['(', '+', '-']);
        let start = rule.get(..settings::PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(settings::PREFIX))
    };
    // `user NAME RULE…`
    let named = users.into_iter().find_map(|user| {
        let Reply::Bulk(user) = user else {
            return None;
        };
        let user = String::from_utf8_lossy(&user);
        let mut words = user.split_whitespace().skip(1);
        let name = words.next()?;
        words.any(names_ours).then(|| name.to_owned())
    });
    Ok(named)
}

/// Sessions that an unload closes at once: the server frees their clients in one go.
const SESSIONS_AT_ONCE: usize = 50;

/// Users that an unload frees at once: each is a walk over every client.
const USERS_AT_ONCE: usize = 8;

/// Credentials in the cache that an unload frees at once.
const REMEMBERED_AT_ONCE: u64 = 1000;

/// How long an unload waits for threads: most end at once, one that reads a file on a
/// file system that does not answer may never.
const FOR_THREADS: Duration = Duration::from_millis(20);

fn may_end(lock: &ServerLock, shared: &Shared) -> Result<(), String> {
    if !shared.compilations.close() {
        return Err("policies are being loaded just now: try again in a moment".to_owned());
    }
    let (sessions, users) = sessions::remaining(lock);
    let is_little = sessions <= SESSIONS_AT_ONCE
        && users <= USERS_AT_ONCE
        && shared.remembered() <= REMEMBERED_AT_ONCE;
    if is_little {
        return Ok(());
    }
    if !shared.is_draining() {
        shared.begin_drain()?;
        sessions::begin_drain(lock);
    }
    Err(format!(
        "{sessions} sessions and {users} users are being ended first, some at a time, and log-ins are refused: \
         repeat MODULE UNLOAD until it succeeds"
    ))
}

/// Ends everything but the threads, which are told to.
fn end(lock: &ServerLock, shared: &Arc<Shared>) {
    state::set(None);
    shared.stop();
    // A dropped handle refuses its client.
    drop(shared.pending.close());
    sessions::stop(lock, shared.now());
    default_user::forget(lock);
}

/// Waits for threads that have had nothing to do yet, however long: a server that finds
/// fault with the module's settings unloads it at once, and takes no refusal.
fn join_idle(lock: &ServerLock) {
    while join(lock, FOR_THREADS) > 0 {}
}

/// Waits for the threads, at most so long; answers how many have not ended.
fn join(lock: &ServerLock, patience: Duration) -> usize {
    let Some(threads) = THREADS.with(lock, Option::take).flatten() else {
        return 0;
    };
    // Nothing is ever sent: it is cut off when the last of them has ended.
    if threads.running.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected) {
        for thread in threads.handles {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
        return 0;
    }
    let running = threads
        .handles
        .iter()
        .filter(|thread| !thread.is_finished());
    let count = running.count().max(1);
    THREADS.with(lock, |cell| *cell = Some(threads));
    count
}

/// At start a file with an error is fatal: nobody would notice a missing authenticator. A
/// server that serves already does not wait for plugins, which are in force when they
/// are started.
fn take_authenticators(ctx: &Context<'_>, shared: &Shared) -> Result<(), String> {
    if serves(ctx)? {
        shared.plugins.serve();
    }
    let report = loader::read_authenticators(shared);
    for error in &report.errors {
        let level = if error.passes {
            Level::Notice
        } else {
            Level::Warning
        };
        log(level, &error.to_string());
    }
    let errors = report.errors.iter().filter(|error| !error.passes).count();
    if errors > 0 {
        return Err(format!(
            "{errors} error(s) in authenticator_dir, each named above"
        ));
    }
    shared.chain.store(report.chain);
    shared.plugins.serve();
    Ok(())
}

/// Whether anybody is connected: the module is being loaded by command then, and not from
/// the configuration of a server that starts.
fn serves(ctx: &Context<'_>) -> Result<bool, String> {
    let answer = ctx
        .call("INFO", &[b"clients"])
        .map_err(|error| error.to_string())?;
    let text = answer.into_texts().concat();
    let field = "connected_clients:";
    let clients = text.lines().find_map(|line| line.strip_prefix(field));
    Ok(clients.is_none_or(|clients| clients.trim() != "0"))
}

fn register(ctx: &Context<'_>) -> Result<(), ffi::Error> {
    commands::register(ctx)?;
    ffi::info::register::<info::Info>(ctx)?;
    ffi::events::subscribe::<Events>(ctx, &[Topic::Modules])?;
    ffi::auth::register::<Login>(ctx)
}

/// The receiving ends of the threads' channels.
struct Ends {
    jobs: Receiver<workers::Job>,
    assignments: Receiver<Assignment>,
    policy_loads: Receiver<Load>,
    authenticator_loads: Receiver<Load>,
    plugin_errands: Receiver<Errand>,
    preview_errands: Receiver<previews::Errand>,
    ticks: Receiver<()>,
    snapshot_wishes: Receiver<()>,
    network: Network,
    caller: Caller,
}

fn channels(network: Network, caller: Caller) -> (Channels, Ends) {
    let (jobs, job_queue) = unbounded();
    let (assignments, assignment_queue) = unbounded();
    let (policy_loads, policy_queue) = unbounded();
    let (authenticator_loads, authenticator_queue) = unbounded();
    let (plugin_errands, plugin_queue) = unbounded();
    let (preview_errands, preview_queue) = unbounded();
    let (ticks, tick_queue) = bounded(1);
    let (snapshot_wishes, snapshot_queue) = bounded(1);
    let channels = Channels {
        jobs,
        assignments,
        policy_loads,
        authenticator_loads,
        plugin_errands,
        preview_errands,
        ticks,
        snapshot_wishes,
    };
    let ends = Ends {
        jobs: job_queue,
        assignments: assignment_queue,
        policy_loads: policy_queue,
        authenticator_loads: authenticator_queue,
        plugin_errands: plugin_queue,
        preview_errands: preview_queue,
        ticks: tick_queue,
        snapshot_wishes: snapshot_queue,
        network,
        caller,
    };
    (channels, ends)
}

fn start_threads(lock: &ServerLock, shared: &Arc<Shared>, ends: Ends) -> Result<(), String> {
    let (alive, running) = bounded(0);
    THREADS.with(lock, |threads| {
        *threads = Some(Threads {
            handles: Vec::new(),
            running,
        });
    });
    let start = |name: &str, priority, work: Life| {
        let (shared, alive) = (Arc::clone(shared), alive.clone());
        let life = move || {
            work(&shared);
            drop((shared, alive));
        };
        let thread =
            ffi::spawn(name, priority, life).map_err(|error| format!("{name}: {error}"))?;
        THREADS.with(lock, |threads| {
            if let Some(threads) = threads {
                threads.handles.push(thread);
            }
        });
        Ok::<(), String>(())
    };
    for number in 0..shared.settings.load().workers {
        let (jobs, assignments) = (ends.jobs.clone(), ends.assignments.clone());
        let caller = ends.caller.clone();
        let work: Life = Box::new(move |shared| {
            workers::work(shared, &jobs, &assignments);
            drop(caller);
        });
        start(&format!("warden-work-{number}"), Priority::WORKER, work)?;
    }
    let Ends {
        policy_loads,
        authenticator_loads,
        plugin_errands,
        preview_errands,
        ticks,
        snapshot_wishes,
        network,
        ..
    } = ends;
    start(
        "warden-net",
        Priority::WORKER,
        Box::new(move |_shared| network.run()),
    )?;
    let policies: Life =
        Box::new(move |shared| loader::run(&loader::POLICIES, shared, &policy_loads));
    start("warden-policies", Priority::COMPILER, policies)?;
    let authenticators: Life =
        Box::new(move |shared| loader::run(&loader::AUTHENTICATORS, shared, &authenticator_loads));
    start("warden-authn", Priority::WORKER, authenticators)?;
    let plugins: Life = Box::new(move |shared| plugins::run(shared, &plugin_errands));
    start("warden-plugins", Priority::COMPILER, plugins)?;
    let previews: Life = Box::new(move |shared| previews::run(shared, &preview_errands));
    start("warden-preview", Priority::COMPILER, previews)?;
    let snapshots: Life = Box::new(move |shared| snapshots::run(shared, &snapshot_wishes));
    start("warden-snapshot", Priority::COMPILER, snapshots)?;
    start(
        "warden-clock",
        Priority::NORMAL,
        Box::new(move |shared| slices::run(shared, &ticks)),
    )
}

/// `state_dir` defaults to `warden` in the server's own directory.
fn with_state_dir(ctx: &Context<'_>, mut settings: Settings) -> Result<Settings, String> {
    if settings.state_dir.is_none() {
        let answer = ctx
            .call("CONFIG", &[b"GET", b"dir"])
            .map_err(|error| error.to_string())?;
        let dir = answer
            .into_texts()
            .pop()
            .ok_or("the server does not tell its dir")?;
        settings.state_dir = Some(PathBuf::from(dir).join("warden"));
    }
    Ok(settings)
}

/// What the server tells us unasked.
struct Events;

impl EventHandler for Events {
    fn event(_ctx: &Context<'_>, event: Event) {
        if matches!(event, Event::ModuleLoaded(_) | Event::ModuleUnloaded(_))
            && let Some(shared) = state::shared()
        {
            shared.server_changed();
        }
    }
}
