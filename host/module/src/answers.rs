//! Answers on their way to connections that wait for their log-in.
//!
//! In: waiting connections and their answers, from any thread, which waits for nobody. Out: at most [`A_TURN`] of them to
//! the server in each of its turns. Never: an answer that is lost, or more of them at once, but while the server keeps what
//! it has (paused clients, a script that runs on).
//!
//! Only the main thread gives answers to the server, several at a time, though the server takes them from any thread: one at
//! nice +10 that does so wakes the main thread, is put off its processor by it, and may hold a lock of the server's then
//! (docs/adr/0025-answers-together.md). So whoever has put some in has the main thread [called](Answers::call) when there
//! is nothing to be put in beside them, and a command that arrives meanwhile takes them along.
//!
//! The server goes through *all* answers it has before it turns to its other clients. What it has is known by the
//! payloads that nobody has taken yet (`ffi::under_way`).

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::queue::Queue;

/// Answers for the server to go through in one turn. Bounds how long a storm of
/// log-ins keeps it from its other clients.
const A_TURN: usize = 24;

/// Answers that wait for others no longer, whatever there is to be put in beside them.
const TOGETHER: usize = 8;

/// Nor do they when some have waited for so long: others may take long.
const OLD: Duration = Duration::from_millis(1);

/// Answers not yet given to the server.
///
/// `C` is a connection that waits, or anything that takes an answer `A` once.
pub(crate) struct Answers<C, A> {
    waiting: Queue<(C, A)>,
    count: AtomicUsize,
    /// Since when some have waited without a break, in microseconds of the monotonic clock.
    since: AtomicU64,
    is_called: AtomicBool,
}

impl<C: Send, A: Send> Answers<C, A> {
    /// Nothing is on its way.
    pub(crate) fn new() -> Self {
        Self {
            waiting: Queue::new(),
            count: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            is_called: AtomicBool::new(false),
        }
    }

    /// Puts one in. The main thread must be called before whoever does it turns to anything that may last.
    pub(crate) fn put(&self, connection: C, answer: A, now: Duration) {
        if self.count.fetch_add(1, Ordering::AcqRel) == 0 {
            self.since.store(microseconds(now), Ordering::Relaxed);
        }
        self.waiting.put((connection, answer));
    }

    /// Whether they need not wait for others to be put in.
    pub(crate) fn are_due(&self, now: Duration) -> bool {
        match self.count() {
            0 => false,
            TOGETHER.. => true,
            _ => {
                let since = self.since.load(Ordering::Relaxed);
                microseconds(now).saturating_sub(since) >= microseconds(OLD)
            }
        }
    }

    /// Calls the main thread, unless it is called already or nothing waits.
    pub(crate) fn call(&self, call: impl FnOnce() -> bool) {
        if self.count() > 0 && !self.is_called.swap(true, Ordering::AcqRel) && !call() {
            self.is_called.store(false, Ordering::Release);
        }
    }

    /// On the main thread, which comes because it was called, before the [turn](Self::turn) that is wanted.
    pub(crate) fn called(&self) {
        // Exchanged: either whoever has put one in sees this and calls again, or what it put in is seen in the turn. One behind
        // another that is not wholly in is seen by neither; whoever puts that in calls, or the clock's thread.
        self.is_called.swap(false, Ordering::AcqRel);
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// On the main thread, which has given `under_way` to the server that it has not gone through: gives it the next,
    /// those that have waited longest first. Answers whether there are more.
    pub(crate) fn turn(&self, under_way: usize, complete: impl Fn(C, A)) -> bool {
        for _ in under_way..A_TURN {
            let Some((connection, answer)) = self.waiting.take() else {
                return false;
            };
            self.count.fetch_sub(1, Ordering::AcqRel);
            complete(connection, answer);
        }
        self.count() > 0
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    const NOW: Duration = Duration::from_secs(1);

    fn put(answers: &Answers<(), usize>, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            answers.put((), number, NOW);
        }
    }

    #[test]
    fn a_turn_takes_so_many_and_no_answer_is_lost() {
        let answers = Answers::new();
        let all = 2 * A_TURN + 3;
        put(&answers, 0..all);
        let given = RefCell::new(Vec::new());
        let complete = |(), number| given.borrow_mut().push(number);
        assert!(answers.turn(0, complete));
        assert!(answers.turn(A_TURN, complete), "it has not come round");
        assert_eq!(given.take(), (0..A_TURN).collect::<Vec<_>>());
        assert!(answers.turn(1, complete));
        assert_eq!(
            given.take(),
            (A_TURN..2 * A_TURN - 1).collect::<Vec<_>>(),
            "the longest waiting first"
        );
        put(&answers, [999]);
        assert!(!answers.turn(0, complete));
        assert_eq!(given.take(), [47, 48, 49, 50, 999], "nothing overtakes");
        assert_eq!(answers.count(), 0);
    }

    #[test]
    fn the_main_thread_is_called_once_for_all_that_wait() {
        let answers = Answers::new();
        let calls = Cell::new(0);
        let call = |is_taken| {
            answers.call(|| {
                calls.set(calls.get() + 1);
                is_taken
            });
            calls.get()
        };
        assert_eq!(call(true), 0, "for nothing");
        put(&answers, [1, 2]);
        assert_eq!(call(false), 1);
        assert_eq!(call(true), 2, "the first was not taken");
        assert_eq!(call(true), 2);
        assert!(!answers.turn(0, |(), _| {}));
        put(&answers, [3]);
        assert_eq!(call(true), 2, "it still comes");
        answers.called();
        assert_eq!(call(true), 3);
        assert!(!answers.turn(0, |(), _| {}));
        answers.called();
        assert_eq!(call(true), 3, "for nothing");
    }

    #[test]
    fn so_many_or_one_that_is_old_need_not_wait_for_others() {
        let answers = Answers::new();
        assert!(!answers.are_due(NOW));
        put(&answers, [1]);
        assert!(!answers.are_due(NOW));
        assert!(answers.are_due(NOW + OLD));
        put(&answers, 2..=TOGETHER);
        assert!(answers.are_due(NOW));
        answers.turn(0, |(), _| {});
        assert!(!answers.are_due(NOW + OLD));
    }
}
