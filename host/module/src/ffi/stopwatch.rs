//! How long our code keeps the server's main thread.
//!
//! In: how long each callback of ours took, outermost first to last line. Out: the longest, and how many were long; a line
//! of the log when one was longer than ever and longer than promised.
//! Never: a lock. Only the main thread writes; INFO reads, also in a forked child and in a crash report.
//!
//! Loading and unloading are not counted: the operator asked for them and waits. What the server does later because of
//! us, such as freeing the clients a slice has closed, is not in these numbers either: see `eventloop_duration_max` of
//! INFO's section `debug`.

use super::log::{Level, log};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use warden_core::clock::{Clock, SystemClock};

static STOPWATCH: Stopwatch = Stopwatch::new();

/// What was measured since the module was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slices {
    /// The longest of all, in microseconds.
    pub(crate) longest_us: u64,
    /// The longest of the last ten to twenty seconds, in microseconds.
    pub(crate) longest_recent_us: u64,
    /// How many took longer than a millisecond.
    pub(crate) over_1ms: u64,
    /// How many took longer than two.
    pub(crate) over_2ms: u64,
}

/// The numbers now.
pub(crate) fn slices() -> Slices {
    STOPWATCH.read(microseconds(SystemClock.monotonic()))
}

/// Starts from nothing. Called at load.
pub(super) fn reset() {
    STOPWATCH.clear();
}

/// Runs a callback's body, which is told when it began on the monotonic clock. Notes how long it took, and answers that, too.
/// For the main thread.
pub(super) fn timed<T>(callback: &'static str, body: impl FnOnce(Duration) -> T) -> (T, Duration) {
    let start = SystemClock.monotonic();
    let answer = body(start);
    let end = SystemClock.monotonic();
    let took = end.saturating_sub(start);
    let took_us = microseconds(took);
    if STOPWATCH.note(microseconds(end), took_us) && took_us > PROMISED_US {
        log(
            Level::Notice,
            &format!("{callback} kept the main thread for {took_us} us"),
        );
    }
    (answer, took)
}

/// No callback takes longer than this, if the system lets it run.
const PROMISED_US: u64 = 2_000;

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The wall clock: microseconds since 1970; 0 where there is no server.
pub(crate) fn wall_microseconds() -> u64 {
    let Ok(ask) = api!(ValkeyModule_Microseconds) else {
        return 0;
    };
    // SAFETY: the call takes nothing and only reads a clock.
    u64::try_from(unsafe { ask() }).unwrap_or(0)
}

/// The wall clock as the server last read it: when the command that runs or has just ended began.
pub(crate) fn cached_microseconds() -> u64 {
    let Ok(ask) = api!(ValkeyModule_CachedMicroseconds) else {
        return 0;
    };
    // SAFETY: the call takes nothing and only reads a number.
    u64::try_from(unsafe { ask() }).unwrap_or(0)
}

/// Half of the time `longest_recent_us` looks back, in microseconds.
const WINDOW_US: u64 = 10_000_000;

/// Two windows in turn: one is being filled while the other is still shown.
#[derive(Debug)]
struct Stopwatch {
    longest: AtomicU64,
    over_1ms: AtomicU64,
    over_2ms: AtomicU64,
    even: Window,
    odd: Window,
}

#[derive(Debug)]
struct Window {
    number: AtomicU64,
    longest: AtomicU64,
}

impl Window {
    const fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    fn note(&self, number: u64, took: u64) {
        if self.number.swap(number, Relaxed) != number {
            self.longest.store(0, Relaxed);
        }
        self.longest.fetch_max(took, Relaxed);
    }

    /// The longest, unless the window is older than the one before `number`.
    fn since(&self, number: u64) -> u64 {
        if self.number.load(Relaxed).saturating_add(1) >= number {
            self.longest.load(Relaxed)
        } else {
            0
        }
    }
}

impl Stopwatch {
    const fn new() -> Self {
        Self {
            longest: AtomicU64::new(0),
            over_1ms: AtomicU64::new(0),
            over_2ms: AtomicU64::new(0),
            even: Window::new(),
            odd: Window::new(),
        }
    }

    /// Notes a callback; answers whether it was the longest of all.
    fn note(&self, now: u64, took: u64) -> bool {
        let is_longest = self.longest.fetch_max(took, Relaxed) < took;
        if took > 1_000 {
            self.over_1ms.fetch_add(1, Relaxed);
        }
        if took > PROMISED_US {
            self.over_2ms.fetch_add(1, Relaxed);
        }
        let number = now / WINDOW_US;
        let window = if number.is_multiple_of(2) {
            &self.even
        } else {
            &self.odd
        };
        window.note(number, took);
        is_longest
    }

    fn read(&self, now: u64) -> Slices {
        let number = now / WINDOW_US;
        Slices {
            longest_us: self.longest.load(Relaxed),
            longest_recent_us: self.even.since(number).max(self.odd.since(number)),
            over_1ms: self.over_1ms.load(Relaxed),
            over_2ms: self.over_2ms.load(Relaxed),
        }
    }

    fn clear(&self) {
        for number in [
            &self.longest,
            &self.over_1ms,
            &self.over_2ms,
            &self.even.longest,
            &self.odd.longest,
        ] {
            number.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Slices, Stopwatch, WINDOW_US};

    #[test]
    fn the_longest_stays_and_the_recent_one_is_forgotten() {
        let stopwatch = Stopwatch::new();
        assert!(stopwatch.note(0, 1_500));
        assert!(stopwatch.note(1, 2_500));
        assert!(!stopwatch.note(WINDOW_US, 300));
        let then = Slices {
            longest_us: 2_500,
            longest_recent_us: 2_500,
            over_1ms: 2,
            over_2ms: 1,
        };
        assert_eq!(stopwatch.read(WINDOW_US), then);
        let later = Slices {
            longest_recent_us: 300,
            ..then
        };
        stopwatch.note(2 * WINDOW_US, 200);
        assert_eq!(stopwatch.read(2 * WINDOW_US), later);
        let much_later = Slices {
            longest_recent_us: 0,
            ..then
        };
        assert_eq!(stopwatch.read(9 * WINDOW_US), much_later);
    }
}
