//! Hours of the week, in UTC.
//!
//! In: `22:00-06:00` and `fri`, later a time. Out: whether it lies in the window,
//! and when that changes next, to the second.
//!
//! ```text
//!   mon 00:00                                                      sun 24:00
//!      ├──────────── a week of 604,800 seconds, then again ───────────┤
//!      ▒▒▒                     ▒▒▒▒▒▒▒▒                           ▒▒▒▒▒
//! ```

use std::time::{Duration, UNIX_EPOCH};

use warden_sdk::Request;

use crate::error::Fault;

const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const EPOCH_IN_WEEK: u64 = 3 * DAY;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A day of the week, as its beginning in seconds of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day(u64);

/// Hours of a day, in seconds: where they begin and how long they are. They may
/// end on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hours {
    start: u64,
    length: u64,
}

/// Parts of the week. They may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window(Vec<Hours>);

impl Day {
    /// Reads `mon` … `sun`.
    ///
    /// # Errors
    /// For any other word.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::Day {
            text: text.to_owned(),
        };
        let starts = (0..).step_by(86_400);
        let mut days = DAYS.iter().zip(starts);
        days.find(|(day, _)| **day == text)
            .map(|(_, start)| Self(start))
            .ok_or_else(fault)
    }
}

impl Hours {
    const WHOLE_DAY: Self = Self {
        start: 0,
        length: DAY,
    };

    /// Reads `22:00-06:00`. The end is not part of it and may be `24:00`; one that
    /// is not after the beginning is on the next day.
    ///
    /// # Errors
    /// For anything else, and where both are the same: nothing or a whole day?
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::Hours {
            text: text.to_owned(),
        };
        let (start, end) = text.split_once('-').ok_or_else(fault)?;
        let start = seconds(start).filter(|s| *s < DAY).ok_or_else(fault)?;
        let end = seconds(end).ok_or_else(fault)?;
        let length = if end > start {
            end.saturating_sub(start)
        } else {
            end.saturating_add(DAY).saturating_sub(start)
        };
        if start == end {
            return Err(fault());
        }
        Ok(Self { start, length })
    }
}

/// `HH:MM`, two digits each, up to `24:00`.
fn seconds(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| digits)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    (minutes < 60 && seconds <= DAY).then_some(seconds)
}

impl Window {
    /// These hours on each of these days; every day, and the whole day, where none
    /// are given.
    pub(crate) fn new(hours: Option<&[Hours]>, days: Option<&[Day]>) -> Self {
        let whole = [Hours::WHOLE_DAY];
        let every: Vec<Day> = (0..7)
            .map(|day: u64| Day(day.saturating_mul(DAY)))
            .collect();
        let parts = days.unwrap_or(&every).iter().flat_map(|day| {
            let hours = hours.unwrap_or(&whole).iter();
            hours.map(|hours| Hours {
                start: hours.start.saturating_add(day.0) % WEEK,
                length: hours.length,
            })
        });
        Self(parts.collect())
    }

    /// Does this time lie in it?
    pub(crate) fn contains(&self, unix_seconds: u64) -> bool {
        let now = second_of_week(unix_seconds);
        self.0
            .iter()
            .any(|part| since(part.start, now) < part.length)
    }

    /// How long until the answer of [`Self::contains`] is another; `None` when it
    /// never is. At least a second.
    pub(crate) fn next_change(&self, unix_seconds: u64) -> Option<Duration> {
        let now = second_of_week(unix_seconds);
        let inside = self.contains(unix_seconds);
        let ends = self
            .0
            .iter()
            .map(|part| part.start.saturating_add(part.length));
        let starts = self.0.iter().map(|part| part.start);
        starts
            .chain(ends)
            .map(|boundary| match since(now, boundary % WEEK) {
                0 => WEEK,
                seconds => seconds,
            })
            .filter(|seconds| self.contains(now_plus(unix_seconds, *seconds)) != inside)
            .min()
            .map(Duration::from_secs)
    }
}

/// Seconds from one second of the week to the next occurrence of another.
fn since(earlier: u64, later: u64) -> u64 {
    later.saturating_add(WEEK).saturating_sub(earlier) % WEEK
}

fn second_of_week(unix_seconds: u64) -> u64 {
    (unix_seconds % WEEK).saturating_add(EPOCH_IN_WEEK) % WEEK
}

/// A later time within the same cycle of weeks; never overflows.
fn now_plus(unix_seconds: u64, seconds: u64) -> u64 {
    (unix_seconds % WEEK).saturating_add(seconds)
}

/// The time of the question; `None` when the host could not say.
pub(crate) fn unix_seconds(request: &Request) -> Option<u64> {
    let now = request.now()?.duration_since(UNIX_EPOCH).ok()?;
    Some(now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-06, a Friday, 00:00 UTC.
    const FRIDAY: u64 = 1_793_923_200;
    const HOUR: u64 = 3600;

    fn window(hours: &[&str], days: &[&str]) -> Window {
        let hours: Vec<Hours> = hours.iter().map(|h| Hours::parse(h).unwrap()).collect();
        let days: Vec<Day> = days.iter().map(|d| Day::parse(d).unwrap()).collect();
        Window::new(
            Some(hours.as_slice()).filter(|h| !h.is_empty()),
            Some(days.as_slice()).filter(|d| !d.is_empty()),
        )
    }

    fn change(window: &Window, at: u64) -> Option<u64> {
        window.next_change(at).map(|d| d.as_secs())
    }

    #[test]
    fn an_end_is_the_first_second_outside() {
        let day = window(&["08:00-18:00"], &[]);
        let eight = FRIDAY + 8 * HOUR;
        assert!(!day.contains(eight - 1));
        assert_eq!(change(&day, eight - 1), Some(1));
        assert!(day.contains(eight));
        assert_eq!(change(&day, eight), Some(10 * HOUR));
        assert!(day.contains(FRIDAY + 18 * HOUR - 1));
        assert!(!day.contains(FRIDAY + 18 * HOUR));
        assert_eq!(change(&day, FRIDAY + 18 * HOUR), Some(14 * HOUR));
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let night = window(&["22:00-06:00"], &["fri"]);
        assert!(!night.contains(FRIDAY + 5 * HOUR));
        assert!(night.contains(FRIDAY + 23 * HOUR));
        assert!(night.contains(FRIDAY + 29 * HOUR));
        assert!(!night.contains(FRIDAY + 30 * HOUR));
        assert_eq!(change(&night, FRIDAY + 23 * HOUR), Some(7 * HOUR));
        let sunday = window(&["22:00-06:00"], &["sun"]);
        assert!(
            sunday.contains(FRIDAY + 3 * DAY + 5 * HOUR),
            "monday morning"
        );
        assert!(!sunday.contains(FRIDAY + 3 * DAY + 6 * HOUR));
    }

    #[test]
    fn days_alone_are_whole_days() {
        let weekend = window(&[], &["sat", "sun"]);
        assert!(!weekend.contains(FRIDAY + DAY - 1));
        assert!(weekend.contains(FRIDAY + DAY));
        assert!(weekend.contains(FRIDAY + 3 * DAY - 1));
        assert!(!weekend.contains(FRIDAY + 3 * DAY));
        // Midnight between the two changes nothing.
        assert_eq!(change(&weekend, FRIDAY + DAY), Some(2 * DAY));
        assert_eq!(change(&weekend, FRIDAY + 3 * DAY), Some(5 * DAY));
    }

    #[test]
    fn hours_that_meet_or_overlap_are_one() {
        let long = window(&["08:00-12:00", "12:00-18:00", "10:00-13:00"], &[]);
        assert_eq!(change(&long, FRIDAY + 9 * HOUR), Some(9 * HOUR));
        let always = window(&["00:00-24:00"], &[]);
        assert_eq!(change(&always, FRIDAY + 7), None);
        assert!(always.contains(0) && always.contains(u64::MAX));
        assert_eq!(
            change(&window(&["06:00-18:00", "18:00-06:00"], &[]), 12),
            None
        );
    }

    #[test]
    fn the_epoch_was_a_thursday() {
        assert!(window(&[], &["thu"]).contains(0));
        assert!(window(&[], &["fri"]).contains(DAY));
        assert!(window(&[], &["fri"]).contains(FRIDAY));
    }

    #[test]
    fn what_is_no_hour_or_day_is_refused() {
        for text in [
            "",
            "22:00",
            "22:00-",
            "22-06",
            "22:00-06:00-07:00",
            "24:00-06:00",
            "25:00-26:00",
            "22:60-23:00",
            "2:00-3:00",
            "08:00-08:00",
            "+8:00-18:00",
            "08:00 - 18:00",
            "23:00-24:01",
        ] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
        for text in ["", "Mon", "monday", "1", "mo"] {
            assert!(Day::parse(text).is_err(), "{text}");
        }
        assert_eq!(Hours::parse("22:00-24:00").unwrap().length, 2 * HOUR);
        assert_eq!(Hours::parse("00:00-24:00").unwrap(), Hours::WHOLE_DAY);
    }
}
