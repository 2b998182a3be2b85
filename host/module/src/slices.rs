//! What the main thread does between commands, a slice at a time.
//!
//! One clock thread posts one slice; the next follows only after that slice has
//! run and the server has had a turn. Each slice does a bounded part of: taking a new
//! generation, handing out and applying re-evaluations, closing sessions whose
//! time is over, freeing users nobody needs. It ends by time: nothing more is
//! begun once [`BUDGET`] is spent, whatever a call to the server costs with so
//! many clients. The clock thread also answers connections that have waited
//! longer than `auth_timeout_ms`, and hands out whoever is to be looked up again.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, never};
use warden_core::Now;
use warden_session::Registry;

use crate::audit;
use crate::ffi::{ServerLock, came_round, post, rest_if_crashing};
use crate::review::Assignment;
use crate::shared::Shared;
use crate::verification::timed_out;
use crate::workers::Job;
use crate::{default_user, local, previews, refreshes, searches, sessions};

/// The pace when nothing is to be done: the precision of expiry.
const TICK: Duration = Duration::from_millis(100);

/// The server's turn between two slices when more is to be done, whoever asks for
/// the next one meanwhile.
const TURN: Duration = Duration::from_micros(300);

/// Nothing is begun in a slice that has lasted this long. With the longest single
/// step and the closing of [`CLOSES`] clients, which the server does after the
/// slice, it must stay within two milliseconds.
const BUDGET: Duration = Duration::from_micros(400);

/// Closes a slice: the server frees all clients closed in one go, 20 µs each, so a
/// slice that closed a thousand would stall it. Those who were refused are closed whatever
/// the time, for they may have rights of their class until then; others one by one.
const CLOSES: usize = 32;

/// Users whose name is compared with the server's own ACL in one step.
const SWEPT: usize = 100;

/// Reviews that must have room with the workers before more are handed out.
const REVIEWS: usize = 16;

/// Members handed out for re-evaluation in one step.
const MEMBERS: usize = 128;

/// The clock thread's life: ends when the module is being unloaded.
pub(crate) fn run(shared: &Arc<Shared>, ticks: &Receiver<()>) {
    // The first slice lets the policies be loaded.
    let mut pace = Pace::AtOnce;
    loop {
        pace.wait(ticks);
        rest_if_crashing();
        if shared.is_stopping() {
            return;
        }
        answer_overdue(shared);
        refreshes::hand_out(shared);
        let (done, finished) = bounded(1);
        let inner = Arc::clone(shared);
        let posted = post(move |lock| {
            // The receiver is gone only when this thread has ended.
            let _ = done.try_send(slice(&inner, lock));
        });
        pace = match posted {
            Ok(()) => await_slice(shared, &finished),
            Err(_) => Pace::Rest,
        };
    }
}

/// When the next slice follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// At once: waiting log-ins have their answers, and the server has had a turn.
    AtOnce,
    /// After the server's turn.
    Turn,
    /// When somebody asks for it, or at the next tick.
    Rest,
}

impl Pace {
    fn wait(self, ticks: &Receiver<()>) {
        match self {
            Self::AtOnce => {}
            Self::Turn => {
                // Nothing ever comes from there: a wake-up does not shorten the turn.
                let _ = never::<()>().recv_timeout(TURN);
            }
            Self::Rest => {
                // A wake-up and the end of the pause mean the same.
                let _ = ticks.recv_timeout(TICK);
            }
        }
    }
}

/// Waits for the slice to run; meanwhile waiting log-ins still time out.
fn await_slice(shared: &Shared, finished: &Receiver<Pace>) -> Pace {
    loop {
        let answer = finished.recv_timeout(TICK);
        rest_if_crashing();
        match answer {
            Ok(pace) => return pace,
            // The server has dropped it.
            Err(RecvTimeoutError::Disconnected) => return Pace::Rest,
            Err(RecvTimeoutError::Timeout) => {
                answer_overdue(shared);
                // Should the slice not come: those of others who ask policies that are slow, too.
                shared.send_answers();
            }
        }
        if shared.is_stopping() {
            return Pace::Rest;
        }
    }
}

/// Refuses connections that have waited longer than `auth_timeout_ms`.
fn answer_overdue(shared: &Shared) {
    let now = shared.monotonic();
    let late = std::iter::repeat_with(|| shared.pending.overdue(now));
    for waiter in late.take_while(|some| !some.is_empty()).flatten() {
        waiter.refuse(shared, timed_out(shared));
    }
}

/// Hands credentials of live sessions to the workers that are to be asked about again.
fn ask_again(shared: &Shared, lock: &ServerLock) {
    let chain = shared.chain.load();
    for mut entry in shared.rechecks.due(shared.monotonic()) {
        entry.look(local::is_local(&chain, lock, entry.user().as_bytes()));
        shared.hand_over(Job::Recheck(Box::new(entry)));
    }
}

/// For a slice: what a mutex holds, unless another thread is at it just now. Then a later slice
/// sees it, that of the next tick at the latest.
pub(crate) fn glance<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(held) => Some(held),
        Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The time of one slice.
struct Budget<'a> {
    shared: &'a Shared,
    end: Duration,
}

impl Budget<'_> {
    /// Whether nothing more may be begun.
    fn is_spent(&self) -> bool {
        self.shared.monotonic() >= self.end
    }
}

/// One slice; answers when the next one is wanted.
fn slice(shared: &Arc<Shared>, lock: &ServerLock) -> Pace {
    if shared.is_stopping() {
        return Pace::Rest;
    }
    let start = shared.now();
    let budget = Budget {
        shared,
        end: start.monotonic.saturating_add(BUDGET),
    };
    shared.begin_loading();
    ask_again(shared, lock);
    came_round(lock);
    let answers = shared.give_answers(lock);
    default_user::look(lock, start);
    let mut more = audit::look(shared, lock);
    more |= sessions::refresh_server(shared, lock);
    more |= renew(shared, lock, &budget);
    more |= hand_out(shared, lock, start);
    more |= take_answers(shared, lock, &budget, start);
    // Counted, not only timed, and after the answers: whoever lost its place in its
    // class goes before the next command of the others.
    let mut closes = CLOSES;
    more |= end_lost_modes(lock, &budget, &mut closes, start);
    more |= close(shared, lock, (&budget, closes), start);
    more |= sweep(lock, &budget, start);
    more |= searches::go_on(lock);
    more |= previews::go_on(shared, lock, budget.is_spent());
    more |= free(lock, &budget, start);
    sessions::with_registry(lock, |registry| {
        let counts = registry.counts();
        shared.counters.mirror(&counts);
        shared.reviews.note(&counts, shared.monotonic());
    });
    match (more, answers) {
        (true, _) => Pace::Turn,
        (false, true) => Pace::AtOnce,
        (false, false) => Pace::Rest,
    }
}

/// Takes what directories say now of people with live sessions: who they are first, then
/// that they are to be decided anew.
fn renew(shared: &Shared, lock: &ServerLock, budget: &Budget<'_>) -> bool {
    while !budget.is_spent() {
        let Some(renewed) = shared.refreshes.next_renewed() else {
            return mark_renewed(lock, budget);
        };
        let left = sessions::with_registry(lock, |registry| registry.renew_proofs(renewed));
        // Ten thousand groups are not freed on the main thread.
        shared.hand_over(Job::Forget(Box::new(left)));
    }
    true
}

fn mark_renewed(lock: &ServerLock, budget: &Budget<'_>) -> bool {
    while sessions::with_registry(lock, Registry::mark_renewed) == Some(true) {
        if budget.is_spent() {
            return true;
        }
    }
    false
}

/// Hands sessions to the workers that an older generation decided about.
fn hand_out(shared: &Shared, lock: &ServerLock, now: Now) -> bool {
    let Some(generation) = shared.generation.load_full() else {
        return false;
    };
    let reviews = sessions::with_registry(lock, |registry| {
        registry.begin_generation(generation.number());
        if shared.reviews.room() < REVIEWS {
            return Vec::new();
        }
        registry.next_review(now, MEMBERS)
    })
    .unwrap_or_default();
    let more = !reviews.is_empty();
    for review in reviews {
        shared.reviews.hand_out();
        let generation = Arc::clone(&generation);
        shared.assign(Assignment { review, generation });
    }
    more
}

/// Applies what the workers decided anew.
fn take_answers(shared: &Shared, lock: &ServerLock, budget: &Budget<'_>, now: Now) -> bool {
    let mut has_taken = false;
    let next = || {
        (!budget.is_spent())
            .then(|| shared.reviews.next_done())
            .flatten()
    };
    while let Some((review, answers)) = next() {
        has_taken = true;
        let actions =
            sessions::with_registry(lock, |registry| registry.apply_review(review, answers, now));
        sessions::perform(lock, actions.unwrap_or_default(), now);
    }
    if has_taken {
        // Records tell which decision a session has.
        shared.trail.touch();
    }
    has_taken || budget.is_spent()
}

/// Closes clients in a mode that their class has lost: in every slice some, however
/// long the rest took, and no more than `closes`, which it lessens.
fn end_lost_modes(lock: &ServerLock, budget: &Budget<'_>, closes: &mut usize, now: Now) -> bool {
    let end_some = |limit| {
        sessions::end_lost_modes(lock, limit, now)
            .or_else(|| sessions::end_outlived_modes(lock, limit))
    };
    while let Some(closed) = end_some(*closes) {
        *closes = closes.saturating_sub(closed);
        if budget.is_spent() || *closes == 0 {
            return true;
        }
    }
    false
}

/// Closes sessions that may not go on, whatever the time, and then those whose time is over,
/// as long as there is some; answers whoever ordered it.
fn close(
    shared: &Shared,
    lock: &ServerLock,
    (budget, limit): (&Budget<'_>, usize),
    now: Now,
) -> bool {
    let refused = sessions::with_registry(lock, |registry| {
        let disowned = shared.rechecks.take_ended();
        if !disowned.is_empty() {
            registry.disown(disowned);
        }
        for id in shared.reviews.take_removed() {
            registry.forget_authenticator(&id);
        }
        registry.sweep();
        registry.close_refused(limit)
    });
    let refused = refused.unwrap_or_default();
    let mut left = limit.saturating_sub(refused.len());
    sessions::perform(lock, refused, now);
    let mut is_due = true;
    while is_due && left > 0 {
        let next = sessions::with_registry(lock, |registry| registry.close_due(now, 1));
        let next = next.unwrap_or_default();
        is_due = !next.is_empty();
        left -= 1;
        sessions::perform(lock, next, now);
        if budget.is_spent() {
            break;
        }
    }
    let (killed, more) = sessions::with_registry(lock, |registry| {
        (registry.finished_kills(), registry.is_ending())
    })
    .unwrap_or_default();
    searches::finished(lock, killed);
    is_due || more
}

/// Frees users nobody needs, one at a time: each is a walk over every client.
fn free(lock: &ServerLock, budget: &Budget<'_>, now: Now) -> bool {
    while !budget.is_spent() {
        let frees = sessions::with_registry(lock, |registry| registry.reap(now, 1));
        let frees = frees.unwrap_or_default();
        if frees.is_empty() {
            return false;
        }
        sessions::perform(lock, frees, now);
    }
    true
}

/// Looks for names that the server's own ACL has taken: in every slice some, however
/// long the rest took.
fn sweep(lock: &ServerLock, budget: &Budget<'_>, now: Now) -> bool {
    while sessions::end_collisions(lock, SWEPT, now) {
        if budget.is_spent() {
            return true;
        }
    }
    false
}
