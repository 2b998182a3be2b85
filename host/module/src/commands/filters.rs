//! The filters of `WARDEN.SESSIONS` and `WARDEN.KILL`: words and values, each at most
//! once, all of which must hold.

use warden_core::{ClientId, Timestamp};
use warden_session::Selection;

use crate::ffi::{ArgumentKind, CommandArgument};

/// How COMMAND DOCS shows them.
pub(super) const ARGUMENTS: [CommandArgument; 7] = [
    CommandArgument::option(c"USER", c"user", ArgumentKind::Text),
    CommandArgument::option(c"AUTHENTICATOR", c"id", ArgumentKind::Text),
    CommandArgument::option(c"GROUP", c"group", ArgumentKind::Text),
    CommandArgument::option(c"CLASS", c"class", ArgumentKind::Text),
    CommandArgument::option(c"ADDRESS", c"address", ArgumentKind::Text),
    CommandArgument::option(c"ID", c"client-id", ArgumentKind::Integer),
    CommandArgument::option(
        c"EXPIRES-BEFORE",
        c"unix-time-seconds",
        ArgumentKind::UnixTime,
    ),
];

/// What is made of the words of a command: filters, and what only that command takes.
pub(super) struct Filters<'a> {
    /// The sessions that are meant.
    pub(super) selection: Selection,
    /// Words that are no filter, lower case, each with its value.
    pub(super) others: Vec<(String, &'a str)>,
}

/// Reads pairs of a word and a value. `others` are the words the command takes besides.
///
/// # Errors
/// Names the word that is unknown, given twice, or whose value is missing or odd.
pub(super) fn parse<'a>(arguments: &[&'a [u8]], others: &[&str]) -> Result<Filters<'a>, String> {
    let mut seen: Vec<String> = Vec::new();
    let mut filters = Filters {
        selection: Selection::default(),
        others: Vec::new(),
    };
    for pair in arguments.chunks(2) {
        let word = pair.first().map(|word| word.to_ascii_lowercase());
        let word = String::from_utf8(word.unwrap_or_default()).unwrap_or_default();
        let shown = word.to_ascii_uppercase().escape_debug().to_string();
        let known = others.contains(&word.as_str()) || NAMES.contains(&word.as_str());
        if !known {
            return Err(format!("ERR unknown filter '{shown}'"));
        }
        if seen.contains(&word) {
            return Err(format!("ERR {shown} is given twice"));
        }
        let value = pair
            .get(1)
            .and_then(|value| std::str::from_utf8(value).ok())
            .ok_or_else(|| format!("ERR {shown} has no value"))?;
        seen.push(word.clone());
        if others.contains(&word.as_str()) {
            filters.others.push((word, value));
        } else {
            put(&mut filters.selection, &word, value)
                .ok_or_else(|| format!("ERR {shown} takes a whole number"))?;
        }
    }
    Ok(filters)
}

const NAMES: [&str; 7] = [
    "user",
    "authenticator",
    "group",
    "class",
    "address",
    "id",
    "expires-before",
];

fn put(selection: &mut Selection, word: &str, value: &str) -> Option<()> {
    let text = Some(value.to_owned());
    match word {
        "user" => selection.user = text,
        "authenticator" => selection.authenticator = text,
        "group" => selection.group = text,
        "class" => selection.class = text,
        "address" => selection.address = text,
        "id" => selection.client = Some(ClientId(value.parse().ok()?)),
        _ => {
            selection.expires_before = Some(Timestamp::from_unix_seconds(value.parse().ok()?));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_pairs_each_at_most_once() {
        let filters = parse(
            &[b"User", b"corp/alice", b"count", b"7", b"ID", b"12"],
            &["count"],
        );
        let filters = filters.ok().unwrap();
        assert_eq!(filters.selection.user.as_deref(), Some("corp/alice"));
        assert_eq!(filters.selection.client, Some(ClientId(12)));
        assert_eq!(filters.others, [("count".to_owned(), "7")]);
        for bad in [
            &[b"user" as &[u8]][..],
            &[b"user", b"a", b"USER", b"b"],
            &[b"name", b"a"],
            &[b"id", b"x"],
            &[b"expires-before", b"-1"],
            &[b"user", b"\xff"],
            &[b"count", b"7", b"count", b"7"],
        ] {
            assert!(parse(bad, &["count"]).is_err());
        }
    }

    #[test]
    fn every_documented_filter_is_taken() {
        for argument in ARGUMENTS {
            let word = argument.token.unwrap().to_bytes();
            assert!(parse(&[word, b"1"], &[]).is_ok(), "{word:?}");
        }
    }
}
