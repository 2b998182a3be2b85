//! How many lines of one kind may be written to the server's log in a second.
//!
//! In: the time. Out: whether a line may be written, and how many were left out since the
//! last one.

use std::time::Duration;

/// Lines of one kind.
#[derive(Debug)]
pub(crate) struct Quota {
    most: u32,
    second: u64,
    lines: u32,
    omitted: u64,
}

/// Whether a line may be written, and how many were not since the last one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) granted: bool,
    pub(crate) omitted: u64,
}

impl Quota {
    /// So many lines a second.
    pub(crate) const fn of(most: u32) -> Self {
        Self {
            most,
            second: 0,
            lines: 0,
            omitted: 0,
        }
    }

    /// Asks for a line; `now` is on the monotonic clock.
    pub(crate) fn take(&mut self, now: Duration) -> Allowance {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.lines = 0;
        }
        if self.lines >= self.most {
            self.omitted = self.omitted.saturating_add(1);
            return Allowance::default();
        }
        self.lines += 1;
        Allowance {
            granted: true,
            omitted: std::mem::take(&mut self.omitted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_with_the_next_line() {
        let mut quota = Quota::of(20);
        let granted = (0..100).filter(|_| quota.take(Duration::from_secs(1)).granted);
        assert_eq!(granted.count(), 20);
        for omitted in [80, 0] {
            let allowance = Allowance {
                granted: true,
                omitted,
            };
            assert_eq!(quota.take(Duration::from_secs(2)), allowance);
        }
    }
}
