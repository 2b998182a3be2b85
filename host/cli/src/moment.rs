//! Points of the wall clock, as people write and read them.

use warden_core::Timestamp;
use warden_policy::read_moment;

/// From unix seconds, or from a date, time and offset: `2026-11-24T09:00:00Z`.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse().ok().map(Timestamp::from_unix_seconds);
    seconds.or_else(|| read_moment(text)).ok_or_else(|| {
        "write seconds since 1970, or date, time and offset: 2026-11-24T09:00:00Z".to_owned()
    })
}

/// `2026-11-24T09:00:00Z`.
pub(crate) fn shown(at: Timestamp) -> String {
    let seconds = at.as_unix_seconds();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of the Gregorian calendar so many days after 1970-01-01. A year begins
/// in March here, so that the day a leap year adds is its last.
fn date(days: u64) -> (u64, u64, u64) {
    // 719,468 days lie between the first of March of the year 0 and 1970.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day = of_era - (365 * of_year + of_year / 4 - of_year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + of_year + next, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for seconds in (0..6_000_000_000).step_by(86_399 * 13) {
            let at = Timestamp::from_unix_seconds(seconds);
            assert_eq!(read(&shown(at)), Ok(at));
        }
        assert_eq!(
            shown(Timestamp::from_unix_seconds(951_825_600)),
            "2000-02-29T12:00:00Z"
        );
        assert_eq!(read("951825600"), read("2000-02-29T13:00:00+01:00"));
        for text in ["", "yesterday", "-1", "2026-11-24", "2026-11-24T09:00:00"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
