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

    /// Waits and tries as this says from now on; what was given up is not.
    pub(crate) fn adjust(&mut self, retry: RetrySettings) {
        self.retry = retry;
    }

    /// A try succeeded.
    pub(crate) fn connected(&mut self, now: Duration) {
        self.state = State::Up { since: now };
    }

    /// There is no time to wait: the next try is due at once, unless it was given up.
    pub(crate) fn hurry(&mut self) {
        if !matches!(self.state, State::GivenUp) {
            self.renewed();
        }
    }

    /// The next try is due at once, and is the first: what was connected was closed on purpose,
    /// or is known to be there.
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

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn reconnect(retry: RetrySettings, chance: u32) -> Reconnect {
        Reconnect::new(retry, Box::new(move || chance))
    }

    /// The waits after tries that fail as soon as they are due.
    fn waits(reconnect: &mut Reconnect, count: usize) -> Vec<Again> {
        let mut now = Duration::ZERO;
        let wait = |_| {
            reconnect.failed(now);
            let again = reconnect.again(now);
            if let Again::After(wait) = again {
                now += wait;
            }
            again
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute_of_which_half_is_chance() {
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Duration::from_secs);
        let least = waits(&mut reconnect(RetrySettings::default(), 0), 9);
        assert_eq!(least, seconds.map(|whole| Again::After(whole / 2)));
        let middle = waits(&mut reconnect(RetrySettings::default(), CHANCES / 2), 9);
        assert_eq!(middle, seconds.map(|whole| Again::After(whole / 4 * 3)));
        let most = waits(&mut reconnect(RetrySettings::default(), u32::MAX), 9);
        for (again, whole) in most.into_iter().zip(seconds) {
            let Again::After(wait) = again else {
                panic!("gave up")
            };
            assert!(wait < whole && wait > whole - Duration::from_millis(1));
        }
    }

    #[test]
    fn an_interval_beyond_a_minute_stays_and_a_thousand_failures_overflow_nothing() {
        let retry = RetrySettings {
            interval: 90 * S,
            ..RetrySettings::default()
        };
        let all = waits(&mut reconnect(retry, 0), 1000);
        assert!(all.iter().all(|again| *again == Again::After(45 * S)));
    }

    #[test]
    fn the_first_try_is_due_at_once_and_the_next_only_after_its_wait() {
        let mut reconnect = reconnect(RetrySettings::default(), 0);
        assert_eq!(reconnect.again(5 * S), Again::After(Duration::ZERO));
        reconnect.failed(5 * S);
        reconnect.failed(5 * S);
        assert_eq!(reconnect.again(5 * S), Again::After(S));
        assert_eq!(reconnect.again(11 * S / 2), Again::After(S / 2));
        assert_eq!(reconnect.again(60 * S), Again::After(Duration::ZERO));
    }

    #[test]
    fn a_connection_that_lasted_begins_anew_and_one_that_did_not_counts_as_a_failure() {
        let mut reconnect = reconnect(RetrySettings::default(), 0);
        for _ in 0..4 {
            reconnect.connected(S);
            assert_eq!(reconnect.again(S), Again::After(Duration::ZERO));
            reconnect.failed(2 * S);
        }
        assert_eq!(reconnect.again(2 * S), Again::After(4 * S));
        reconnect.connected(10 * S);
        reconnect.failed(10 * S + STEADY);
        assert_eq!(reconnect.again(10 * S + STEADY), Again::After(S / 2));
    }

    #[test]
    fn it_gives_up_after_max_retries_or_where_it_shall_not_reconnect() {
        let retry = RetrySettings {
            max_retries: Some(2),
            ..RetrySettings::default()
        };
        let all = waits(&mut reconnect(retry, 0), 3);
        assert_eq!(all, [Again::After(S / 2), Again::After(S), Again::Never]);
        let never = RetrySettings {
            reconnect_on_failure: false,
            ..RetrySettings::default()
        };
        assert_eq!(waits(&mut reconnect(never, 0), 1), [Again::Never]);
    }

    #[test]
    fn in_a_hurry_it_waits_for_nothing_and_what_was_given_up_stays_so() {
        let mut hurried = reconnect(RetrySettings::default(), 0);
        waits(&mut hurried, 9);
        assert_ne!(hurried.again(S), Again::After(Duration::ZERO));
        hurried.hurry();
        assert_eq!(hurried.again(S), Again::After(Duration::ZERO));
        let never = RetrySettings {
            reconnect_on_failure: false,
            ..RetrySettings::default()
        };
        let mut given_up = reconnect(never, 0);
        given_up.failed(S);
        given_up.hurry();
        assert_eq!(given_up.again(S), Again::Never);
    }

    #[test]
    fn chance_is_spread_over_its_range() {
        let all: Vec<u32> = (0..1000).map(|_| chance()).collect();
        assert!(all.iter().all(|one| *one < CHANCES));
        assert!(all.iter().any(|one| *one < CHANCES / 4));
        assert!(all.iter().any(|one| *one > CHANCES / 4 * 3));
    }
}
