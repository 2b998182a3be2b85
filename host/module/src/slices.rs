//! What the main thread does between commands, a slice at a time.
//!
//! One clock thread posts one slice; the next follows only after that slice has
//! run and the server has had a turn, because slices queued from within a slice
//! run in the same drain. Each slice does a bounded part of: taking a new
//! generation, handing out and applying re-evaluations, closing sessions whose
//! time is over, freeing users nobody needs. The clock thread also answers
//! connections that have waited longer than `auth_timeout_ms`.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, select};
use warden_core::Now;
use warden_session::{Action, Killed, Registry};

use crate::ffi::{ServerLock, post};
use crate::review::Assignment;
use crate::shared::Shared;
use crate::workers::timed_out;
use crate::{searches, sessions};

/// The pace when nothing is to be done: the precision of expiry.
const TICK: Duration = Duration::from_millis(100);

/// The server's turn between two slices when more is to be done.
const TURN: Duration = Duration::from_millis(1);

/// Closes a slice: the server frees all clients closed in one go, so a slice that
/// closed a thousand would stall it.
const CLOSES: usize = 50;

/// Users freed a slice: freeing one walks every client.
const FREES: usize = 4;

/// Users whose name is compared with the server's own ACL in a slice.
const SWEPT: usize = 500;

/// Reviews applied in a slice.
const REVIEWS: usize = 16;

/// Members handed out for re-evaluation in a slice.
const MEMBERS: usize = 256;

/// The clock thread's life: ends when the module is being unloaded.
pub(crate) fn run(shared: &Arc<Shared>, ticks: &Receiver<()>) {
    let mut pause = TICK;
    loop {
        // A wake-up and the end of the pause mean the same.
        let _ = ticks.recv_timeout(pause);
        if shared.is_stopping() {
            return;
        }
        answer_overdue(shared);
        let (done, finished) = bounded(1);
        let inner = Arc::clone(shared);
        let posted = post(move |lock| {
            // The receiver is gone only when this thread has ended.
            let _ = done.try_send(slice(&inner, lock));
        });
        if posted.is_err() {
            pause = TICK;
            continue;
        }
        pause = await_slice(shared, &finished, ticks);
    }
}

/// Waits for the slice to run; meanwhile waiting log-ins still time out.
fn await_slice(shared: &Shared, finished: &Receiver<bool>, ticks: &Receiver<()>) -> Duration {
    let mut woken = false;
    loop {
        select! {
            recv(finished) -> more => return if woken || more == Ok(true) { TURN } else { TICK },
            recv(ticks) -> _ => woken = true,
            default(TICK) => answer_overdue(shared),
        }
        if shared.is_stopping() {
            return TICK;
        }
    }
}

/// Refuses connections that have waited longer than `auth_timeout_ms`.
fn answer_overdue(shared: &Shared) {
    for waiter in shared.pending.overdue(shared.now().monotonic) {
        waiter.refuse(timed_out(shared));
    }
}

/// One slice; answers whether more is to be done at once.
fn slice(shared: &Arc<Shared>, lock: &ServerLock) -> bool {
    if shared.is_stopping() {
        return false;
    }
    let start = shared.now();
    shared.begin_loading();
    let mut more = sessions::refresh_server(shared, lock);
    let decided = sessions::with_registry(lock, |registry| decide(shared, registry, start));
    if let Some(decided) = decided {
        sessions::perform(lock, decided.actions, start);
        searches::finished(lock, decided.killed);
        more |= decided.unfinished;
    }
    more |= sessions::end_collisions(lock, SWEPT, start);
    more |= sessions::end_lost_modes(lock, start);
    more |= searches::go_on(lock);
    let took = shared.now().monotonic.saturating_sub(start.monotonic);
    shared
        .counters
        .longest_slice_us
        .raise(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    more
}

/// What the registry wants done in a slice.
struct Decided {
    actions: Vec<Action>,
    /// Orders to end sessions that have been carried out, once the actions have been.
    killed: Vec<Killed>,
    /// It wants more.
    unfinished: bool,
}

fn decide(shared: &Shared, registry: &mut Registry, now: Now) -> Decided {
    let mut actions = Vec::new();
    let mut more = hand_out(shared, registry, now);
    for _ in 0..REVIEWS {
        let Some((review, answers)) = shared.reviews.next_done() else {
            break;
        };
        more = true;
        actions.extend(registry.apply_review(review, answers, now));
    }
    for id in shared.reviews.take_removed() {
        registry.forget_authenticator(&id);
    }
    let closes = registry.close_due(now, CLOSES);
    let frees = registry.reap(now, FREES);
    more |= registry.is_ending() || closes.len() >= CLOSES || frees.len() >= FREES;
    actions.extend(closes);
    actions.extend(frees);
    shared.counters.mirror(&registry.counts());
    Decided {
        actions,
        killed: registry.finished_kills(),
        unfinished: more,
    }
}

/// Hands sessions to the workers that an older generation decided about.
fn hand_out(shared: &Shared, registry: &mut Registry, now: Now) -> bool {
    let Some(generation) = shared.generation.load_full() else {
        return false;
    };
    registry.begin_generation(generation.number());
    if shared.reviews.room() < REVIEWS {
        return false;
    }
    let reviews = registry.next_review(now, MEMBERS);
    let more = !reviews.is_empty();
    for review in reviews {
        shared.reviews.hand_out();
        let generation = Arc::clone(&generation);
        // The channel is closed only at unload.
        let _ = shared.assignments.send(Assignment { review, generation });
    }
    more
}
