//! Who gets what from the policy in C: principals × claims, compared with a committed table.
//!
//! In: `sdk/c/examples/allowlist/golden/allowlist.txt`. Out: `verdicts.txt` beside it; after
//! a change that is meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::fs;

use serde_json::{Value, json};
use warden_core::Principal;
use warden_tests::parts::workspace;

use crate::bundle::{Place, principal, verdict};

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
    ]
}

#[test]
fn verdicts_are_those_of_the_golden_table() {
    let golden = workspace().join("sdk/c/examples/allowlist/golden");
    let data = fs::read(golden.join("allowlist.txt")).unwrap();
    let place = Place::of("allowlist");
    let generation = place.load(data).expect("the golden data is valid");
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
    let place = Place::of("allowlist");
    let generation = place
        .load("group:corp/a +get ~a\nuser:corp/b +get ~b\n")
        .unwrap();
    let labels = generation.labels_of(&generation.bundles()[0]).unwrap();
    let labels: Vec<String> = labels
        .into_iter()
        .map(|(key, value)| key + "=" + &value)
        .collect();
    assert_eq!(labels, ["line=group:corp/a", "line=user:corp/b"]);
}

#[test]
fn data_in_doubt_is_refused_with_its_line_and_what_to_write() {
    let place = Place::of("allowlist");
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
        (b"group:corp/a ~a\xff", "not UTF-8"),
    ] {
        let error = place.load(data).unwrap_err();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("allowlist.txt"), "{error}");
    }
    let many = "group:corp/a +get\n".repeat(1001);
    assert!(
        place
            .load(many)
            .unwrap_err()
            .contains("more than 1000 lines")
    );
    place.load("").expect("nobody is allowed anything");
    place
        .load("group:corp/a +get ~a\r\n")
        .expect("ends of lines of other systems");
}
