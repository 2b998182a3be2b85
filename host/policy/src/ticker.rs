//! The thread that makes running guests look at their clocks.
//!
//! A guest checks the engine's epoch at every loop and call; this thread moves
//! it on once a millisecond while at least one guest runs, and sleeps
//! otherwise. It holds no lock that anything but an evaluation takes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often running guests look at their clocks.
const PERIOD: Duration = Duration::from_millis(1);
/// Periods to go on after the last guest ended: spares a wake-up per log-in under load.
const LINGER: u32 = 20;

#[derive(Default)]
struct State {
    running: usize,
    /// The thread waits for a guest; while it ticks, nobody needs to wake it.
    asleep: bool,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

impl Shared {
    /// A holder cannot panic while holding, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the thread; dropping it ends and joins the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread; `tick` is called once a period while guests run.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn start(tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("warden-ticker".into())
            .spawn(move || run(&for_thread, &tick))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Ticks until the guard is dropped.
    pub(crate) fn ticking(&self) -> Ticking {
        let mut state = self.shared.lock();
        state.running += 1;
        if std::mem::take(&mut state.asleep) {
            self.shared.wake.notify_one();
        }
        drop(state);
        Ticking(Arc::clone(&self.shared))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread only counts: if it panicked there is nothing to clean up.
            let _ = thread.join();
        }
    }
}

/// A guest is running.
pub(crate) struct Ticking(Arc<Shared>);

impl Drop for Ticking {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running = state.running.saturating_sub(1);
    }
}

fn run(shared: &Shared, tick: &impl Fn()) {
    let mut idle = LINGER;
    let mut state = shared.lock();
    while !state.stop {
        if state.running == 0 && idle >= LINGER {
            state.asleep = true;
            let woken = shared
                .wake
                .wait_while(state, |state| state.asleep && !state.stop);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            idle = 0;
            continue;
        }
        let woken = shared
            .wake
            .wait_timeout(state, PERIOD)
            .unwrap_or_else(PoisonError::into_inner);
        state = woken.0;
        idle = if state.running == 0 { idle + 1 } else { 0 };
        // What wakes it sooner is its end.
        if woken.1.timed_out() {
            tick();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "waiting is what is tested")]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn ticks_only_while_a_guest_runs_and_ends_when_dropped() {
        let ticks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ticks);
        let ticker = Ticker::start(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(ticks.load(Ordering::Relaxed), 0);

        let ticking = ticker.ticking();
        while ticks.load(Ordering::Relaxed) < 3 {
            std::thread::yield_now();
        }
        drop(ticking);
        let settled = (0..50).any(|_| {
            let before = ticks.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(100));
            ticks.load(Ordering::Relaxed) == before
        });
        assert!(settled, "goes on ticking without a guest");
        drop(ticker);
        assert_eq!(Arc::strong_count(&ticks), 1, "the thread is gone");
    }
}
