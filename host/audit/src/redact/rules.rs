//! Rules of ACL SETUSER: which of them cannot hold a password.
//!
//! In: arguments. Out: which may be seen. A rule is shown when all of it, within parentheses
//! and between spaces too, is one that carries no secret; any other is hidden.

use super::hidden::Hidden;

/// What a password or its digest begins with, and what says that somebody meant one.
const MARKS: &[u8] = b"><#!\"'`";

/// Rules that are one word.
const WORDS: [&str; 19] = [
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    "skip-sanitize-payload",
    "sanitize-payload",
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "alldbs",
    "resetdbs",
    "clearselectors",
    "~*",
    "&*",
    "%~*",
];

/// Names of users: none of them begins as a password does.
pub(super) fn names(argv: &[&[u8]], first: usize, hidden: &mut Hidden) {
    for (place, name) in argv.iter().enumerate().skip(first) {
        if name.iter().any(|byte| MARKS.contains(byte)) {
            hidden.hide(place);
        }
    }
}

/// The user's name and the rules behind it.
pub(super) fn rules(argv: &[&[u8]], hidden: &mut Hidden) {
    names(argv.get(..argv.len().min(3)).unwrap_or_default(), 2, hidden);
    for (place, rule) in argv.iter().enumerate().skip(2) {
        if place > 2 && !is_harmless(rule) {
            hidden.hide(place);
        }
        if breaks_off(rule) {
            return hidden.hide_from(place);
        }
    }
}

/// Whether a password goes on in the next argument: a mark without anything behind it, or a
/// quote, which is no quote any more when it arrives here.
fn breaks_off(rule: &[u8]) -> bool {
    let rule = rule.trim_ascii();
    let is_bare = matches!(rule, [one] if MARKS.contains(one));
    is_bare || rule.iter().any(|byte| b"\"'`".contains(byte))
}

fn is_harmless(rule: &[u8]) -> bool {
    let mut rule = rule.trim_ascii();
    while let [b'(', inner @ ..] = rule {
        rule = inner.trim_ascii();
    }
    while let [inner @ .., b')'] = rule {
        rule = inner.trim_ascii();
    }
    rule.split(u8::is_ascii_whitespace).all(is_harmless_word)
}

fn is_harmless_word(word: &[u8]) -> bool {
    let is_of_command = |byte: &u8| byte.is_ascii_alphanumeric() || b"@|._-".contains(byte);
    let is_one = |known: &&str| word.eq_ignore_ascii_case(known.as_bytes());
    match word {
        [] => true,
        [b'+' | b'-', name @ ..] => !name.is_empty() && name.iter().all(is_of_command),
        [b'~' | b'&', pattern @ ..] => is_harmless_pattern(pattern),
        [b'%', rest @ ..] => {
            let end = rest.iter().take(3).position(|byte| *byte == b'~');
            end.and_then(|end| rest.get(end..))
                .is_some_and(is_harmless_pattern)
        }
        [b'd' | b'D', b'b' | b'B', b'=', ids @ ..] => ids
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b','),
        _ => WORDS.iter().any(is_one),
    }
}

/// A pattern with a mark in it may be two rules with the space between them forgotten.
fn is_harmless_pattern(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| MARKS.contains(byte))
}
