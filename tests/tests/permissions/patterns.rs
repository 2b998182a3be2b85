//! Patterns are matched as the server's own ACL engine matches them.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use warden_core::rules::Pattern;
use warden_tests::{Connection, Line, Server, on_both_lines};

on_both_lines!(
    patterns_match_what_a_server_says_they_match,
    odd_patterns_match_what_a_server_says_they_match,
    an_empty_name_is_matched_by_no_pattern,
    a_pattern_of_many_stars_is_judged_alike,
);

/// Whether a server lets a user with this pattern read each of these keys.
fn asked(connection: &mut Connection, pattern: &str, names: &[&[u8]]) -> Vec<bool> {
    // `~*` would be the absence of a list; `%R~*` is a pattern like any other.
    let keys = format!("%R~{pattern}");
    connection.send(["ACL", "SETUSER", "probe", "reset", "on", "+get", &keys]);
    for name in names {
        connection.send([&b"ACL"[..], b"DRYRUN", b"probe", b"GET", name]);
    }
    connection.receive().expect_ok();
    names
        .iter()
        .map(|_| {
            let reply = connection.receive();
            assert!(reply.error().is_none(), "{reply} to {pattern}");
            reply.is_ok() || reply.as_text().as_deref() == Some("OK")
        })
        .collect()
}

fn judge(connection: &mut Connection, pattern: &str, names: &[&[u8]]) {
    let ours = Pattern::parse(pattern).expect(pattern);
    let theirs = asked(connection, pattern, names);
    for (name, theirs) in names.iter().zip(theirs) {
        let name_shown = String::from_utf8_lossy(name);
        assert_eq!(ours.matches(name), theirs, "{pattern} and {name_shown}");
    }
}

fn patterns_match_what_a_server_says_they_match(line: Line) {
    let server = Server::builder(line).open().start();
    let connection = RefCell::new(server.connect());
    let part = prop::sample::select(vec![
        "a", "b", "c", "*", "?", "[", "]", "^", "-", r"\", "é", "[a-c]", "[^b]", "[c-a]", r"[\]]",
        "[]", "[^]", "[a-é]", "[^é]", "[b-", ":",
    ]);
    let pattern = prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat());
    let name = prop::collection::vec(
        prop::sample::select(vec!["a", "b", "c", "d", "*", "]", "^", "-", r"\", "é", ":"]),
        0..7,
    );
    let names = prop::collection::vec(name.prop_map(|parts| parts.concat()), 12);
    let config = Config {
        cases: 1500,
        failure_persistence: None,
        ..Config::default()
    };
    let judged = TestRunner::new(config).run(&(pattern, names), |(pattern, mut names)| {
        if Pattern::parse(&pattern).is_err() {
            return Ok(());
        }
        // The pattern's own text is a name that often matches.
        names.push(pattern.clone());
        names.push(pattern.replace('*', "").replace('?', "a"));
        let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        judge(&mut connection.borrow_mut(), &pattern, &names);
        Ok(())
    });
    judged.unwrap_or_else(|error| panic!("{error}"));
}

fn odd_patterns_match_what_a_server_says_they_match(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    let every_byte: Vec<[u8; 1]> = (1..=255).map(|byte| [byte]).collect();
    let names: Vec<&[u8]> = every_byte.iter().map(|byte| &byte[..]).collect();
    for pattern in [
        "[z-a]", "[a-]]", "[]", "[^]", "[^a-c]", r"[\^a]", r"[\a-c]", r"[a-\]]", "[--0]", "[^^]",
        "[a-é]", "[é-a]", "[^é]", r"\a", r"\*", r"\\", "]", "^", "?", "*", "**", "[a-c-e]", "[]a]",
    ] {
        if Pattern::parse(pattern).is_ok() {
            judge(&mut connection, pattern, &names);
        }
    }
}

fn an_empty_name_is_matched_by_no_pattern(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    for pattern in ["*", "**", "a*", "?", "[^]", "a"] {
        judge(&mut connection, pattern, &[b""]);
        assert!(
            !Pattern::parse(pattern).expect(pattern).matches(b""),
            "{pattern}"
        );
    }
}

fn a_pattern_of_many_stars_is_judged_alike(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    let name = vec![b'a'; 4096];
    for (pattern, matches) in [
        ("*a".repeat(512), true),
        (format!("{}*b", "*a".repeat(511)), false),
        (format!("{}b", "*?".repeat(511)), false),
    ] {
        judge(&mut connection, &pattern, &[&name]);
        assert_eq!(
            Pattern::parse(&pattern).expect("a pattern").matches(&name),
            matches
        );
    }
}
