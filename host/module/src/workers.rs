//! Threads that verify credentials and ask the policies.
//!
//! In: a credential that proves itself, what a credential came to, or sessions whose class must be
//! re-evaluated. Out: an answer for every connection that waits. They run at
//! nice +10, never wait for anybody's answer, and touch nothing of the server except to
//! call its main thread and to answer a command that waits, which the module API allows from any thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_task::Runnable;
use warden_authn::Claim;

use crate::ffi::{guard, rest_if_crashing};
use crate::rechecks::{self, Entry};
use crate::refreshes;
use crate::review::Assignment;
use crate::shared::Shared;
use crate::verification::{self, Landing, Verify};

/// What a worker is asked to do besides log-ins and reviews.
pub(crate) enum Job {
    /// Ask about the credential of live sessions again.
    Recheck(Box<Entry>),
    /// Look up again whom live sessions belong to.
    Refresh(refreshes::Entry),
    /// Free what is no longer used and too large for the main thread.
    Forget(Box<dyn Send>),
    /// Free what has ended of what is remembered.
    Sweep,
    /// A credential came to something, and policies must be asked, or many answered.
    Land(Landing),
    /// Verify a credential that others would have been asked about, but that some judge now who compute.
    Verify(Box<Verify>),
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
        let task = shared.crew.find(number, || {
            let task = next(shared, log_ins_first);
            let soon = task.as_ref().is_some_and(answers_soon);
            if shared.answers.count() > 0 && (!soon || shared.answers.are_due(shared.monotonic())) {
                shared.send_answers();
            }
            task
        });
        match task {
            Task::Review(assignment) => shared.reviews.carry_out(shared, assignment),
            Task::LogIn(job) | Task::Job(Job::Verify(job)) => {
                start(shared, verification::computed(Arc::clone(shared), *job));
            }
            Task::GoOn(verification) => go_on(verification),
            Task::Job(Job::Land(landing)) => guard("answers", (), || landing.answer()),
            Task::Job(Job::Recheck(entry)) => {
                start(shared, rechecks::ask_again(Arc::clone(shared), *entry));
            }
            Task::Job(Job::Refresh(entry)) => {
                start(shared, refreshes::ask_again(Arc::clone(shared), entry));
            }
            Task::Job(Job::Forget(old)) => drop(old),
            Task::Job(Job::Sweep) => {
                guard("a sweep", (), || shared.cache.load().sweep(shared.now()));
            }
            Task::End => break,
        }
    }
    shared.abandon_jobs();
}

/// Whether it is likely to make an answer soon, with which those that wait may go.
fn answers_soon(task: &Task) -> bool {
    matches!(
        task,
        Task::LogIn(_) | Task::GoOn(_) | Task::Job(Job::Land(_) | Job::Verify(_))
    )
}

/// Reviews first: rights lost must not wait for a storm of log-ins. Then what was begun, before
/// anything else is begun: log-ins and other jobs, neither of which waits for all of the other.
fn next(shared: &Shared, log_ins_first: bool) -> Option<Task> {
    if shared.is_stopping() {
        return Some(Task::End);
    }
    let log_in = || shared.pending.begin(Claim::Computed).map(Task::LogIn);
    let job = || shared.jobs.take().map(Task::Job);
    let review = shared.assignments.take().map(Task::Review);
    review
        .or_else(|| shared.begun.take().map(Task::GoOn))
        .or_else(|| match log_ins_first {
            true => log_in().or_else(job),
            false => job().or_else(log_in),
        })
}

/// Does it as far as it goes without waiting. Most ends here; what waits for
/// somebody else's answer comes back by [`Shared::go_on`], and occupies no worker meanwhile.
fn start(shared: &Arc<Shared>, work: impl Future<Output = ()> + Send + 'static) {
    let queue = Arc::clone(shared);
    let (runnable, task) = async_task::spawn(work, move |runnable| {
        queue.go_on(runnable);
    });
    task.detach();
    go_on(runnable);
}

/// A panic ends the verification, not the worker.
fn go_on(verification: Runnable) {
    guard("a verification", (), || {
        verification.run();
    });
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
