//! How far a clock is off that an answer tells of.
//!
//! In: the `Date` of an answer (RFC 9110 §6.6.1), and when it was asked for and had. Out:
//! the least by which the two clocks differ: `Date` is in whole seconds, and the answer was
//! made somewhere between.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use warden_core::Timestamp;

use crate::endpoint::Response;

/// What is left out of a `Date`.
const SECOND: Duration = Duration::from_secs(1);

/// Another clock beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// It is ahead of ours, by so much at least.
    Ahead(Duration),
    /// It is behind ours, by so much at least.
    Behind(Duration),
}

impl Offset {
    /// What an answer tells; `None` when it tells no time. An answer out of a cache was made
    /// its `Age` ago (RFC 9111 §5.1).
    pub(super) fn of(response: &Response, asked: Timestamp, had: Timestamp) -> Option<Self> {
        let date = OffsetDateTime::parse(response.header("date")?, &Rfc2822).ok()?;
        let made = Timestamp::from_unix_seconds(u64::try_from(date.unix_timestamp()).ok()?);
        let age = response.header("age").and_then(|age| age.parse().ok());
        let theirs = made.plus(Duration::from_secs(age.unwrap_or_default()));
        let ahead = theirs.since(had);
        Some(if ahead > Duration::ZERO {
            Self::Ahead(ahead)
        } else {
            Self::Behind(asked.since(theirs.plus(SECOND)))
        })
    }

    /// By how much, whichever way.
    pub fn size(self) -> Duration {
        match self {
            Self::Ahead(size) | Self::Behind(size) => size,
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AT_MS: u64 = 784_111_777_000;

    fn offset(headers: &[(&'static str, &str)], asked_ms: u64, had_ms: u64) -> Option<Offset> {
        let pairs = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let response = Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter(pairs),
            body: Vec::new(),
        };
        let at = Timestamp::from_unix_millis;
        Offset::of(&response, at(asked_ms), at(had_ms))
    }

    #[test]
    fn a_clock_is_off_by_no_more_than_is_certain() {
        let date = [("date", DATE)];
        let none = Some(Offset::Behind(Duration::ZERO));
        let millis = Duration::from_millis;
        assert_eq!(offset(&date, AT_MS, AT_MS), none);
        assert_eq!(offset(&date, AT_MS + 1000, AT_MS + 1200), none, "rounded");
        assert_eq!(offset(&date, AT_MS - 9000, AT_MS + 9000), none, "slow");
        let ahead = Some(Offset::Ahead(millis(500)));
        assert_eq!(offset(&date, AT_MS - 700, AT_MS - 500), ahead);
        let behind = Some(Offset::Behind(millis(500)));
        assert_eq!(offset(&date, AT_MS + 1500, AT_MS + 1700), behind);
    }

    #[test]
    fn an_answer_out_of_a_cache_is_older_by_its_age() {
        let cached = [("date", DATE), ("age", "60")];
        let at = AT_MS + 60_000;
        assert_eq!(
            offset(&cached, at, at),
            Some(Offset::Behind(Duration::ZERO))
        );
    }

    #[test]
    fn what_is_no_date_tells_nothing() {
        for text in ["", "now", "0", "Sun, 06 Nov 1894 08:49:37 GMT"] {
            assert_eq!(offset(&[("date", text)], AT_MS, AT_MS), None, "{text}");
        }
        assert_eq!(offset(&[], AT_MS, AT_MS), None);
        let odd = [("date", DATE), ("age", "-1")];
        assert!(offset(&odd, AT_MS, AT_MS).is_some());
    }
}
