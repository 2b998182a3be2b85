//! Who compiles, and whether an unload may go ahead.
//!
//! A compilation cannot be interrupted, and an unload waits for every thread on the main
//! thread: so neither begins while the other is under way. Each side writes its own word
//! before it reads the other's, in one order for all threads: they cannot both go ahead.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The two words.
#[derive(Default)]
pub(crate) struct Compilations {
    /// How many threads compile just now.
    running: AtomicUsize,
    /// An unload goes ahead.
    closed: AtomicBool,
}

/// The right to compile, until it is dropped.
pub(crate) struct Compiling<'c>(&'c Compilations);

impl Compilations {
    /// Whoever compiles (policies, their snapshots, plugins) asks first; `None` when the
    /// module is being unloaded.
    pub(crate) fn begin(&self) -> Option<Compiling<'_>> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let compiling = Compiling(self);
        (!self.closed.load(Ordering::SeqCst)).then_some(compiling)
    }

    /// Whether an unload may go ahead; from then on no compilation begins.
    pub(crate) fn close(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        let may = self.running.load(Ordering::SeqCst) == 0;
        self.closed.store(may, Ordering::SeqCst);
        may
    }
}

impl Drop for Compiling<'_> {
    fn drop(&mut self) {
        crate::ffi::give_back();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unload_goes_ahead_only_while_nobody_compiles_and_then_nobody_begins() {
        let compilations = Compilations::default();
        let first = compilations.begin();
        let second = compilations.begin();
        drop(first);
        assert!(second.is_some() && !compilations.close());
        assert!(
            compilations.begin().is_some(),
            "the unload has to be repeated"
        );
        drop(second);
        assert!(compilations.close());
        assert!(compilations.begin().is_none());
        assert!(compilations.close(), "who was refused does not count");
    }
}
