//! What a directory's answers mean for whoever wants in.
//!
//! In comes how a bind or a search ended; out goes a yes, a refusal in words for the
//! operator, or that nothing was decided. Only result code 0 is a yes.

use warden_core::{Reason, ReasonKind};
use warden_settings::quoted;

use super::connection::{Ended, Found};
use super::settings::Lookup;
use crate::asking::{refused, unavailable};

/// Result codes of a bind that are about who binds: `constraintViolation` and
/// `unwillingToPerform` for locked accounts, `noSuchObject`, `invalidDNSyntax`,
/// `inappropriateAuthentication` for entries without a password, `invalidCredentials`,
/// `insufficientAccessRights`.
const ABOUT_THE_USER: [u32; 7] = [19, 32, 34, 48, 49, 50, 53];

/// Ended because there was more than was asked for.
const SIZE_LIMIT: u32 = 4;

/// What the end of a user's bind means.
///
/// # Errors
/// The refusal, in the same kind whatever the directory says about the user; of the kind
/// `Unavailable` when it says nothing about him, as with a referral.
pub(super) fn of_bind(ended: &Ended) -> Result<(), Reason> {
    if ended.code == 0 {
        return Ok(());
    }
    if !ABOUT_THE_USER.contains(&ended.code) {
        return Err(unavailable(format!("the bind ended with {ended}")));
    }
    let why = match ended.detail.and_then(active_directory) {
        Some(why) => format!("the directory refuses the bind: {ended}, {why}"),
        None => format!("the directory refuses the bind: {ended}"),
    };
    Err(refused(&why))
}

/// Active Directory's own codes.
fn active_directory(detail: u32) -> Option<&'static str> {
    Some(match detail {
        0x525 => "there is no such user",
        0x52e => "the password is wrong",
        0x52f => "the account is restricted",
        0x530 => "the account may not log in at this time",
        0x531 => "the account may not log in from this machine",
        0x532 => "the password has expired",
        0x533 => "the account is disabled",
        0x568 => "the account has too many groups",
        0x701 => "the account has expired",
        0x773 => "the password must be changed first",
        0x775 => "the account is locked",
        _ => return None,
    })
}

/// The name to bind with, and whether the entry spells the given name as it was given.
type TheOne = (String, Result<(), Reason>);

/// The one entry that a search found, or why there is none to bind as.
///
/// # Errors
/// `ReasonKind::Unavailable` when the directory did not say who has the name.
pub(super) fn the_one(
    found: &Found,
    lookup: &Lookup,
    name: &str,
) -> Result<Result<TheOne, Reason>, Reason> {
    let ended = &found.ended;
    let is_whole = ended.code == 0;
    if !is_whole && ended.code != SIZE_LIMIT {
        return Err(unavailable(format!("the search ended with {ended}")));
    }
    let entry = match (found.entries.as_slice(), is_whole) {
        ([entry], true) => entry,
        ([], true) => return Ok(Err(refused("no entry has the name"))),
        _ => return Ok(Err(refused("several entries have the name"))),
    };
    let mut names = entry.values(&lookup.dn_attribute);
    let target = match (names.next(), names.next()) {
        (Some(name), None) => std::str::from_utf8(name).ok(),
        _ => None,
    };
    let Some(target) = target.filter(|target| !target.trim().is_empty()) else {
        let why = format!(
            "the entry has not one value of {}",
            quoted(&lookup.dn_attribute)
        );
        return Ok(Err(refused(&why)));
    };
    // The directory may call the attribute by another of its names.
    let is_dn = |description: &str| description.eq_ignore_ascii_case(&lookup.dn_attribute);
    let is_same = lookup.attribute.eq_ignore_ascii_case(&lookup.dn_attribute);
    let is_spelt_so = entry
        .attributes
        .iter()
        .filter(|(description, _)| is_same || !is_dn(description))
        .any(|(_, values)| values.iter().any(|value| value == name.as_bytes()));
    let spelling = if is_spelt_so {
        Ok(())
    } else {
        Err(Reason::new(
            ReasonKind::Credential,
            "the entry does not spell the name as it was given",
        ))
    };
    Ok(Ok((target.to_owned(), spelling)))
}

#[cfg(test)]
mod tests {
    use ldap3::Scope;

    use super::super::filter::Filter;
    use super::super::message::Entry;
    use super::*;

    fn ended(code: u32, detail: Option<u32>) -> Ended {
        Ended { code, detail }
    }

    #[test]
    fn only_result_code_0_is_a_yes() {
        for code in 0..200 {
            assert_eq!(of_bind(&ended(code, None)).is_ok(), code == 0, "{code}");
        }
    }

    #[test]
    fn what_is_not_about_the_user_is_undecided() {
        for code in [1, 2, 3, 7, 8, 10, 11, 13, 14, 51, 52, 80, 118, 4096] {
            let reason = of_bind(&ended(code, None)).unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Unavailable, "{code}");
        }
    }

    #[test]
    fn whatever_is_wrong_with_a_user_a_client_reads_the_same() {
        let wrong = of_bind(&ended(49, None)).unwrap_err();
        for (code, detail) in [
            (49, Some(0x525)),
            (49, Some(0x532)),
            (49, Some(0x775)),
            (32, None),
            (53, None),
        ] {
            let reason = of_bind(&ended(code, detail)).unwrap_err();
            assert_eq!(reason.reply(), wrong.reply());
        }
        let locked = of_bind(&ended(49, Some(0x775))).unwrap_err();
        assert!(locked.detail().ends_with("the account is locked"));
    }

    fn lookup() -> Lookup {
        Lookup {
            base: String::new(),
            scope: Scope::Subtree,
            filter: Filter::present("objectClass"),
            attribute: "uid".to_owned(),
            dn_attribute: "entryDN".to_owned(),
        }
    }

    fn entry(attributes: &[(&str, &[&str])]) -> Entry {
        let values = |values: &[&str]| values.iter().map(|v| v.as_bytes().to_vec()).collect();
        Entry {
            dn: "uid=alice".to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, list)| ((*name).to_owned(), values(list)))
                .collect(),
        }
    }

    fn found(code: u32, entries: Vec<Entry>) -> Found {
        Found {
            ended: ended(code, None),
            entries,
            has_references: false,
        }
    }

    #[test]
    fn one_entry_is_the_one_and_says_how_the_name_is_spelt() {
        let alice = entry(&[("UID", &["alice", "asmith"]), ("entrydn", &["uid=alice"])]);
        let found = found(0, vec![alice]);
        for (name, is_spelt_so) in [("alice", true), ("asmith", true), ("ALICE", false)] {
            let (target, spelling) = the_one(&found, &lookup(), name).unwrap().unwrap();
            assert_eq!(target, "uid=alice");
            assert_eq!(spelling.is_ok(), is_spelt_so, "{name}");
        }
    }

    #[test]
    fn none_several_and_one_without_a_name_to_bind_with_are_refused_alike() {
        let alice = || entry(&[("uid", &["alice"]), ("entryDN", &["uid=alice"])]);
        let nameless =
            |names: &[&str]| found(0, vec![entry(&[("uid", &["alice"]), ("entryDN", names)])]);
        for found in [
            found(0, vec![]),
            found(0, vec![alice(), alice()]),
            found(4, vec![alice(), alice()]),
            found(4, vec![alice()]),
            found(4, vec![]),
            found(0, vec![entry(&[("uid", &["alice"])])]),
            nameless(&[]),
            nameless(&[""]),
            nameless(&[" "]),
            nameless(&["uid=alice", "uid=bob"]),
        ] {
            let reason = the_one(&found, &lookup(), "alice").unwrap().unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Credential, "{found:?}");
        }
    }

    #[test]
    fn a_search_that_ended_otherwise_decides_nothing() {
        for code in [1, 10, 32, 50, 51, 80] {
            let found = found(code, vec![]);
            assert!(the_one(&found, &lookup(), "alice").is_err(), "{code}");
        }
    }
}
