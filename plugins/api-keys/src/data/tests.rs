//! What the list may say, and how each mistake is told.

use super::*;
use crate::error::one_line;

/// The digest of a key.
fn sha256(key: &str) -> String {
    let text = format!("{:?}", Digest::of(key.as_bytes()));
    let bytes = text.trim_matches(|c: char| !c.is_ascii_digit());
    let bytes = bytes.split(", ").map(|byte| byte.parse::<u8>().unwrap());
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// An entry for a key of this name, with more lines.
fn entry(name: &str, more: &str) -> String {
    let digest = sha256(name);
    format!("[[key]]\nname = {name:?}\nsha256 = '{digest}'\n{more}\n")
}

fn parsed(text: &str) -> Result<BTreeMap<Digest, Key>, String> {
    read(&File::new("keys", text)).map_err(|problems| one_line(&problems))
}

fn error(text: &str) -> String {
    parsed(text).unwrap_err()
}

#[test]
fn a_list_may_be_empty_and_an_entry_short() {
    assert!(parsed("").unwrap().is_empty());
    let keys = parsed(&entry("a", "")).unwrap();
    let key = &keys[&Digest::of(b"a")];
    assert_eq!((key.name.as_str(), key.expires), ("a", None));
    assert!(key.groups.is_empty() && key.scopes.is_empty());
}

#[test]
fn keys_of_one_name_may_be_several() {
    let second = entry("b", "").replace("\"b\"", "\"a\"");
    let keys = parsed(&(entry("a", "") + &second)).unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.values().all(|key| key.name == "a"));
}

#[test]
fn a_key_that_stands_twice_is_an_error() {
    let text = [entry("a", ""), entry("b", ""), entry("a", "groups = ['x']")].concat();
    assert_eq!(
        error(&text),
        r#""keys": key[2].sha256: the same key stands in key[0] already"#
    );
}

#[test]
fn every_mistake_is_told_with_its_entry_and_key() {
    let text = entry("a", "")
        + "[[key]]\nname = ''\nsha256 = 'abc'\ngroups = ['x', '']\nscopes = []\n"
        + "expires = 2027-06-30\nnetworks = ['10.1.2.3/8', 'home']\n";
    assert_eq!(
        error(&text).split("; ").collect::<Vec<_>>(),
        [
            r#""keys": key[1].sha256: takes 64 hexadecimal digits: printf %s "$KEY" | sha256sum"#,
            r#""keys": key[1].name: takes 1 to 256 bytes without control characters"#,
            r#""keys": key[1].expires: 2027-06-30 is no moment since 1970: write date, time and offset, 2027-06-30T00:00:00Z"#,
            r#""keys": key[1].groups[1]: takes 1 to 256 bytes without control characters"#,
            r#""keys": key[1].scopes: empty: leave it out, or name at least one"#,
            r#""keys": key[1].networks[0]: "10.1.2.3/8" has bits behind its length: did you mean "10.0.0.0/8"?"#,
            r#""keys": key[1].networks[1]: "home" is no range: write 10.0.0.0/8, 192.0.2.7, 2001:db8::/32 or unix"#,
        ]
    );
}

#[test]
fn a_wrong_shape_is_told_with_its_line() {
    let begins = |text: &str, start: &str| {
        let error = error(text);
        assert!(error.starts_with(start), "{error}");
    };
    begins(
        &entry("a", "group = ['x']"),
        "\"keys\" line 4: unknown field, expected one of `name`, `sha256`",
    );
    begins("[[keys]]", "\"keys\" line 1: unknown field, expected `key`");
    begins(
        "[[key]]\nname = 'a'",
        "\"keys\" line 1: missing field `sha256`",
    );
    begins(&entry("a", "expires = 'soon'"), "\"keys\" line 4: ");
    begins("[[key]\n", "\"keys\" line 1: ");
}

#[test]
fn a_list_has_a_bound() {
    let all = |count: usize| -> String {
        let entries = (0..count).map(|i| entry(&format!("k{i}"), ""));
        entries.collect()
    };
    assert_eq!(parsed(&all(MAX_KEYS)).unwrap().len(), MAX_KEYS);
    assert_eq!(
        error(&all(MAX_KEYS + 1)),
        r#""keys": key: more than 10000 keys"#
    );
}

#[test]
fn of_very_many_mistakes_some_are_told() {
    let text = "[[key]]\nname = ''\nsha256 = ''\n".repeat(100);
    let error = error(&text);
    assert!(error.ends_with("; and 180 more"), "{error}");
    assert!(error.len() < 4000);
}

#[test]
fn a_key_in_the_wrong_place_stands_in_no_message() {
    for text in [
        "key = 'canary'",
        "key = ['canary']",
        "canary = 'billing'",
        "'canary, expected x' = 'billing'",
        "key = 'canary, expected x'",
        "canary",
        "canary = canary",
        "[[canary]]",
        "[canary.key]\n[canary.key]",
        "[[key]]\ncanary = 'x'",
        "[[key]]\nname = ['canary']",
        "[[key]]\nname = 'a'\nsha256 = 'x'\nexpires = 'canary'",
        "[[key]]\nname = 'a'\nsha256 = 'canary'",
    ] {
        let error = error(text);
        assert!(!error.contains("canary"), "{text}: {error}");
    }
    assert_eq!(
        error("[[key]]\nname = 'a'"),
        "\"keys\" line 1: missing field `sha256` in `key`"
    );
}
