//! When to try again.
//!
//! In: what became of each try, and the time. Out: how long to wait before the next. The wait
//! doubles from `retry_interval_ms` up to a minute; of each, the second half is chance, so that
//! a collector that comes back is not met by all its servers at once. Never: a clock of its own.
//!
//! ```text
//!            connected               lost, or a try failed
//! Waiting ───────────────→ Up ───────────────────────────────→ Waiting (longer, unless it
//!    ↑                                                          was up for a while)
//!    └─ a try failed: longer        retries used up ──────────→ Given up
//! ```

use std::time::Duration;

use crate::settings::RetrySettings;

/// The longest wait, unless `retry_interval_ms` is longer.
const LONGEST: Duration = Duration::from_mins(1);

/// A connection that ends sooner counts as a try that failed: a collector that accepts and
/// then refuses must not be met without a pause.
const STEADY: Duration = Duration::from_secs(10);

/// A number below this: the chance in a wait.
const CHANCES: u32 = 1 << 16;

/// When a sink may be offered something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// After so much time; zero: at once.
    After(Duration),
    /// Never: what was configured to be tried was tried. It stays down until its file is
    /// touched, or a reload.
    Never,
}

/// What became of the tries so far.
pub(crate) struct Reconnect {
    retry: RetrySettings,
    chance: Box<dyn FnMut() -> u32 + Send>,
    /// Tries that failed, one after the other.
    failures: u32,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Waiting { until: Duration },
    Up { since: Duration },
    GivenUp,
}

impl Reconnect {
    /// The first try is due at once. `chance` gives numbers below 65536.
    pub(crate) fn new(retry: RetrySettings, chance: Box<dyn FnMut() -> u32 + Send>) -> Self {
        Self {
            retry,
            chance,
            failures: 0,
            state: State::Waiting {
                until: Duration::ZERO,
            },
        }
    }

    /// When the next try is due.
    pub(crate) fn again(&self, now: Duration) -> Again {
        match self.state {
            State::Waiting { until } => Again::After(until.saturating_sub(now)),
            State::Up { .. } => Again::After(Duration::ZERO),
            State::GivenUp => Again::Never,
        }
    }

    /// A try succeeded.
    pub(crate) fn connected(&mut self, now: Duration) {
        self.state = State::Up { since: now };
    }

    /// What was connected was closed on purpose: the next try is due at once.
    pub(crate) fn renewed(&mut self) {
        self.failures = 0;
        self.state = State::Waiting {
            until: Duration::ZERO,
        };
    }

    /// A try failed, or what was connected is no longer.
    pub(crate) fn failed(&mut self, now: Duration) {
        if let State::Up { since } = self.state
            && now.saturating_sub(since) >= STEADY
        {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let used_up = self
            .retry
            .max_retries
            .is_some_and(|most| self.failures > most);
        self.state = if used_up || !self.retry.reconnect_on_failure {
            State::GivenUp
        } else {
            let until = now.saturating_add(self.wait());
            State::Waiting { until }
        };
    }

    fn wait(&mut self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        let longest = LONGEST.max(self.retry.interval);
        let whole = self
            .retry
            .interval
            .saturating_mul(1 << doublings)
            .min(longest);
        let half = whole / 2;
        let chance = (self.chance)().min(CHANCES - 1);
        half.saturating_add(half.saturating_mul(chance) / CHANCES)
    }
}

/// A number below 65536 that nobody foresees.
pub(crate) fn chance() -> u32 {
    let mut bytes = [0; 2];
    // Without chance servers come back together: less well, and not wrong.
    let _no_chance = aws_lc_rs::rand::fill(&mut bytes);
    u32::from(u16::from_le_bytes(bytes))
}
