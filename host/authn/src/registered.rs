//! What a verified token's registered claims (RFC 7519 §4.1) say.
//!
//! In come the claims of a token whose signature is good; out go its dates, or a
//! refusal that the token's owner may read. A claim of the wrong type is refused,
//! never read as absent.

use std::time::Duration;

use serde_json::{Map, Value};
use warden_core::{Reason, ReasonKind, Timestamp};
use warden_settings::Section;

/// Last second of the year 9999. A later date is a mistake: a token whose dates
/// are in milliseconds would otherwise live for fifty thousand years.
const LAST_SECOND: u64 = 253_402_300_799;

/// The three dates of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dates {
    /// `exp`, a fraction rounded down.
    pub(crate) expires: Option<Timestamp>,
    /// `nbf`, a fraction rounded up.
    not_before: Option<Timestamp>,
    /// `iat`, a fraction rounded up.
    issued_at: Option<Timestamp>,
}

impl Dates {
    /// Reads the dates: numbers of seconds, whole or fractional, from 1970 to the
    /// end of 9999.
    ///
    /// # Errors
    /// `ReasonKind::Claims` for any other type or value.
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, Reason> {
        Ok(Self {
            expires: date(claims, "exp", f64::floor)?,
            not_before: date(claims, "nbf", f64::ceil)?,
            issued_at: date(claims, "iat", f64::ceil)?,
        })
    }

    /// Compares the dates with the wall clock; a date that is absent is not
    /// compared.
    ///
    /// # Errors
    /// `ReasonKind::Expired` from `exp` plus leeway on; `ReasonKind::NotYetValid`
    /// while `nbf` or `iat` minus leeway lies ahead.
    pub(crate) fn check(&self, leeway: Duration, wall: Timestamp) -> Result<(), Reason> {
        if let Some(end) = self.expires.map(|expires| expires.plus(leeway))
            && wall >= end
        {
            let ago = wall.since(end).as_secs();
            return Err(Reason::new(
                ReasonKind::Expired,
                format!("the token expired {ago} s ago"),
            ));
        }
        for (name, date) in [("nbf", self.not_before), ("iat", self.issued_at)] {
            if let Some(date) = date
                && wall.plus(leeway) < date
            {
                let ahead = date.since(wall).as_secs();
                let detail = format!("the token's {name} is {ahead} s ahead of this clock");
                return Err(Reason::new(ReasonKind::NotYetValid, detail));
            }
        }
        Ok(())
    }
}

/// Takes `leeway_seconds` out of a file: how far clocks may disagree. More would let
/// tokens live on that have expired.
pub(crate) fn leeway(file: &mut Section) -> Duration {
    Duration::from_secs(file.whole("leeway_seconds", 30, 0..=300))
}

/// Checks `aud`: a string, or a list of strings, of which one is ours.
///
/// # Errors
/// `ReasonKind::Claims` when it is missing, empty or of another type;
/// `ReasonKind::WrongAudience` when none is ours.
pub(crate) fn check_audience(
    claims: &Map<String, Value>,
    accepted: &[String],
) -> Result<(), Reason> {
    let refused = || {
        Reason::new(
            ReasonKind::Claims,
            "aud is not a string or a list of strings",
        )
    };
    let audiences: Vec<&str> = match claims.get("aud") {
        None => return Err(Reason::new(ReasonKind::Claims, "the token has no aud")),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) if !list.is_empty() => list
            .iter()
            .map(|item| item.as_str().ok_or_else(refused))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(refused()),
    };
    if audiences
        .iter()
        .any(|aud| accepted.iter().any(|ours| ours == aud))
    {
        return Ok(());
    }
    Err(Reason::new(
        ReasonKind::WrongAudience,
        "the token is for another audience",
    ))
}

fn date(
    claims: &Map<String, Value>,
    name: &str,
    round: fn(f64) -> f64,
) -> Result<Option<Timestamp>, Reason> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    millis(value, round)
        .map(|millis| Some(Timestamp::from_unix_millis(millis)))
        .ok_or_else(|| {
            Reason::new(
                ReasonKind::Claims,
                format!("{name} is not a date between 1970 and 9999"),
            )
        })
}

/// A number of seconds from 0 to the end of 9999, a fraction rounded down.
pub(crate) fn timestamp(value: &Value) -> Option<Timestamp> {
    millis(value, f64::floor).map(Timestamp::from_unix_millis)
}

fn millis(value: &Value, round: fn(f64) -> f64) -> Option<u64> {
    let number = value.as_number()?;
    if let Some(seconds) = number.as_u64() {
        return (seconds <= LAST_SECOND).then(|| seconds.saturating_mul(1000));
    }
    let seconds = number.as_f64()?;
    let in_range =
        seconds.is_finite() && !seconds.is_sign_negative() && seconds < 253_402_300_800.0;
    // In range the product is below 2^48: every millisecond is exact.
    in_range.then(|| round(seconds * 1000.0) as u64)
}
