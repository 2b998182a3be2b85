//! The threads of a load: started together, and waited for when it ends.
//!
//! In: the receiving ends of their channels. Out: how many of them have not ended. What
//! each does is told where it does it.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, unbounded};

use crate::ffi::{self, MainThread, Priority, ServerLock};
use crate::loader::{self, Load};
use crate::network::{Caller, Network};
use crate::plugins::{self, Errand};
use crate::previews;
use crate::shared::{Channels, Shared};
use crate::{slices, snapshots, workers};

/// How long an unload waits for threads: most end at once, one that reads a file on a
/// file system that does not answer may never.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);

/// What a thread does until the module is unloaded.
type Life = Box<dyn FnOnce(&Arc<Shared>) + Send>;

/// The threads of a load.
static THREADS: MainThread<Option<Threads>> = MainThread::new(None);

struct Threads {
    handles: Vec<JoinHandle<()>>,
    /// Each of them holds the other end.
    running: Receiver<Infallible>,
}

/// Waits for threads that have had nothing to do yet, however long: a server that finds
/// fault with the module's settings unloads it at once, and takes no refusal.
pub(super) fn join_idle(lock: &ServerLock) {
    while join(lock, PATIENCE) > 0 {}
}

/// Waits for the threads, at most so long; answers how many have not ended.
pub(super) fn join(lock: &ServerLock, patience: Duration) -> usize {
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

/// The receiving ends of the threads' channels.
pub(super) struct Ends {
    policy_loads: Receiver<Load>,
    authenticator_loads: Receiver<Load>,
    sink_loads: Receiver<Load>,
    plugin_errands: Receiver<Errand>,
    preview_errands: Receiver<previews::Errand>,
    ticks: Receiver<()>,
    snapshot_wishes: Receiver<()>,
    pub(super) network: Network,
    caller: Caller,
}

/// The channels of a load: what others send on, and what its threads receive from.
pub(super) fn channels(network: Network, caller: Caller) -> (Channels, Ends) {
    let (policy_loads, policy_queue) = unbounded();
    let (authenticator_loads, authenticator_queue) = unbounded();
    let (sink_loads, sink_queue) = unbounded();
    let (plugin_errands, plugin_queue) = unbounded();
    let (preview_errands, preview_queue) = unbounded();
    let (ticks, tick_queue) = bounded(1);
    let (snapshot_wishes, snapshot_queue) = bounded(1);
    let channels = Channels {
        policy_loads,
        authenticator_loads,
        sink_loads,
        plugin_errands,
        preview_errands,
        ticks,
        snapshot_wishes,
    };
    let ends = Ends {
        policy_loads: policy_queue,
        authenticator_loads: authenticator_queue,
        sink_loads: sink_queue,
        plugin_errands: plugin_queue,
        preview_errands: preview_queue,
        ticks: tick_queue,
        snapshot_wishes: snapshot_queue,
        network,
        caller,
    };
    (channels, ends)
}

/// Starts every thread of a load.
///
/// # Errors
/// Which one the system does not start; those before it run.
pub(super) fn start(lock: &ServerLock, shared: &Arc<Shared>, ends: Ends) -> Result<(), String> {
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
        let caller = ends.caller.clone();
        let work: Life = Box::new(move |shared| {
            workers::work(shared, number);
            drop(caller);
        });
        start(&format!("warden-work-{number}"), Priority::WORKER, work)?;
    }
    let Ends {
        policy_loads,
        authenticator_loads,
        sink_loads,
        plugin_errands,
        preview_errands,
        ticks,
        snapshot_wishes,
        network,
        ..
    } = ends;
    start(
        "warden-net",
        Priority::NORMAL,
        Box::new(move |shared| network.run(shared)),
    )?;
    let policies: Life =
        Box::new(move |shared| loader::run(&loader::policies::LANE, shared, &policy_loads));
    start("warden-policies", Priority::COMPILER, policies)?;
    let authenticators: Life = Box::new(move |shared| {
        loader::run(&loader::authenticators::LANE, shared, &authenticator_loads)
    });
    start("warden-authn", Priority::WORKER, authenticators)?;
    let sinks: Life =
        Box::new(move |shared| loader::run(&loader::sinks::LANE, shared, &sink_loads));
    start("warden-audit", Priority::WORKER, sinks)?;
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
