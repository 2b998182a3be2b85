//! How much time a run of guest code has used.
//!
//! The bound is on the *thread's CPU time*, so that a busy machine refuses no
//! innocent policy; ten times that in wall-clock time is the cap for a guest
//! that waits. The clocks read here measure a duration and never enter a
//! decision.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::error::Failure;

/// The wall-clock cap as a multiple of the CPU limit.
const WALL_FACTOR: u32 = 10;

/// The time of one run on the current thread.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    limit: Duration,
    cpu_start: Duration,
    wall_start: Duration,
}

impl Budget {
    /// Starts counting on this thread.
    pub(crate) fn start(limit: Duration) -> Self {
        Self {
            limit,
            cpu_start: read(ClockId::ThreadCPUTime),
            wall_start: read(ClockId::Monotonic),
        }
    }

    /// CPU time used so far; only meaningful on the thread that started.
    pub(crate) fn cpu(&self) -> Duration {
        read(ClockId::ThreadCPUTime).saturating_sub(self.cpu_start)
    }

    /// Wall-clock time since the start.
    pub(crate) fn wall(&self) -> Duration {
        read(ClockId::Monotonic).saturating_sub(self.wall_start)
    }

    /// # Errors
    /// When either bound is passed.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.cpu() > self.limit {
            return Err(Failure::CpuLimit(self.limit));
        }
        let cap = self.limit.saturating_mul(WALL_FACTOR);
        if self.wall() > cap {
            return Err(Failure::WallLimit(cap));
        }
        Ok(())
    }
}

fn read(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    // Neither clock is ever negative, nor its nanoseconds over a thousand million.
    Duration::new(
        u64::try_from(tv_sec).unwrap_or_default(),
        u32::try_from(tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "waiting is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn waiting_uses_no_cpu_time_but_ends_at_the_wall_cap() {
        let budget = Budget::start(Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(budget.check(), Ok(()));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(
            budget.check(),
            Err(Failure::WallLimit(Duration::from_millis(200)))
        );
    }

    #[test]
    fn computing_ends_at_the_cpu_limit() {
        let budget = Budget::start(Duration::from_millis(5));
        while budget.check().is_ok() {
            std::hint::black_box(());
        }
        assert!(matches!(
            budget.check(),
            Err(Failure::CpuLimit(_) | Failure::WallLimit(_))
        ));
    }
}
