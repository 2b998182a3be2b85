//! Time as a parameter.
//!
//! Rooms take a [`Now`]; only [`SystemClock`] reads the operating system's
//! clocks. A [`Now`] carries both the wall clock, in which tokens speak, and a
//! monotonic reading, so that a wall clock set back never prolongs a session.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point of the wall clock: milliseconds since 1970-01-01T00:00:00Z.
///
/// Unsigned and 64 bits wide: 2038, 2106 and 9999 are ordinary dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From seconds since the epoch; saturates far beyond the year 9999.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds since the epoch.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_unix_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds since the epoch.
    pub const fn as_unix_millis(self) -> u64 {
        self.0
    }

    /// This point plus a duration; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// The time from `earlier` to this point; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: what tokens' `exp` and `nbf` are compared with.
    pub wall: Timestamp,
    /// Time since the process's first reading; never goes back.
    pub monotonic: Duration,
}

/// Where time comes from. Tests give their own.
pub trait Clock: Send + Sync {
    /// Both clocks, read together.
    fn now(&self) -> Now;

    /// The monotonic one alone: half as long to read.
    fn monotonic(&self) -> Duration {
        self.now().monotonic
    }
}

/// A clock that stands still.
impl Clock for Now {
    fn now(&self) -> Now {
        *self
    }
}

/// The operating system's clocks. Every one of them counts from the same moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The process's first reading of the monotonic clock.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the operating system's clocks"
)]
impl Clock for SystemClock {
    /// A wall clock before 1970 reads as 1970: every token is then not yet valid
    /// or has a lifetime bounded by the monotonic clock.
    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            wall: Timestamp::from_unix_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
            monotonic: self.monotonic(),
        }
    }

    fn monotonic(&self) -> Duration {
        let now = Instant::now();
        now.saturating_duration_since(*ORIGIN.get_or_init(|| now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_beyond_32_bits_do_not_wrap() {
        for seconds in [2_147_483_648, 4_294_967_296, 253_402_300_799] {
            let date = Timestamp::from_unix_seconds(seconds);
            assert_eq!(date.as_unix_seconds(), seconds);
            assert!(date.plus(Duration::from_secs(1)) > date);
        }
        let end = Timestamp::from_unix_seconds(u64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end, "saturates");
    }

    #[test]
    fn a_later_start_gives_no_negative_duration() {
        let early = Timestamp::from_unix_seconds(10);
        let late = Timestamp::from_unix_seconds(20);
        assert_eq!(late.since(early), Duration::from_secs(10));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
