//! How much time a run of guest code has used.
//!
//! The bound is on the *thread's CPU time*, so that a busy machine refuses no
//! innocent policy. A guest can wait on nothing: it has no import that waits, and
//! while it does not compute it is the machine that keeps it from computing. What
//! the wall clock shows beyond its CPU time is how busy the machine is, so the cap on
//! it is far away: it gives a worker back where hardly anything runs at all, or
//! where a later import waits after all. The clocks read here measure a duration and
//! never enter a decision.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::error::Failure;

/// The wall-clock cap: so many times the CPU limit, and a minute. A worker at nice
/// +10 among busy threads gets as little as a hundredth of a processor.
const WALL_FACTOR: u32 = 10;
const WALL_REST: Duration = Duration::from_secs(60);

/// The time of one run on the current thread.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    limit: Duration,
    wall_cap: Duration,
    cpu_start: Duration,
    wall_start: Duration,
}

impl Budget {
    /// Starts counting on this thread.
    pub(crate) fn start(limit: Duration) -> Self {
        let cap = limit.saturating_mul(WALL_FACTOR).saturating_add(WALL_REST);
        Self::capped(limit, cap)
    }

    fn capped(limit: Duration, wall_cap: Duration) -> Self {
        Self {
            limit,
            wall_cap,
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
        if self.wall() > self.wall_cap {
            return Err(Failure::WallLimit(self.wall_cap));
        }
        Ok(())
    }
}

/// What the wall clock's pace shows, from some moment on.
pub(crate) fn now() -> Duration {
    read(ClockId::Monotonic)
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
    fn waiting_uses_no_cpu_time_and_ends_at_the_wall_cap_alone() {
        let limit = Duration::from_millis(20);
        let (near, far) = (
            Budget::capped(limit, Duration::from_millis(200)),
            Budget::start(limit),
        );
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(near.check(), Ok(()));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(
            near.check(),
            Err(Failure::WallLimit(Duration::from_millis(200)))
        );
        assert_eq!(far.check(), Ok(()), "a machine may be that busy");
    }

    #[test]
    fn computing_ends_at_the_cpu_limit() {
        let budget = Budget::start(Duration::from_millis(5));
        while budget.check().is_ok() {
            std::hint::black_box(());
        }
        assert!(matches!(budget.check(), Err(Failure::CpuLimit(_))));
    }
}
