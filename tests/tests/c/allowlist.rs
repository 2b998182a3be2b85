//! Who gets what from the policy in C: principals × claims, compared with a committed table.
//!
//! In: `sdk/c/examples/allowlist/golden/allowlist.txt`. Out: `verdicts.txt` beside it; after
//! a change that is meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::fs;

use serde_json::{Value, json};
use warden_core::Principal;
use warden_tests::asked::{Asked, Place};
use warden_tests::parts::workspace;

use crate::bundle::{principal, verdict};

fn load(place: &Place, data: impl AsRef<[u8]>) -> Result<Asked, String> {
    place.load(&[("txt", data)])
}

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = |groups: &[&str]| principal("zoe", groups, &[], false);
    vec![
        ("an editor", corp(&["corp/editors"])),
        ("staff", corp(&["corp/staff"])),
        ("both", corp(&["corp/editors", "corp/staff"])),
        (
            "an odd name",
            principal("z* {department}", &["corp/staff"], &[], false),
        ),
        (
            "a reader",
            principal("zoe", &[], &["corp/news.read"], false),
        ),
        ("ops", principal("ops", &[], &[], false)),
        (
            "ops of a bare name",
            principal("ops", &["corp/ops"], &[], true),
        ),
        ("nobody in particular", corp(&[])),
        ("a group in a group", corp(&["corp/corp/staff"])),
    ]
}

fn claims() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("no claim", None),
        ("a department", Some(json!("sales"))),
        ("a number", Some(json!(42))),
        ("two departments", Some(json!(["sales"]))),
        ("nothing", Some(json!(""))),
        ("everything", Some(json!("*"))),
        ("a class", Some(json!("[a-z]?\\"))),
        ("rules", Some(json!("sales ~* +@all"))),
        ("a quote", Some(json!("sales\""))),
        ("a new line", Some(json!("sales\n"))),
        ("a parenthesis", Some(json!("sales)"))),
        ("other letters", Some(json!("dépôt-€-😀"))),
        ("no-break space", Some(json!("a\u{a0}b"))),
        ("a placeholder", Some(json!("{name}"))),
        ("a part of another", Some(json!("sales:eu"))),
    ]
}

#[test]
fn verdicts_are_those_of_the_golden_table() {
    let golden = workspace().join("sdk/c/examples/allowlist/golden");
    let data = fs::read(golden.join("allowlist.txt")).unwrap();
    let place = Place::of("tests/allowlist");
    let generation = load(&place, data).expect("the golden data is valid");
    let mut table = String::new();
    for (who, principal) in principals() {
        table += &format!("{who}\n");
        for (what, department) in claims() {
            let claim = department.map(|value| ("department", value));
            let verdict = verdict(&generation, principal.clone(), claim);
            table += &format!("  {what}: {verdict}\n");
        }
    }
    let path = golden.join("verdicts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &table).expect("the table is writable");
    }
    let committed = fs::read_to_string(&path).expect("the table is committed");
    assert_eq!(
        table, committed,
        "read the difference, then run with UPDATE_GOLDEN=1"
    );
}

#[test]
fn the_labels_are_those_of_its_lines() {
    let place = Place::of("tests/allowlist");
    let asked = load(&place, "group:corp/a +get ~a\nuser:corp/b +get ~b\n").unwrap();
    assert_eq!(asked.labels(), ["line=group:corp/a", "line=user:corp/b"]);
}

#[test]
fn data_in_doubt_is_refused_with_its_line_and_what_to_write() {
    let place = Place::of("tests/allowlist");
    for (data, words) in [
        (
            &b"analysts +get ~a"[..],
            "line 1: \"analysts\" is not a member: write group:NAME",
        ),
        (
            b"# a\n\ngroup:corp/* +get",
            "line 3: \"group:corp/*\" names nobody",
        ),
        (b"group:Corp/a +get", "an authenticator's id"),
        (b"group:corp/ +get", "names nobody"),
        (b"group:corp/a", "line 1: no rules behind the member"),
        (
            b"group:corp/a +get nopass",
            "rule \"nopass\": not a permission",
        ),
        (b"group:corp/a ~{nam}:*", "no such placeholder"),
        (b"group:corp/a +{name}", "a placeholder stands in a pattern"),
        (
            b"group:corp/a ~[{name}]",
            "a placeholder stands in a pattern",
        ),
        (
            br"group:corp/a ~x\{department}:*",
            "a placeholder stands in a pattern",
        ),
        (
            br"group:corp/a ~a\*{name}",
            "a placeholder stands in a pattern",
        ),
        (
            b"group:corp/a ~{name}*",
            "a placeholder stands in a pattern",
        ),
        (
            b"group:corp/a ~{name}{department}",
            "a placeholder stands in a pattern",
        ),
        (
            b"group:corp/a ~*:{name}:*",
            "a placeholder stands in a pattern",
        ),
        (b"group:corp/a ~a\xff", "not UTF-8"),
    ] {
        let error = load(&place, data).unwrap_err();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("allowlist.txt"), "{error}");
    }
    let many = "group:corp/a +get\n".repeat(1001);
    let many = load(&place, many).unwrap_err();
    assert!(many.contains("more than 1000 lines"), "{many}");
    let long = format!("group:corp/{} +get\n", "a".repeat(246));
    let error = load(&place, long).unwrap_err();
    assert!(error.contains("longer than 256 bytes"), "{error}");
    load(&place, "").expect("nobody is allowed anything");
    load(&place, "group:corp/a +get ~a\r\n").expect("ends of lines of other systems");
}

#[test]
fn what_is_beyond_the_bounds_of_a_verdict_is_refused_in_words() {
    let place = Place::of("tests/allowlist");
    let of = |lines: usize, bytes: usize| {
        let groups: Vec<String> = (0..lines)
            .map(|line| format!("corp/{line:0>width$}", width = bytes - "group:corp/".len()))
            .collect();
        let data: String = groups
            .iter()
            .map(|group| format!("group:{group} +get ~a\n"))
            .collect();
        let asked = load(&place, data).unwrap();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        verdict(&asked, principal("zoe", &groups, &[], false), [])
    };
    let all = of(64, 127);
    assert_eq!(all.matches("grant ").count(), 64, "{all}");
    assert_eq!(all.matches("group:").count(), 64, "{all}");
    let grants = of(65, 20);
    assert!(
        grants.starts_with("deny - \"more than 64 lines"),
        "{grants}"
    );
    let labels = of(64, 256);
    assert!(labels.contains("do not fit into 32 labels"), "{labels}");
}
