//! Whether an account may be used: disabled, locked and expired ones may not.
//!
//! In comes an entry; out goes when the account ends, or a refusal. Only what the
//! directory shows can be read, so an attribute that is absent says nothing; one whose value
//! cannot be read refuses.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};
use warden_core::{Now, Reason, Timestamp};
use warden_settings::Section;

use super::entry::Entry;
use crate::accounts::ProvedBy;
use crate::asking::refused;

/// What an attribute says of an account.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// Bits, of which this one disables it.
    Disabled(u64),
    /// `TRUE` disables it.
    IsDisabled,
    /// Bits, of which this one tells that wrong passwords have locked it.
    Locked(u64),
    /// When wrong passwords, or for ever an administrator, have locked it.
    LockedAt,
    /// Its first moment.
    Begins,
    /// Its end, as GeneralizedTime.
    Ends,
    /// Its end, in days since 1970; -1: none.
    EndsOnDay,
    /// Its end, in tenths of microseconds since 1601; 0 and the greatest number: none.
    EndsAtTick,
}

/// `ACCOUNTDISABLE` and `LOCKOUT` ([MS-ADTS] §2.2.16, §3.1.1.4.5.17).
const ACCOUNT_DISABLE: u64 = 0x2;
const LOCKOUT: u64 = 0x10;

/// All attributes that are looked at.
const SIGNS: [(&str, Sign); 10] = [
    // Active Directory and Samba.
    ("userAccountControl", Sign::Disabled(ACCOUNT_DISABLE)),
    ("msDS-User-Account-Control-Computed", Sign::Locked(LOCKOUT)),
    ("accountExpires", Sign::EndsAtTick),
    // OpenLDAP's password policies (draft-behera-ldap-password-policy).
    ("pwdAccountLockedTime", Sign::LockedAt),
    ("pwdStartTime", Sign::Begins),
    ("pwdEndTime", Sign::Ends),
    // 389 Directory Server and FreeIPA.
    ("nsAccountLock", Sign::IsDisabled),
    ("krbPrincipalExpiration", Sign::Ends),
    // eDirectory.
    ("loginDisabled", Sign::IsDisabled),
    // RFC 2307.
    ("shadowExpire", Sign::EndsOnDay),
];

/// How `pwdAccountLockedTime` begins when an administrator has locked the account.
const FOR_EVER: &str = "000001010000";

/// From 1601 to 1970, in seconds.
const EPOCH_OF_TICKS: u64 = 11_644_473_600;
const TICKS_IN_A_MILLISECOND: u64 = 10_000;
const SECONDS_IN_A_DAY: u64 = 86_400;

/// Whether accounts are looked at in this way at all.
#[derive(Debug)]
pub(super) struct Standing {
    is_checked: bool,
    /// The operator says so, whatever it costs.
    is_demanded: bool,
}

impl Standing {
    /// Takes `check_account` out of a file.
    pub(super) fn read(file: &mut Section) -> Self {
        let wanted = file.optional("check_account", "true or false");
        Self {
            is_checked: wanted.unwrap_or(true),
            is_demanded: wanted == Some(true),
        }
    }

    /// Whether an entry is read for this alone; `is_found`: by a search for the account,
    /// so that one can be made.
    pub(super) fn is_wanted(&self, is_found: bool) -> bool {
        self.is_demanded || (self.is_checked && is_found)
    }

    /// The attributes to ask for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let signs = SIGNS.iter().filter(|_| self.is_checked);
        signs.map(|(name, _)| *name)
    }

    /// When the account ends; `None` when nothing says so.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when it may not be used, or a value cannot be read: the
    /// client learns no more than for a wrong password.
    pub(super) fn check(
        &self,
        account: &Entry,
        proved: ProvedBy,
        now: Now,
    ) -> Result<Option<Timestamp>, Reason> {
        let mut end: Option<Timestamp> = None;
        for (name, sign) in SIGNS.iter().filter(|_| self.is_checked) {
            let value = match account.values(name) {
                [] => continue,
                [one] => std::str::from_utf8(one).ok(),
                _ => None,
            };
            let ends = value
                .and_then(|value| sign.read(value, proved, now.wall))
                .unwrap_or(Err("cannot be read"));
            let ends = ends.map_err(|why| refused(&format!("the account's {name} {why}")))?;
            end = match (end, ends) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        match end {
            Some(end) if end <= now.wall => Err(refused("the account has expired")),
            end => Ok(end),
        }
    }
}

type Said = Result<Option<Timestamp>, &'static str>;

impl Sign {
    /// When the account ends by this, or why it may not be used; `None` for a value that
    /// cannot be read.
    fn read(self, value: &str, proved: ProvedBy, wall: Timestamp) -> Option<Said> {
        let is_locked = |yes: bool| match proved {
            ProvedBy::Another if yes => Err("says that it is locked"),
            _ => Ok(None),
        };
        Some(match self {
            Self::Disabled(bit) if bits(value)? & bit != 0 => Err("says that it is disabled"),
            Self::Disabled(_) => Ok(None),
            Self::IsDisabled if value.eq_ignore_ascii_case("true") => {
                Err("says that it is disabled")
            }
            Self::IsDisabled => {
                return value.eq_ignore_ascii_case("false").then_some(Ok(None));
            }
            Self::Locked(bit) => is_locked(bits(value)? & bit != 0),
            Self::LockedAt if value.starts_with(FOR_EVER) => Err("says that it is locked for good"),
            Self::LockedAt => is_locked(true),
            Self::Begins if generalized_time(value)? > wall => Err("says that it begins later"),
            Self::Begins => Ok(None),
            Self::Ends => Ok(Some(generalized_time(value)?)),
            Self::EndsOnDay if value == "-1" => Ok(None),
            Self::EndsOnDay => {
                let seconds = number(value)?.checked_mul(SECONDS_IN_A_DAY)?;
                Ok(Some(Timestamp::from_unix_seconds(seconds)))
            }
            Self::EndsAtTick => Ok(match number(value)? {
                0 | 0x7FFF_FFFF_FFFF_FFFF => None,
                ticks => {
                    let millis = ticks / TICKS_IN_A_MILLISECOND;
                    let millis = millis.saturating_sub(EPOCH_OF_TICKS * 1000);
                    Some(Timestamp::from_unix_millis(millis))
                }
            }),
        })
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// The bits of an integer; one of 32 bits is negative when its highest bit is set.
fn bits(text: &str) -> Option<u64> {
    text.parse::<i64>().ok().map(i64::cast_unsigned)
}

/// A GeneralizedTime (RFC 4517 §3.3.13): minutes and seconds may be missing, a
/// fraction of a second is without meaning here. What lies before 1970 reads as 1970.
fn generalized_time(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = text.split_at_checked(digits)?;
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
    let fraction = rest.strip_suffix(zone)?;
    let fraction_is_good = fraction.is_empty()
        || (date.len() == 14
            && fraction.len() > 1
            && fraction.bytes().skip(1).all(|b| b.is_ascii_digit()));
    if !fraction_is_good || !matches!(date.len(), 10 | 12 | 14) {
        return None;
    }
    let part = |range| -> Option<u8> {
        date.get(range)
            .map_or(Some(0), |part: &str| part.parse().ok())
    };
    let month = Month::try_from(part(4..6)?).ok()?;
    let day = Date::from_calendar_date(date.get(..4)?.parse().ok()?, month, part(6..8)?).ok()?;
    // A leap second is its minute's last.
    let time = Time::from_hms(part(8..10)?, part(10..12)?, part(12..14)?.min(59)).ok()?;
    let at = PrimitiveDateTime::new(day, time).assume_offset(offset(zone)?);
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    Some(Timestamp::from_unix_seconds(seconds))
}

/// `Z`, `+HH` or `-HHMM`.
fn offset(zone: &str) -> Option<UtcOffset> {
    if zone == "Z" {
        return Some(UtcOffset::UTC);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let are_good = matches!(digits.len(), 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
    let hours: i8 = digits.get(..2)?.parse().ok()?;
    let minutes: i8 = digits
        .get(2..)
        .filter(|rest| !rest.is_empty())
        .unwrap_or("0")
        .parse()
        .ok()?;
    match sign {
        "+" if are_good => UtcOffset::from_hms(hours, minutes, 0).ok(),
        "-" if are_good => UtcOffset::from_hms(-hours, -minutes, 0).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::entry;
    use super::*;
    use crate::testing::{NOW, at};

    fn standing(text: &str) -> Standing {
        let mut file = Section::parse(text.as_bytes()).unwrap();
        let standing = Standing::read(&mut file);
        assert_eq!(file.finish(), []);
        standing
    }

    fn check(name: &str, values: &[&str], proved: ProvedBy) -> Result<Option<Timestamp>, Reason> {
        let standing = standing("");
        standing.check(&entry("cn=a", &[(name, values)]), proved, at(NOW))
    }

    #[test]
    fn accounts_that_may_not_be_used_are_refused_like_a_wrong_password() {
        for (name, value) in [
            ("userAccountControl", "514"),
            ("USERACCOUNTCONTROL", "66050"),
            ("userAccountControl", "-2147483646"),
            ("accountExpires", "132539328000000000"),
            ("accountExpires", "1"),
            ("pwdAccountLockedTime", "000001010000Z"),
            ("pwdStartTime", "20990101000000Z"),
            ("pwdEndTime", "20200101000000Z"),
            ("krbPrincipalExpiration", "19691231235959Z"),
            ("nsAccountLock", "TRUE"),
            ("nsaccountlock", "true"),
            ("loginDisabled", "TRUE"),
            ("shadowExpire", "0"),
            ("shadowExpire", "20833"),
        ] {
            for proved in [ProvedBy::Password, ProvedBy::Another] {
                let reason = check(name, &[value], proved).unwrap_err();
                assert_eq!(reason.kind(), warden_core::ReasonKind::Credential, "{name}");
            }
        }
    }

    #[test]
    fn accounts_in_good_standing_pass() {
        for (name, value) in [
            ("userAccountControl", "512"),
            ("userAccountControl", "66048"),
            ("msDS-User-Account-Control-Computed", "0"),
            // PASSWORD_EXPIRED: whoever proved the account did not use the password.
            ("msDS-User-Account-Control-Computed", "8388608"),
            ("accountExpires", "0"),
            ("accountExpires", "9223372036854775807"),
            ("pwdStartTime", "20200101000000Z"),
            ("nsAccountLock", "FALSE"),
            ("shadowExpire", "-1"),
            ("mail", "x"),
        ] {
            for proved in [ProvedBy::Password, ProvedBy::Another] {
                assert_eq!(
                    check(name, &[value], proved).unwrap(),
                    None,
                    "{name}: {value}"
                );
            }
        }
    }

    #[test]
    fn a_lock_by_wrong_passwords_counts_where_no_password_was_taken() {
        for (name, value) in [
            ("msDS-User-Account-Control-Computed", "16"),
            ("pwdAccountLockedTime", "20261101120000Z"),
        ] {
            assert!(check(name, &[value], ProvedBy::Another).is_err(), "{name}");
            assert!(check(name, &[value], ProvedBy::Password).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_refuses() {
        for (name, values) in [
            ("userAccountControl", &["x"][..]),
            ("userAccountControl", &[""]),
            ("userAccountControl", &["512", "512"]),
            ("userAccountControl", &["0x200"]),
            ("accountExpires", &["never"]),
            ("accountExpires", &["-1"]),
            ("pwdEndTime", &["2099"]),
            ("nsAccountLock", &["yes"]),
            ("shadowExpire", &["-2"]),
            ("shadowExpire", &["99999999999999999999"]),
        ] {
            assert!(
                check(name, values, ProvedBy::Password).is_err(),
                "{name} {values:?}"
            );
        }
    }

    #[test]
    fn the_earliest_end_is_the_accounts() {
        let account = entry(
            "cn=a",
            &[
                ("pwdEndTime", &["20300101000000Z"]),
                ("shadowExpire", &["20834"]),
                ("accountExpires", &["9223372036854775807"]),
            ],
        );
        let standing = standing("");
        let end = standing
            .check(&account, ProvedBy::Password, at(NOW))
            .unwrap();
        assert_eq!(end, Some(Timestamp::from_unix_seconds(20_834 * 86_400)));
        let ticks = (NOW + 60 + EPOCH_OF_TICKS) * 10_000_000;
        let end = check("accountExpires", &[&ticks.to_string()], ProvedBy::Password);
        assert_eq!(end.unwrap(), Some(Timestamp::from_unix_seconds(NOW + 60)));
        let ticks = (NOW + EPOCH_OF_TICKS) * 10_000_000;
        assert!(check("accountExpires", &[&ticks.to_string()], ProvedBy::Password).is_err());
    }

    #[test]
    fn what_is_switched_off_is_neither_asked_for_nor_looked_at() {
        let standing = standing("check_account = false");
        assert_eq!(standing.names().count(), 0);
        let account = entry("cn=a", &[("userAccountControl", &["514"])]);
        let end = standing.check(&account, ProvedBy::Another, at(NOW));
        assert_eq!(end.unwrap(), None);
    }

    #[test]
    fn an_entry_is_read_for_this_alone_where_accounts_are_searched_for_or_it_is_demanded() {
        for (text, [found, made]) in [
            ("", [true, false]),
            ("check_account = true", [true, true]),
            ("check_account = false", [false, false]),
        ] {
            let standing = standing(text);
            assert_eq!(standing.is_wanted(true), found, "{text}");
            assert_eq!(standing.is_wanted(false), made, "{text}");
        }
    }

    #[test]
    fn times_are_read_in_every_form_of_the_standard() {
        for (text, seconds) in [
            ("19700101000000Z", Some(0)),
            ("20270115080000Z", Some(NOW)),
            ("202701150800Z", Some(NOW)),
            ("2027011508Z", Some(NOW)),
            ("20270115080000.75Z", Some(NOW)),
            ("20270115080000,7Z", Some(NOW)),
            ("20270115093000+0130", Some(NOW)),
            ("20270115030000-05", Some(NOW)),
            ("19600101000000Z", Some(0)),
            ("20261231235960Z", Some(1_798_761_599)),
            ("20270115080000", None),
            ("20270115Z", None),
            ("202701150800000Z", None),
            ("20270115080000.Z", None),
            ("2027011508.5Z", None),
            ("20271315080000Z", None),
            ("20270230080000Z", None),
            ("20270115240000Z", None),
            ("20270115080000+5", None),
            ("20270115080000+-100", None),
            ("20270115080000z", None),
            ("é", None),
            ("", None),
        ] {
            let read = generalized_time(text);
            assert_eq!(read, seconds.map(Timestamp::from_unix_seconds), "{text}");
        }
    }
}
