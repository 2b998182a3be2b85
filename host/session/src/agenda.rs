//! Points in time at which something is due.
//!
//! In: a wall-clock end and a reading of both clocks. Out: ids whose time has
//! come. A deadline is kept on both clocks and passes on whichever comes first,
//! so a wall clock set back, forward or stopped never postpones it. Costs
//! O(log n) for each change; asking what is due costs O(1) when nothing is.

use std::collections::BTreeSet;
use std::time::Duration;

use warden_core::{Now, Timestamp};

/// An end on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic_ms: u64,
}

impl Deadline {
    /// The earlier of a date and a length from `since`; `None` without either.
    pub(crate) fn earliest(
        since: Instant,
        date: Option<Timestamp>,
        length: Option<Duration>,
    ) -> Option<Self> {
        let by_length = length.map(|length| since.wall.plus(length));
        let wall = [date, by_length].into_iter().flatten().min()?;
        let left = millis(wall.since(since.wall));
        Some(Self {
            wall,
            monotonic_ms: since.monotonic_ms.saturating_add(left),
        })
    }

    pub(crate) fn has_passed(&self, now: Instant) -> bool {
        self.wall <= now.wall || self.monotonic_ms <= now.monotonic_ms
    }
}

/// A [`Now`] in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic_ms: u64,
}

impl From<Now> for Instant {
    fn from(now: Now) -> Self {
        Self {
            wall: now.wall,
            monotonic_ms: millis(now.monotonic),
        }
    }
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Ids ordered by deadline. The owner keeps each id's deadline.
#[derive(Debug)]
pub(crate) struct Agenda<I> {
    wall: BTreeSet<(Timestamp, I)>,
    monotonic: BTreeSet<(u64, I)>,
}

impl<I: Copy + Ord> Agenda<I> {
    pub(crate) fn new() -> Self {
        Self {
            wall: BTreeSet::new(),
            monotonic: BTreeSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, deadline: Option<Deadline>, id: I) {
        if let Some(deadline) = deadline {
            self.wall.insert((deadline.wall, id));
            self.monotonic.insert((deadline.monotonic_ms, id));
        }
    }

    pub(crate) fn remove(&mut self, deadline: Option<Deadline>, id: I) {
        if let Some(deadline) = deadline {
            self.wall.remove(&(deadline.wall, id));
            self.monotonic.remove(&(deadline.monotonic_ms, id));
        }
    }

    /// The first id that is due. The owner then removes it by its deadline; half
    /// of the entry is already gone, so a mistake there cannot loop.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<I> {
        if self.wall.first().is_some_and(|(at, _)| *at <= now.wall) {
            return self.wall.pop_first().map(|(_, id)| id);
        }
        if self
            .monotonic
            .first()
            .is_some_and(|(at, _)| *at <= now.monotonic_ms)
        {
            return self.monotonic.pop_first().map(|(_, id)| id);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_s: u64, monotonic_s: u64) -> Instant {
        Instant {
            wall: Timestamp::from_unix_seconds(wall_s),
            monotonic_ms: monotonic_s * 1000,
        }
    }

    #[test]
    fn a_deadline_passes_on_whichever_clock_comes_first() {
        let date = Timestamp::from_unix_seconds(1060);
        let deadline = Deadline::earliest(at(1000, 5), Some(date), None).unwrap();
        assert!(!deadline.has_passed(at(1059, 64)));
        assert!(
            deadline.has_passed(at(1060, 6)),
            "the wall clock stepped forward"
        );
        assert!(
            deadline.has_passed(at(500, 65)),
            "the wall clock stepped back"
        );
    }

    #[test]
    fn the_shorter_of_date_and_length_counts() {
        let since = at(1000, 0);
        let date = Timestamp::from_unix_seconds(1060);
        let length = Some(Duration::from_secs(10));
        let deadline = Deadline::earliest(since, Some(date), length).unwrap();
        assert_eq!(deadline.wall, Timestamp::from_unix_seconds(1010));
        assert_eq!(deadline.monotonic_ms, 10_000);
        assert_eq!(Deadline::earliest(since, None, None), None);
    }

    #[test]
    fn an_agenda_gives_out_each_id_once() {
        let mut agenda = Agenda::new();
        let deadline = Deadline::earliest(at(0, 0), None, Some(Duration::from_secs(1)));
        agenda.insert(deadline, 7);
        assert_eq!(agenda.pop_due(at(0, 0)), None);
        assert_eq!(agenda.pop_due(at(0, 1)), Some(7));
        agenda.remove(deadline, 7);
        assert_eq!(agenda.pop_due(at(9, 9)), None);
    }
}
