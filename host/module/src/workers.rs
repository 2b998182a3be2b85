//! Threads that verify credentials and ask the policies.
//!
//! In: a credential nobody has verified yet, or sessions whose class must be
//! re-evaluated. Out: an answer for every connection that waits. They run at
//! nice +10, never wait for anybody's answer, and touch nothing of the server except to
//! unblock a client, which the module API allows from any thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_task::Runnable;
use warden_authn::{CacheKey, Cached, Outcome, Presented};
use warden_core::{Reason, ReasonKind};

use crate::ffi::{guard, rest_if_crashing};
use crate::pending::Landed;
use crate::rechecks::{self, Entry};
use crate::refreshes;
use crate::review::Assignment;
use crate::shared::Shared;
use crate::waiter::Waiter;

/// What a worker is asked to do besides log-ins and reviews.
pub(crate) enum Job {
    /// Ask about the credential of live sessions again.
    Recheck(Box<Entry>),
    /// Look up again whom live sessions belong to.
    Refresh(refreshes::Entry),
    /// Free what is no longer used and too large for the main thread.
    Forget(Box<dyn Send>),
}

/// Work that is dropped.
type Left = Box<dyn Send>;

/// Jobs that nobody does any more, for the workers are gone. Dropped one after the other:
/// a verification that is dropped lets the next one go that waits behind it, which then
/// is abandoned, too, and however many there are, none is within the drop of another.
#[derive(Default)]
pub(crate) struct Abandoned(Mutex<Option<Vec<Left>>>);

impl Abandoned {
    /// Drops a job, or leaves it to whoever drops one just now.
    pub(crate) fn put_down(&self, job: Left) {
        let mut left = self.lock();
        if let Some(left) = &mut *left {
            left.push(job);
            return;
        }
        *left = Some(Vec::new());
        drop(left);
        let mut next = Some(job);
        while let Some(job) = next {
            drop(job);
            let mut left = self.lock();
            next = left.as_mut().and_then(Vec::pop);
            if next.is_none() {
                *left = None;
            }
        }
    }

    /// Held for operations on the list alone.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Left>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A credential to verify.
pub(crate) struct Verify {
    /// Its flight.
    pub(crate) key: CacheKey,
    /// The generation of the chain whose cache it was not in.
    pub(crate) chain: u64,
    /// The credential and its connection.
    pub(crate) presented: Presented,
}

/// What a worker does next.
enum Task {
    Review(Assignment),
    LogIn(Box<Verify>),
    GoOn(Runnable),
    Job(Job),
    End,
}

/// A worker's life: ends when the module is being unloaded.
pub(crate) fn work(shared: &Arc<Shared>, number: usize) {
    let mut log_ins_first = false;
    loop {
        rest_if_crashing();
        log_ins_first = !log_ins_first;
        match shared.crew.find(number, || next(shared, log_ins_first)) {
            Task::Review(assignment) => shared.reviews.carry_out(shared, assignment),
            Task::LogIn(job) => begin(shared, *job),
            Task::GoOn(verification) => go_on(verification),
            Task::Job(Job::Recheck(entry)) => {
                start(shared, rechecks::ask_again(Arc::clone(shared), *entry));
            }
            Task::Job(Job::Refresh(entry)) => {
                start(shared, refreshes::ask_again(Arc::clone(shared), entry));
            }
            Task::Job(Job::Forget(old)) => drop(old),
            Task::End => break,
        }
    }
    shared.abandon_jobs();
}

/// Reviews first: rights lost must not wait for a storm of log-ins. Then what was begun, before
/// anything else is begun: log-ins and other jobs, neither of which waits for all of the other.
fn next(shared: &Shared, log_ins_first: bool) -> Option<Task> {
    if shared.is_stopping() {
        return Some(Task::End);
    }
    let log_in = || shared.pending.begin().map(Task::LogIn);
    let job = || shared.jobs.take().map(Task::Job);
    let review = shared.assignments.take().map(Task::Review);
    review
        .or_else(|| shared.begun.take().map(Task::GoOn))
        .or_else(|| match log_ins_first {
            true => log_in().or_else(job),
            false => job().or_else(log_in),
        })
}

/// A verification as far as it goes without waiting. Most end here; one that waits for
/// somebody else's answer comes back by [`Shared::go_on`], and occupies no worker meanwhile.
fn begin(shared: &Arc<Shared>, job: Verify) {
    let flight = Flight {
        shared: Arc::clone(shared),
        key: job.key,
        is_over: false,
    };
    start(shared, verify(flight, job));
}

fn start(shared: &Arc<Shared>, verification: impl Future<Output = ()> + Send + 'static) {
    let queue = Arc::clone(shared);
    let (verification, task) = async_task::spawn(verification, move |verification| {
        queue.go_on(verification);
    });
    task.detach();
    go_on(verification);
}

/// A panic ends the verification, not the worker.
fn go_on(verification: Runnable) {
    guard("a verification", (), || {
        verification.run();
    });
}

/// A flight under way. However it ends, nobody is left waiting for it: those not answered
/// are refused as their handles are dropped.
struct Flight {
    shared: Arc<Shared>,
    key: CacheKey,
    is_over: bool,
}

impl Flight {
    /// The next of those who wait; `None` when all have been given.
    fn next(&mut self) -> Option<Vec<(Duration, Waiter)>> {
        if self.is_over {
            return None;
        }
        Some(match self.shared.pending.land(&self.key) {
            Landed::More(waiters) => waiters,
            Landed::Last(waiters) => {
                self.is_over = true;
                waiters
            }
        })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

/// Verifies once, remembers the outcome, and answers all who wait for it.
async fn verify(mut flight: Flight, job: Verify) {
    let shared = Arc::clone(&flight.shared);
    let (outcome, chain) = outcome(&shared, &job).await;
    while let Some(waiters) = flight.next() {
        for (deadline, waiter) in waiters {
            // Deciding for those before may have taken a while.
            if deadline <= shared.monotonic() {
                waiter.refuse(&shared, timed_out(&shared));
            } else {
                waiter.answer(&shared, &outcome, chain);
            }
        }
    }
}

/// What a credential comes to, and under which generation of the chain. Another
/// flight may have verified it meanwhile.
async fn outcome(shared: &Shared, job: &Verify) -> (Outcome, u64) {
    let chain = shared.chain.load_full();
    let now = shared.now();
    if chain.generation() == job.chain {
        match shared.cache.load().get(&job.key, now) {
            Some(Cached::Verified(principal)) => return (Outcome::Verified(principal), job.chain),
            Some(Cached::Refused(reason)) => return (Outcome::Refused(reason), job.chain),
            None => {}
        }
    }
    shared.counters.verifications.add_one();
    let generation = chain.generation();
    let outcome = chain.authenticate(&job.presented, shared.clock()).await;
    let end = shared.now();
    let took = end.monotonic.saturating_sub(now.monotonic);
    shared.counters.latencies.verification.record(took);
    // Of another generation by now: keys were withdrawn, or an authenticator changed.
    if generation == job.chain && generation == chain.generation() {
        shared.cache.load().put(job.key, &outcome, end);
    }
    (outcome, generation)
}

/// Counts and words a log-in that waited too long.
pub(crate) fn timed_out(shared: &Shared) -> Reason {
    shared.counters.timed_out.add_one();
    Reason::new(
        ReasonKind::TimedOut,
        "auth_timeout_ms passed before there was an answer",
    )
}

/// There is no valid generation yet.
pub(crate) fn no_policies() -> Reason {
    Reason::new(
        ReasonKind::NoPolicies,
        "no valid generation of policies: see WARDEN.POLICIES",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Abandons the next one as it is dropped.
    struct Link(Arc<Abandoned>, u32);

    impl Drop for Link {
        fn drop(&mut self) {
            if let Some(next) = self.1.checked_sub(1) {
                let next = Self(Arc::clone(&self.0), next);
                self.0.put_down(Box::new(next));
            }
        }
    }

    #[test]
    fn however_many_jobs_wait_behind_each_other_they_are_dropped_in_turn() {
        let abandoned = Arc::new(Abandoned::default());
        drop(Link(Arc::clone(&abandoned), 1_000_000));
        assert_eq!(Arc::strong_count(&abandoned), 1);
        assert!(abandoned.lock().is_none());
    }
}
