//! `WARDEN.POLICIES PREVIEW name [COUNT n]`: what a candidate under `preview_dir` would
//! mean for who is connected.
//!
//! The reply comes when all live classes have been looked at. Fields about what was not
//! reached, because the candidate cannot be loaded, are empty.

use std::sync::Arc;

use warden_core::Reason;
use warden_policy::{Bundle, Digest};

use super::{map, number, optional, texts};
use crate::ffi::{Answer, Reply};
use crate::previews::{self, Account, Candidate, Previews, Told, Wish};
use crate::shared::Shared;

/// Changes told without COUNT, and at most: bounds one reply.
const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: usize = 1000;

const SYNTAX: &str = "ERR syntax error: WARDEN.POLICIES [PREVIEW name [COUNT n]]";

/// Hands the question to the thread of previews.
///
/// # Errors
/// Where previews are off, for a name that is none, and while another is under way.
pub(super) fn begin(shared: Arc<Shared>, arguments: &[&[u8]]) -> Result<Answer, String> {
    let (name, count) = parse(arguments)?;
    if shared.settings.load().preview_dir.is_none() {
        return Err(previews::is_off());
    }
    let turn = Previews::begin(&shared)
        .ok_or("TRYAGAIN another preview is under way: one is made at a time")?;
    Ok(Answer::Later(Box::new(move |_lock, waiting| {
        shared.previews.send(Wish {
            name,
            count,
            waiting,
            turn,
        });
    })))
}

fn parse(arguments: &[&[u8]]) -> Result<(String, usize), String> {
    let (word, name, count) = match arguments {
        [word, name] => (word, name, DEFAULT_COUNT),
        [word, name, more, count] if more.eq_ignore_ascii_case(b"count") => {
            let count = std::str::from_utf8(count).ok().and_then(|n| n.parse().ok());
            let count = count.filter(|count| (1..=MAX_COUNT).contains(count));
            let wrong = || format!("ERR COUNT takes a whole number from 1 to {MAX_COUNT}");
            (word, name, count.ok_or_else(wrong)?)
        }
        _ => return Err(SYNTAX.to_owned()),
    };
    if !word.eq_ignore_ascii_case(b"preview") {
        return Err(SYNTAX.to_owned());
    }
    let name = std::str::from_utf8(name).ok();
    let name = name.filter(|name| warden_policy::is_bundle_name(name));
    Ok((name.ok_or_else(previews::misnamed)?.to_owned(), count))
}

/// The reply.
pub(crate) fn reply(candidate: &Candidate, account: &Account) -> Reply {
    let generation = candidate.generation.as_ref();
    let signed = generation.and_then(|generation| generation.signed());
    let warnings = generation.map(|generation| generation.warnings());
    let bundles = generation.map_or(&[][..], |generation| generation.bundles());
    let tests =
        |bundle: &Bundle| generation.map_or(0, |generation| generation.tests_of(bundle.name()));
    let policies = bundles.iter();
    let policies = policies.map(|bundle| policy(candidate, bundle, tests(bundle)));
    let present = candidate.present.keys();
    let removed = present.filter(|name| bundles.iter().all(|bundle| bundle.name() != *name));
    let removed = removed.filter(|_| generation.is_some());
    map([
        ("name", Reply::text(&candidate.name)),
        ("loads", Reply::Bool(candidate.errors.is_empty())),
        ("errors", texts(&candidate.errors)),
        ("warnings", texts(warnings.iter().flatten())),
        ("generation", candidate.beside.map_or(Reply::Null, number)),
        (
            "revision",
            signed.map_or(Reply::Null, |signed| number(signed.manifest().revision())),
        ),
        ("policies", Reply::Array(policies.collect())),
        ("removed", texts(removed)),
        ("complete", Reply::Bool(account.complete)),
        ("classes", size(account.classes)),
        ("unchanged", size(account.unchanged)),
        ("sessions", size(account.sessions.all)),
        ("refused", size(account.sessions.refused)),
        ("losing", size(account.sessions.losing)),
        ("gaining", size(account.sessions.gaining)),
        (
            "changes",
            Reply::Array(account.changes().map(change).collect()),
        ),
        ("left_out", size(account.left_out)),
    ])
}

fn size(count: usize) -> Reply {
    number(count as u64)
}

fn policy(candidate: &Candidate, bundle: &Bundle, tests: usize) -> Reply {
    let beside = |present: &Digest| {
        if *present == bundle.digest() {
            "same"
        } else {
            "changed"
        }
    };
    let present = candidate.present.get(bundle.name());
    map([
        ("name", Reply::text(bundle.name())),
        ("version", Reply::text(bundle.version())),
        ("digest", Reply::text(bundle.digest().to_string())),
        ("tests", size(tests)),
        ("change", Reply::text(present.map_or("added", beside))),
    ])
}

fn change(told: &Told) -> Reply {
    let change = &told.change;
    map([
        ("user", Reply::text(told.user.as_str())),
        ("authenticator", Reply::text(&told.authenticator)),
        ("class", Reply::text(told.class.to_string())),
        ("sessions", size(told.sessions)),
        ("outcome", Reply::text(change.outcome.as_str())),
        (
            "reason",
            optional(change.reason.as_ref().map(Reason::detail)),
        ),
        ("loses", texts(&change.loses)),
        ("gains", texts(&change.gains)),
        ("before", Reply::text(&told.before)),
        ("after", optional(told.after.as_ref())),
    ])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_preview_takes_a_name_and_a_bound() {
        let parse = |words: &[&str]| {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            super::parse(&words)
        };
        assert_eq!(parse(&["PREVIEW", "next"]), Ok(("next".to_owned(), 100)));
        assert_eq!(
            parse(&["preview", "next", "Count", "7"]),
            Ok(("next".to_owned(), 7))
        );
        for (words, why) in [
            (&["PREVIEW"][..], "syntax"),
            (&["REVIEW", "next"], "syntax"),
            (&["PREVIEW", "next", "7"], "syntax"),
            (&["PREVIEW", "next", "LIMIT", "7"], "syntax"),
            (&["PREVIEW", "next", "COUNT", "0"], "from 1 to 1000"),
            (&["PREVIEW", "next", "COUNT", "1001"], "from 1 to 1000"),
            (&["PREVIEW", "../next"], "is named by"),
            (&["PREVIEW", ""], "is named by"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(error.contains(why), "{words:?}: {error}");
        }
    }
}
