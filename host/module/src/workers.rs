//! Threads that verify credentials and ask the policies.
//!
//! In: a credential nobody has verified yet, or sessions whose class must be
//! re-evaluated. Out: an answer for every connection that waits. They run at
//! nice +10 and touch nothing of the server except to unblock a client, which
//! the module API allows from any thread.

use crossbeam_channel::{Receiver, select};
use warden_authn::{CacheKey, Cached, Outcome};
use warden_core::{Credential, Reason, ReasonKind};

use crate::ffi::{guard, rest_if_crashing};
use crate::review::Assignment;
use crate::shared::Shared;

/// What a worker is asked to do.
pub(crate) enum Job {
    /// Verify a credential and decide for everybody who presented it.
    Verify(Verify),
    /// Free what is no longer used and too large for the main thread.
    Forget(Box<dyn Send>),
    /// End: one for each worker.
    Stop,
}

/// A credential to verify.
pub(crate) struct Verify {
    /// Its flight.
    pub(crate) key: CacheKey,
    /// The generation of the chain whose cache it was not in.
    pub(crate) chain: u64,
    /// The credential; zeroed when the job ends.
    pub(crate) credential: Credential,
}

/// A worker's life: ends when the module is being unloaded.
pub(crate) fn work(shared: &Shared, jobs: &Receiver<Job>, assignments: &Receiver<Assignment>) {
    while !shared.is_stopping() {
        rest_if_crashing();
        if let Ok(assignment) = assignments.try_recv() {
            shared.reviews.carry_out(shared, assignment);
            continue;
        }
        select! {
            recv(assignments) -> assignment => match assignment {
                Ok(assignment) => shared.reviews.carry_out(shared, assignment),
                Err(_) => return,
            },
            recv(jobs) -> job => match job {
                Ok(Job::Verify(job)) => contained(shared, &job),
                Ok(Job::Forget(old)) => drop(old),
                Ok(Job::Stop) | Err(_) => return,
            },
        }
    }
}

/// A panic must neither end the worker nor leave a flight nobody lands: those who
/// wait for it are refused as their handles are dropped.
fn contained(shared: &Shared, job: &Verify) {
    let done = guard("a verification", None, || {
        verify(shared, job);
        Some(())
    });
    if done.is_none() {
        while !shared.pending.land(&job.key).is_empty() {}
    }
}

/// Verifies once, remembers the outcome, and answers all who wait for it.
fn verify(shared: &Shared, job: &Verify) {
    if !shared.pending.is_wanted(&job.key) {
        return;
    }
    let (outcome, chain) = outcome(shared, job);
    let landed = std::iter::repeat_with(|| shared.pending.land(&job.key));
    for (deadline, waiter) in landed.take_while(|some| !some.is_empty()).flatten() {
        // Deciding for those before may have taken a while.
        if deadline <= shared.now().monotonic {
            waiter.refuse(shared, timed_out(shared));
        } else {
            waiter.answer(shared, &outcome, chain);
        }
    }
}

/// What a credential comes to, and under which generation of the chain. Another
/// flight may have verified it meanwhile.
fn outcome(shared: &Shared, job: &Verify) -> (Outcome, u64) {
    let chain = shared.chain.load_full();
    let cache = shared.cache.load();
    let now = shared.now();
    let is_current = chain.generation() == job.chain;
    if is_current {
        match cache.get(&job.key, now) {
            Some(Cached::Verified(principal)) => return (Outcome::Verified(principal), job.chain),
            Some(Cached::Refused(reason)) => return (Outcome::Refused(reason), job.chain),
            None => {}
        }
    }
    shared.counters.verifications.add_one();
    let outcome = chain.authenticate(&job.credential, now);
    let took = shared.now().monotonic.saturating_sub(now.monotonic);
    shared.counters.latencies.verification.record(took);
    if is_current {
        cache.put(job.key, &outcome, now);
    }
    (outcome, chain.generation())
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
