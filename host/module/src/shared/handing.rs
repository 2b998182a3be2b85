//! Work is handed to whoever does it, and answers to whoever waits.
//!
//! In: log-ins, re-evaluations and other jobs for the workers or the network's thread; answers for the main thread. Out: whoever they are for is
//! woken. Never: a thread that waits for another, before an unload.

use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use async_task::Runnable;
use warden_authn::Claim;

use super::Shared;
use crate::ffi::{Blocked, ServerLock, post, under_way};
use crate::login::Answer;
use crate::review::Assignment;
use crate::verification::Verify;
use crate::waiter::Waiter;
use crate::workers::Job;

impl Shared {
    /// Hands a log-in, or a question, to whoever verifies as it is claimed. Waits for nobody.
    pub(crate) fn hand_in(
        &self,
        (claim, job): (Claim, Verify),
        waiter: Waiter,
        deadline: Duration,
    ) {
        let arrival = (job.key, waiter, deadline);
        self.pending.arrive(arrival, (claim, Box::new(job)));
        match claim {
            Claim::Computed => self.crew.wake(),
            Claim::Asked => self.bell.ring(),
        }
    }

    /// Hands a re-evaluation to the workers. Waits for nobody.
    pub(crate) fn assign(&self, assignment: Assignment) {
        self.assignments.put(assignment);
        self.crew.wake();
    }

    /// Hands a verification back to the workers that waited for somebody else's answer. As
    /// [`hand_over`](Self::hand_over).
    pub(crate) fn go_on(&self, verification: Runnable) {
        self.begun.put(verification);
        self.have_it_done();
    }

    /// Hands other work to the workers, and waits for nobody before an unload. When they are gone
    /// the job is dropped, and whoever waits for it is refused.
    pub(crate) fn hand_over(&self, job: Job) {
        self.jobs.put(job);
        self.have_it_done();
    }

    fn have_it_done(&self) {
        self.crew.wake();
        if self.is_stopping() {
            self.abandon_jobs();
        }
    }

    /// Drops work that nobody will do.
    pub(crate) fn abandon_jobs(&self) {
        // Whoever puts some in after this sees that we are stopping: see `Crew::wake`.
        fence(Ordering::SeqCst);
        while let Some(verification) = self.begun.take() {
            self.abandoned.put_down(Box::new(verification));
        }
        while let Some(job) = self.jobs.take() {
            self.abandoned.put_down(Box::new(job));
        }
    }

    /// Answers a connection that waits, from any thread; `now` is a reading of the monotonic clock just before. Whoever does it [sends](Self::send_answers) when it has no more of
    /// them. Where it does not come to that soon, the clock's thread does at its tick.
    pub(crate) fn answer(&self, connection: Blocked<Answer>, answer: Answer, now: Duration) {
        self.answers.put(connection, answer, now);
        if self.answers.are_due(now) {
            self.send_answers();
        }
    }

    /// Has the main thread give the server what answers there are.
    pub(crate) fn send_answers(&self) {
        self.answers.call(|| post(give_answers).is_ok());
    }

    /// On the main thread: gives the server as many answers as it may have in a turn, beside those that it has; whether
    /// there are more.
    pub(crate) fn give_answers(&self, lock: &ServerLock) -> bool {
        self.answers.turn(under_way(lock), Blocked::complete)
    }
}

/// The main thread was called. The next slice goes on if that was not all.
fn give_answers(lock: &ServerLock) {
    if let Some(shared) = crate::state::shared() {
        shared.answers.called();
        if shared.give_answers(lock) {
            shared.wake_clock();
        }
    }
}
