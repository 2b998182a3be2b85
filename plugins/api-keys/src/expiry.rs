//! When a key ends.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};
use toml::value::{Datetime, Offset};

use crate::error::Fault;

/// A date of the file as seconds since 1970-01-01T00:00:00Z, parts of a second left out.
///
/// # Errors
/// For a date without a time or a time without its offset: when would that be? And for
/// one before 1970.
pub(crate) fn unix_seconds(expires: &Datetime) -> Result<u64, Fault> {
    let refused = || Fault::Expires {
        text: expires.to_string(),
    };
    let minutes = match expires.offset {
        Some(Offset::Z) => 0,
        Some(Offset::Custom { minutes }) => minutes,
        None => return Err(refused()),
    };
    let seconds = local(expires)
        .and_then(|local| local.checked_sub(Duration::minutes(minutes.into())))
        .map(|utc| utc.assume_utc().unix_timestamp());
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(refused)
}

fn local(expires: &Datetime) -> Option<PrimitiveDateTime> {
    let (date, time) = (expires.date?, expires.time?);
    let month = Month::try_from(date.month).ok()?;
    let date = Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let time = Time::from_hms(time.hour, time.minute, time.second.unwrap_or(0)).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        unix_seconds(&text.parse().ok()?).ok()
    }

    #[test]
    fn a_date_with_time_and_offset_is_one_moment() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2027-06-30T00:00:00Z"), Some(1_814_313_600));
        assert_eq!(
            seconds("2027-06-30 02:00:00.999+02:00"),
            Some(1_814_313_600)
        );
        assert_eq!(seconds("2027-06-29T19:30:00-04:30"), Some(1_814_313_600));
        assert_eq!(seconds("2028-02-29T12:00:00Z"), Some(1_835_438_400));
        assert_eq!(seconds("9999-12-31T23:59:59Z"), Some(253_402_300_799));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "2027-06-30",
            "2027-06-30T00:00:00",
            "12:00:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "2027-02-30T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
