//! Work for the workers, and answers for the main thread.
//!
//! In: work, from any thread. Out: to workers, or whoever else it is for, each time the next. Never: a main thread that waits for a worker, who
//! may have been put off the processor, except at an unload. Workers may wait for each other.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::ffi::mailbox::{Reader, Slot, mailbox};

/// What any thread puts in, and workers, or else the main thread alone, take out.
pub(crate) struct Queue<T> {
    slot: Slot<T>,
    reader: Mutex<Reader<T>>,
}

impl<T: Send> Queue<T> {
    /// Nothing is in it.
    pub(crate) fn new() -> Self {
        let (slot, reader) = mailbox();
        Self {
            slot,
            reader: Mutex::new(reader),
        }
    }

    /// Puts some in; whoever takes it out is woken after it. Waits for nobody.
    pub(crate) fn put(&self, work: T) {
        self.slot.put(work);
    }

    /// For workers, or the main thread alone, and for whoever drops what is left: takes the next out.
    pub(crate) fn take(&self) -> Option<T> {
        // Held for one operation on the list.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take()
    }
}

/// The workers, for whoever has something for them to do.
pub(crate) struct Crew {
    beds: Box<[Bed]>,
}

/// How long one sleeps that is none of the crew.
const WITHOUT_A_BED: Duration = Duration::from_millis(1);

/// Where one of them sleeps.
#[derive(Default)]
struct Bed {
    thread: OnceLock<Thread>,
    /// It sleeps, or is about to, and nobody has woken it.
    is_asleep: AtomicBool,
}

impl Crew {
    /// So many workers, numbered from 0; none of them has come yet.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            beds: (0..workers).map(|_| Bed::default()).collect(),
        }
    }

    /// Wakes one of those who sleep, after something was put in. Waits for nobody.
    pub(crate) fn wake(&self) {
        // Either what was put in is seen by who says that it sleeps and then looks once more, or that is seen here.
        fence(Ordering::SeqCst);
        let _ = self.beds.iter().any(Bed::wake);
    }

    /// Wakes all.
    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst);
        for bed in &self.beds {
            bed.wake();
        }
    }

    /// On the worker of this number: looks for something to do until there is something, and sleeps as long as there is
    /// nothing.
    pub(crate) fn find<T>(&self, number: usize, mut look: impl FnMut() -> Option<T>) -> T {
        let bed = self.beds.get(number);
        loop {
            if let Some(found) = look() {
                return found;
            }
            let Some(bed) = bed else {
                // Nobody would wake it.
                thread::park_timeout(WITHOUT_A_BED);
                continue;
            };
            bed.lie_down();
            if let Some(found) = look() {
                if !bed.is_asleep.swap(false, Ordering::AcqRel) {
                    // That was for another piece of work.
                    self.wake();
                }
                return found;
            }
            bed.sleep();
        }
    }
}

impl Bed {
    /// Answers whether it slept.
    fn wake(&self) -> bool {
        let slept =
            self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::AcqRel);
        if slept && let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        slept
    }

    fn lie_down(&self) {
        self.thread.get_or_init(thread::current);
        self.is_asleep.store(true, Ordering::Release);
        // See `Crew::wake`.
        fence(Ordering::SeqCst);
    }

    fn sleep(&self) {
        while self.is_asleep.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Crew, Queue};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// Each piece of work is done, once, and nobody sleeps while there is some: else this would not end.
    #[test]
    fn workers_that_sleep_are_woken_for_each_piece_of_work() {
        const WORKERS: usize = 3;
        const PIECES: usize = 20_000;
        let (queue, crew, done) = (Queue::new(), Crew::new(WORKERS), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..WORKERS {
                let (queue, crew, done) = (&queue, &crew, &done);
                scope.spawn(move || {
                    while crew.find(number, || queue.take()) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for piece in 0..PIECES {
                queue.put(true);
                crew.wake();
                if piece % 100 == 0 {
                    while done.load(Ordering::Relaxed) <= piece {
                        thread::yield_now();
                    }
                }
            }
            for _ in 0..WORKERS {
                queue.put(false);
            }
            crew.wake_all();
        });
        assert_eq!(done.into_inner(), PIECES);
        assert_eq!(queue.take(), None);
    }
}
