//! Live re-evaluation: sessions whose policies changed are decided again.
//!
//! The main thread hands out the members of stale classes in slices, workers
//! decide under the generation in force, and the main thread applies what they
//! found, again in slices: what takes rights away before what only adds. Between the
//! three there are only queues.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use warden_core::AuthenticatorId;
use warden_policy::Generation;
use warden_session::{Answer, Candidate, Review};

use crate::ffi::guard;
use crate::shared::Shared;

/// How many reviews are with the workers at most: bounds memory and keeps log-ins
/// from queueing behind a whole re-evaluation.
pub(crate) const UNDER_WAY: usize = 64;

/// Members of one class, on their way to a worker.
pub(crate) struct Assignment {
    /// Who is to be decided again.
    pub(crate) review: Review,
    /// Under which policies.
    pub(crate) generation: Arc<Generation>,
}

/// The queues between the main thread, the workers and the loader.
pub(crate) struct Reviews {
    done: Mutex<Done>,
    removed: Mutex<Vec<AuthenticatorId>>,
    under_way: AtomicUsize,
}

/// Reviews with their answers, to be applied: those that take something away first.
#[derive(Default)]
struct Done {
    narrowing: VecDeque<(Review, Vec<Answer>)>,
    others: VecDeque<(Review, Vec<Answer>)>,
}

impl Reviews {
    /// Nothing to do.
    pub(crate) fn new() -> Self {
        Self {
            done: Mutex::default(),
            removed: Mutex::default(),
            under_way: AtomicUsize::new(0),
        }
    }

    /// How many more reviews may be handed out now.
    pub(crate) fn room(&self) -> usize {
        UNDER_WAY.saturating_sub(self.under_way.load(Ordering::Acquire))
    }

    /// Counts a review handed out.
    pub(crate) fn hand_out(&self) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// On a worker: decides for every member and queues the result. When that
    /// fails, or the module is being unloaded, there are no answers, and a missing
    /// answer is a refusal.
    pub(crate) fn carry_out(&self, shared: &Shared, assignment: Assignment) {
        let Assignment { review, generation } = assignment;
        let decide = |candidate: &Candidate| {
            let now = shared.now();
            let facts = shared.facts_now(&candidate.facts);
            let request = generation.project(&candidate.principal, &facts, now);
            generation.decide(&request, now)
        };
        let candidates = review
            .candidates
            .iter()
            .take_while(|_| !shared.is_stopping());
        let answers = guard("a review", Vec::new(), || candidates.map(decide).collect());
        let takes_away = review.takes_away(&answers);
        let mut done = lock(&self.done);
        if takes_away {
            done.narrowing.push_back((review, answers));
        } else {
            done.others.push_back((review, answers));
        }
        drop(done);
        shared.wake_clock();
    }

    /// On the main thread: one finished review, if there is one.
    pub(crate) fn next_done(&self) -> Option<(Review, Vec<Answer>)> {
        let mut done = lock(&self.done);
        let next = done.narrowing.pop_front();
        let next = next.or_else(|| done.others.pop_front());
        if next.is_some() {
            self.under_way.fetch_sub(1, Ordering::AcqRel);
        }
        next
    }

    /// On the loader: these authenticators are gone, and so must be their sessions.
    pub(crate) fn authenticators_removed(&self, ids: Vec<AuthenticatorId>) {
        lock(&self.removed).extend(ids);
    }

    /// On the main thread: the authenticators removed since the last call.
    pub(crate) fn take_removed(&self) -> Vec<AuthenticatorId> {
        std::mem::take(&mut *lock(&self.removed))
    }
}

/// Each critical section is one operation on a collection, so a poisoned lock is usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
