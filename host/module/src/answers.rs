//! Answers on their way to connections that wait for their log-in.
//!
//! In: a waiting connection and its answer, from any thread. Out: at most
//! [`A_TURN`] of them to the server in each of its turns. Never: an answer that is
//! lost, or more of them at once.
//!
//! The server goes through *all* answers it has before it turns to its other
//! clients, and goes on as long as more arrive meanwhile: workers that answer
//! faster than it makes sessions would hold it for as long as there are waiting
//! connections. That it has come round is seen by a slice, which runs only then, and by
//! a command that arrives when it has gone through all it was given.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers for the server to go through in one turn. Bounds how long a storm of
/// log-ins keeps it from its other clients.
const A_TURN: usize = 24;

/// Answers not yet given to the server.
///
/// `C` is a connection that waits, or anything that takes an answer `A` once.
pub(crate) struct Answers<C, A> {
    /// How many more it may be given in this turn.
    left: AtomicUsize,
    /// How many it was given and has not gone through, but for a few that are just being
    /// given.
    unfinished: AtomicUsize,
    waiting: Mutex<VecDeque<(C, A)>>,
}

/// Whether the server was given the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// It has it.
    Now,
    /// It gets it in a later slice: ask for one.
    Later,
}

impl<C, A> Answers<C, A> {
    /// Nothing is on its way.
    pub(crate) fn new() -> Self {
        Self {
            left: AtomicUsize::new(A_TURN),
            unfinished: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Answers a connection by `complete`, now or when the server has had a turn.
    pub(crate) fn give(&self, connection: C, answer: A, complete: impl FnOnce(C, A)) -> Given {
        let place = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            });
        if place.is_ok() {
            self.unfinished.fetch_add(1, Ordering::AcqRel);
            complete(connection, answer);
            return Given::Now;
        }
        self.lock().push_back((connection, answer));
        Given::Later
    }

    /// On the main thread: the server has gone through one answer.
    pub(crate) fn finished(&self) {
        let _ = self
            .unfinished
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |unfinished| {
                unfinished.checked_sub(1)
            });
    }

    /// On the main thread, as a command arrives: if all answers of the turn before have been
    /// gone through, it is over.
    pub(crate) fn arrive(&self, complete: impl Fn(C, A)) {
        let is_over = self.unfinished.load(Ordering::Acquire) == 0;
        if is_over && self.left.load(Ordering::Acquire) < A_TURN {
            self.turn(complete);
        }
    }

    /// The server has had a turn: gives it the next answers, those that have waited
    /// longest first. Answers whether there are more.
    pub(crate) fn turn(&self, complete: impl Fn(C, A)) -> bool {
        // Those among them whose clients have left do not come to be finished.
        self.unfinished.store(0, Ordering::Release);
        for given in 0..A_TURN {
            let next = self.lock().pop_front();
            let Some((connection, answer)) = next else {
                self.left.store(A_TURN - given, Ordering::Release);
                return false;
            };
            self.unfinished.fetch_add(1, Ordering::AcqRel);
            complete(connection, answer);
        }
        self.left.store(0, Ordering::Release);
        true
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(C, A)>> {
        // Held for one operation on the queue.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn given(receiver: &Receiver<usize>) -> Vec<usize> {
        receiver.try_iter().collect()
    }

    #[test]
    fn a_turn_takes_so_many_and_no_answer_is_lost() {
        let (sender, receiver) = channel();
        let answers = Answers::new();
        let complete = |_: (), number: usize| sender.send(number).unwrap();
        let all = 2 * A_TURN + 3;
        let later = (0..all)
            .filter(|number| answers.give((), *number, complete) == Given::Later)
            .count();
        assert_eq!(later, all - A_TURN);
        assert_eq!(given(&receiver), (0..A_TURN).collect::<Vec<_>>());
        assert!(answers.turn(complete));
        assert_eq!(
            given(&receiver),
            (A_TURN..2 * A_TURN).collect::<Vec<_>>(),
            "the longest waiting first"
        );
        assert_eq!(
            answers.give((), 999, complete),
            Given::Later,
            "nothing overtakes"
        );
        assert!(!answers.turn(complete));
        assert_eq!(given(&receiver).last(), Some(&999));
        assert_eq!(answers.give((), 1, complete), Given::Now);
    }
}
