//! Proof that the server is ours for the moment.
//!
//! In: a callback of the server, which runs on its main thread under its lock. Out: a [`ServerLock`] to show to every
//! function that needs that, and [`MainThread`] cells that open only for it.
//! Never: a lock made by safe code, one that outlives its callback, or one that reaches another thread.

use std::cell::RefCell;
use std::marker::PhantomData;

/// Proof that this code runs on the server's main thread, inside a callback of the server.
///
/// It is zero-sized, cannot be copied or sent, and safe code only ever sees it behind a reference, so it cannot be kept
/// beyond the callback it was made for.
#[derive(Debug)]
pub(crate) struct ServerLock {
    // A raw pointer is neither Send nor Sync.
    _main_thread: PhantomData<*const ()>,
}

impl ServerLock {
    /// Claims that the server is held.
    ///
    /// # Safety
    /// The caller must be inside a callback that the server makes on its main thread, and must give out only references
    /// to the value that end with that callback.
    pub(super) unsafe fn assume_held() -> Self {
        Self {
            _main_thread: PhantomData,
        }
    }
}

/// A value that only code on the server's main thread may touch. Meant for statics.
#[derive(Debug)]
pub(crate) struct MainThread<T> {
    cell: RefCell<T>,
}

// SAFETY: a shared `MainThread` gives access to its value only through `with`, which asks for a `&ServerLock`. Those
// exist on the server's main thread alone and cannot be sent, so no two threads ever touch the cell.
unsafe impl<T> Sync for MainThread<T> {}

impl<T> MainThread<T> {
    /// A cell around `value`.
    pub(crate) const fn new(value: T) -> Self {
        Self {
            cell: RefCell::new(value),
        }
    }

    /// Runs `work` on the value.
    ///
    /// Answers `None`, without running `work`, when the value is already in use further up the stack.
    pub(crate) fn with<R>(&self, _lock: &ServerLock, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut value = self.cell.try_borrow_mut().ok()?;
        Some(work(&mut value))
    }
}

#[cfg(test)]
mod tests {
    use super::{MainThread, ServerLock};

    #[test]
    fn a_cell_in_use_refuses_instead_of_panicking() {
        // SAFETY: this test has no server, and the cell is local to its one thread.
        let lock = unsafe { ServerLock::assume_held() };
        let cell = MainThread::new(1);
        let inner = cell.with(&lock, |outer| {
            *outer += 1;
            cell.with(&lock, |value| *value)
        });
        assert_eq!(inner, Some(None));
        assert_eq!(cell.with(&lock, |value| *value), Some(2));
    }
}
