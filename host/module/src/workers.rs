//! Threads that verify credentials and ask the policies.
//!
//! In: a credential nobody has verified yet, or sessions whose class must be
//! re-evaluated. Out: an answer for every connection that waits. They run at
//! nice +10 and touch nothing of the server except to unblock a client, which
//! the module API allows from any thread.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use warden_authn::{CacheKey, Cached, Outcome};
use warden_core::Principal;
use warden_core::{Credential, Reason, ReasonKind, Verified};

use crate::ffi::guard;
use crate::login::{Answer, Settled, Waiter};
use crate::review::Assignment;
use crate::shared::Shared;

/// What a worker is asked to do.
pub(crate) enum Job {
    /// Verify a credential and decide for everybody who presented it.
    Verify(Verify),
    /// Decide again for the sessions of one class.
    Review(Assignment),
    /// End: one for each worker.
    Stop,
}

/// A credential to verify.
pub(crate) struct Verify {
    /// Its flight.
    pub(crate) key: CacheKey,
    /// The credential; zeroed when the job ends.
    pub(crate) credential: Credential,
}

/// A worker's life: ends at [`Job::Stop`].
pub(crate) fn work(shared: &Shared, jobs: &Receiver<Job>) {
    for job in jobs {
        // A panic in a job must not end the worker; who waits for the job is refused,
        // for his handle is dropped or his time runs out.
        match job {
            Job::Verify(job) => guard("a verification", (), || verify(shared, &job)),
            Job::Review(assignment) => guard("a review", (), || {
                shared.reviews.carry_out(shared, assignment)
            }),
            Job::Stop => return,
        }
    }
}

/// Verifies once, remembers the outcome, and answers all who wait for it.
fn verify(shared: &Shared, job: &Verify) {
    if !shared.pending.is_wanted(&job.key) {
        return;
    }
    let outcome = outcome(shared, job);
    for waiter in shared.pending.land(&job.key) {
        let answer = match &outcome {
            Outcome::NotMine => Answer::NotMine,
            Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
                Answer::Refused(reason.clone())
            }
            Outcome::Verified(principal) => decide(shared, principal, &waiter),
        };
        waiter.blocked.complete(answer);
    }
}

/// What a credential comes to. Another flight may have verified it meanwhile.
fn outcome(shared: &Shared, job: &Verify) -> Outcome {
    let cache = shared.cache.load();
    let now = shared.now();
    match cache.get(&job.key, now) {
        Some(Cached::Verified(principal)) => return Outcome::Verified(principal),
        Some(Cached::Refused(reason)) => return Outcome::Refused(reason),
        None => {}
    }
    shared.counters.verifications.add_one();
    let outcome = shared.chain.load_full().authenticate(&job.credential, now);
    cache.put(job.key, &outcome, now);
    outcome
}

/// Asks the policies for one connection of a verified principal.
fn decide(shared: &Shared, principal: &Arc<Verified<Principal>>, waiter: &Waiter) -> Answer {
    let Some(generation) = shared.generation.load_full() else {
        return Answer::Refused(no_policies());
    };
    let now = shared.now();
    let request = generation.project(principal, &waiter.facts, now);
    match generation.decide(&request, now) {
        Ok(decision) => Answer::Settled(Settled {
            principal: Arc::clone(principal),
            facts: waiter.facts.clone(),
            decision,
        }),
        Err(reason) => Answer::Refused(reason),
    }
}

/// There is no valid generation yet.
pub(crate) fn no_policies() -> Reason {
    Reason::new(
        ReasonKind::NoPolicies,
        "no valid generation of policies: see WARDEN.POLICIES",
    )
}
