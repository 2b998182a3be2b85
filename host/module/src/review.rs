//! Live re-evaluation: sessions whose policies changed are decided again.
//!
//! The main thread hands out the members of stale classes in slices, workers
//! decide under the generation in force, and the main thread applies what they
//! found, again in slices: what takes rights away before what only adds. Between the
//! three there are only queues.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warden_core::AuthenticatorId;
use warden_policy::Generation;
use warden_session::{Alike, Answer, Counts, Review};

use crate::ffi::guard;
use crate::shared::Shared;
use crate::slices::glance;

/// About how many reviews are with the workers at most: looked at before some more are
/// handed out. Bounds memory and keeps log-ins from queueing behind a whole re-evaluation.
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
    course: Course,
}

/// From a generation's swap to the last session decided anew, for INFO.
#[derive(Debug, Default)]
struct Course {
    /// The generation in force.
    begun: AtomicU64,
    /// When it came, on the monotonic clock.
    begun_us: AtomicU64,
    /// The generation under which every session has been decided.
    ended: AtomicU64,
    took_us: AtomicU64,
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
            course: Course::default(),
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
        let chain = shared.chain.load();
        let decide = |one: &Alike| {
            let now = shared.now();
            let facts = shared.facts_now(one.facts.clone());
            let principal = chain.renewed(&one.principal);
            let request = generation.project(&principal, &facts, now);
            generation.decide(&request, now)
        };
        let alike = review.alike.iter().take_while(|_| !shared.is_stopping());
        let answers = guard("a review", Vec::new(), || alike.map(decide).collect());
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

    /// On the main thread: one finished review, if there is one. None while a worker is just
    /// putting one in: it asks for another slice.
    pub(crate) fn next_done(&self) -> Option<(Review, Vec<Answer>)> {
        let mut done = glance(&self.done)?;
        let next = done.narrowing.pop_front();
        let next = next.or_else(|| done.others.pop_front());
        if next.is_some() {
            self.under_way.fetch_sub(1, Ordering::AcqRel);
        }
        next
    }

    /// A generation is about to be in force: every session will be decided anew.
    pub(crate) fn begin(&self, generation: u64, now: Duration) {
        self.course.begun_us.store(micros(now), Ordering::Release);
        self.course.begun.store(generation, Ordering::Release);
    }

    /// On the main thread, after each slice: notes when the last session has been
    /// decided anew and whoever lost its right is closed.
    pub(crate) fn note(&self, counts: &Counts, now: Duration) {
        let begun = self.course.begun.load(Ordering::Acquire);
        let done = counts.generation >= begun
            && !counts.review_pending
            && counts.doomed == 0
            && self.under_way.load(Ordering::Acquire) == 0;
        if done && self.is_pending() {
            let since = self.course.begun_us.load(Ordering::Acquire);
            let took = micros(now).saturating_sub(since);
            self.course.took_us.store(took, Ordering::Release);
            self.course.ended.store(begun, Ordering::Release);
        }
    }

    /// Whether sessions wait to be decided anew.
    pub(crate) fn is_pending(&self) -> bool {
        self.course.ended.load(Ordering::Acquire) < self.course.begun.load(Ordering::Acquire)
    }

    /// How long the last re-evaluation of all sessions took, in microseconds.
    pub(crate) fn took_us(&self) -> u64 {
        self.course.took_us.load(Ordering::Acquire)
    }

    /// On the loader: these authenticators are gone, and so must be their sessions.
    pub(crate) fn authenticators_removed(&self, ids: Vec<AuthenticatorId>) {
        lock(&self.removed).extend(ids);
    }

    /// On the main thread: the authenticators removed since the last call. None while another
    /// is just being removed, for which another slice is asked.
    pub(crate) fn take_removed(&self) -> Vec<AuthenticatorId> {
        glance(&self.removed).map_or_else(Vec::new, |mut removed| std::mem::take(&mut *removed))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Each critical section is one operation on a collection, so a poisoned lock is usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
