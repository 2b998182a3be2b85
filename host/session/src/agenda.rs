//! Points in time at which something is due.
//!
//! In: a wall-clock end and a reading of both clocks. Out: ids whose time has
//! come. A deadline stands on both clocks and passes on whichever comes first,
//! so a wall clock set back, forward or stopped never postpones it by more than
//! [`PRECISION_MS`]. Costs O(log n) for each change; asking what is due costs O(1)
//! when nothing is, as long as nobody sets the wall clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warden_core::{Now, Timestamp};

/// How exactly it is kept what the monotonic clock said for a wall-clock time: one order
/// is enough for all deadlines that were made while the wall clock was not set.
pub(crate) const PRECISION_MS: u64 = 100;

/// An end on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) wall: Timestamp,
    lead: Lead,
}

/// How far the wall clock was ahead of the monotonic one, in units of [`PRECISION_MS`],
/// rounded down. Steady, unless somebody sets the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lead(i64);

impl Lead {
    fn at(instant: Instant) -> Self {
        Self::between(instant.wall, signed(instant.monotonic_ms))
    }

    fn between(wall: Timestamp, monotonic_ms: i64) -> Self {
        let lead = signed(wall.as_unix_millis()).saturating_sub(monotonic_ms);
        Self(lead.div_euclid(signed(PRECISION_MS)))
    }

    fn as_millis(self) -> i64 {
        self.0.saturating_mul(signed(PRECISION_MS))
    }

    /// The later of two readings as the wall clock would have it with this lead.
    fn latest(self, now: Instant) -> Timestamp {
        let expected = now.monotonic_ms.saturating_add_signed(self.as_millis());
        now.wall.max(Timestamp::from_unix_millis(expected))
    }
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
        Some(Self {
            wall,
            lead: Lead::at(since),
        })
    }

    /// One that passes when the first of both does, on either clock.
    pub(crate) fn or(self, other: Self) -> Self {
        let wall = self.wall.min(other.wall);
        let monotonic_ms = self.monotonic_ms().min(other.monotonic_ms());
        Self {
            wall,
            lead: Lead::between(wall, monotonic_ms),
        }
    }

    /// When it passes on the monotonic clock.
    fn monotonic_ms(self) -> i64 {
        signed(self.wall.as_unix_millis()).saturating_sub(self.lead.as_millis())
    }

    pub(crate) fn has_passed(&self, now: Instant) -> bool {
        self.wall <= self.lead.latest(now)
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

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Ids ordered by deadline. The owner keeps each id's deadline.
#[derive(Debug)]
pub(crate) struct Agenda<I> {
    /// One order for each lead of the wall clock; none is empty.
    orders: BTreeMap<Lead, BTreeSet<(Timestamp, I)>>,
}

impl<I: Copy + Ord> Agenda<I> {
    pub(crate) fn new() -> Self {
        Self {
            orders: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, deadline: Option<Deadline>, id: I) {
        if let Some(Deadline { wall, lead }) = deadline {
            self.orders.entry(lead).or_default().insert((wall, id));
        }
    }

    pub(crate) fn remove(&mut self, deadline: Option<Deadline>, id: I) {
        let Some(Deadline { wall, lead }) = deadline else {
            return;
        };
        if let Some(order) = self.orders.get_mut(&lead) {
            order.remove(&(wall, id));
            if order.is_empty() {
                self.orders.remove(&lead);
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.orders.values().map(BTreeSet::len).sum()
    }

    /// Takes out the first id that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<I> {
        let mut orders = self.orders.iter();
        let (lead, wall, id) = orders.find_map(|(lead, order)| {
            let (wall, id) = order.first()?;
            (*wall <= lead.latest(now)).then_some((*lead, *wall, *id))
        })?;
        self.remove(Some(Deadline { wall, lead }), id);
        Some(id)
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
    fn the_first_of_two_counts_though_the_wall_clock_was_set_between() {
        let lasting = |since, seconds| {
            let length = Duration::from_secs(seconds);
            Deadline::earliest(since, None, Some(length)).expect("a length")
        };
        // The wall clock is set back by 50 s: this one's time is up at 1020, or 30 ...
        let before = lasting(at(1000, 10), 20);
        // ... and this one's at 995, or 55.
        let after = lasting(at(955, 15), 40);
        for first in [before.or(after), after.or(before)] {
            assert!(!first.has_passed(at(955, 15)));
            assert!(!first.has_passed(at(969, 29)));
            assert!(first.has_passed(at(970, 30)));
            // Set forward again: the second has passed.
            assert!(first.has_passed(at(995, 16)));
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
        assert!(!deadline.has_passed(at(500, 9)));
        assert!(deadline.has_passed(at(500, 10)));
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

    #[test]
    fn a_clock_that_is_set_postpones_nobody() {
        let mut agenda = Agenda::new();
        let hour = |since| Deadline::earliest(since, None, Some(Duration::from_secs(3600)));
        agenda.insert(hour(at(10_000, 0)), "before");
        // Set back by an hour, and later forward by two.
        agenda.insert(hour(at(6_410, 10)), "between");
        agenda.insert(hour(at(13_620, 20)), "after");
        assert_eq!(agenda.pop_due(at(6_420, 20)), None);
        assert_eq!(agenda.pop_due(at(13_620, 20)), Some("between"));
        assert_eq!(agenda.pop_due(at(13_620, 20)), Some("before"));
        assert_eq!(agenda.pop_due(at(13_620, 20)), None);
        assert_eq!(agenda.pop_due(at(0, 3_619)), None);
        assert_eq!(agenda.pop_due(at(0, 3_620)), Some("after"));
        assert!(agenda.orders.is_empty());
    }

    #[test]
    fn an_end_is_found_again_whatever_its_milliseconds() {
        let mut agenda = Agenda::new();
        for monotonic_ms in 900..1100 {
            let since = Instant {
                wall: Timestamp::from_unix_millis(5_000),
                monotonic_ms,
            };
            let end = Deadline::earliest(since, None, Some(Duration::from_millis(70)));
            agenda.insert(end, monotonic_ms);
            assert!(!end.unwrap().has_passed(since));
            let later = |ms| Instant {
                wall: Timestamp::from_unix_millis(0),
                monotonic_ms: monotonic_ms + ms,
            };
            assert!(!end.unwrap().has_passed(later(69)));
            assert!(end.unwrap().has_passed(later(70 + PRECISION_MS)));
            agenda.remove(end, monotonic_ms);
        }
        assert_eq!(agenda.len(), 0);
    }

    #[test]
    fn readings_some_milliseconds_apart_share_an_order() {
        let mut agenda = Agenda::new();
        for apart in 0..50 {
            let since = Instant {
                wall: Timestamp::from_unix_millis(1_000_000 + apart),
                monotonic_ms: 0,
            };
            agenda.insert(Deadline::earliest(since, None, Some(Duration::ZERO)), apart);
        }
        assert_eq!(agenda.orders.len(), 1);
    }
}
