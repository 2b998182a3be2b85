//! A date of a test file as a point of the wall clock.

use toml::value::{Date, Datetime, Offset};
use warden_core::Timestamp;

/// The point a text names, as test files write it: `2026-11-24T09:00:00Z`, with an
/// offset. `None` for anything else.
pub fn read_moment(text: &str) -> Option<Timestamp> {
    timestamp(text.parse().ok()?)
}

/// The point a date, time and offset name; `None` when one of them is missing, or
/// for a time before 1970.
pub(super) fn timestamp(moment: Datetime) -> Option<Timestamp> {
    let (date, time, offset) = (moment.date?, moment.time?, moment.offset?);
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let of_day = i64::from(time.hour) * 3600
        + i64::from(time.minute) * 60
        + i64::from(time.second.unwrap_or_default());
    let seconds = days_since_1970(date) * 86_400 + of_day - minutes * 60;
    let millis = u64::from(time.nanosecond.unwrap_or_default() / 1_000_000);
    let millis = u64::try_from(seconds)
        .ok()?
        .checked_mul(1000)?
        .checked_add(millis)?;
    Some(Timestamp::from_unix_millis(millis))
}

/// Days of the Gregorian calendar. A year begins in March here, so that the day a
/// leap year adds is its last.
fn days_since_1970(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between the first of March of the year 0 and 1970.
    year * 365 + leap_days + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        read_moment(text).map(Timestamp::as_unix_seconds)
    }

    #[test]
    fn dates_are_points_of_the_wall_clock() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-24T09:00:00Z", 1_795_510_800),
            ("2026-11-24T09:00:00+02:00", 1_795_503_600),
            ("2026-11-24 09:00:00-00:30", 1_795_512_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_date_without_time_or_offset_is_no_point() {
        for text in [
            "2026-11-24",
            "2026-11-24T09:00:00",
            "09:00:00",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
