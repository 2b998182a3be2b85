//! docs/policies/cedar.md: its examples are data the policy takes and mean what is said,
//! its table of values is that of the code, and the messages it lists are those the
//! policy gives.

use serde_json::json;

use crate::markdown::{between, blocks, code, document, table};
use warden_tests::asked::Asked;

type File = (&'static str, String);

/// A block of the page as a file of that extension.
fn file(extension: &'static str, nth: usize) -> File {
    let text = document("docs/policies/cedar.md");
    (extension, blocks(&text, extension)[nth].clone())
}

#[test]
fn the_first_cedar_example_means_what_is_said() {
    let asked = Asked::new("cedar", &[file("toml", 0), file("cedar", 0)]).unwrap();
    let of = |groups: &[&str]| asked.line(groups, &json!({}), "10.0.0.1");
    assert_eq!(
        of(&["analysts"]),
        "grant +@read ~drafts:* &drafts.*; grant +@read ~reports:*; label permits=analysts-read"
    );
    // An action with a denial keeps a grant of its own, beside that of the others.
    let editors = |keys: &str| {
        let written = "grant +@read +@write +publish -flushall -flushdb -swapdb";
        format!("{written} {keys}; grant +@read {keys}")
    };
    let (drafts, reports) = (editors("~drafts:* &drafts.*"), editors("~reports:*"));
    assert_eq!(
        of(&["editors"]),
        format!("{drafts}; {reports}; label permits=editors")
    );
    assert_eq!(
        of(&["editors", "contractors"]),
        format!("{reports}; label permits=editors; label forbids=contractors-see-no-drafts")
    );
    assert_eq!(of(&[]), "no opinion");
}

#[test]
fn the_cedar_example_with_a_schema_means_what_is_said() {
    let files = [
        file("toml", 1),
        file("cedarschema", 0),
        file("json", 0),
        file("cedar", 1),
    ];
    let asked = Asked::new("cedar", &files).unwrap();
    let handbook = "grant +@read ~doc:handbook:*";
    let payroll = "grant +@read ~doc:payroll:*";
    for groups in [["staff"], ["interns"]] {
        let without = asked.line(&groups, &json!({}), "10.0.0.1");
        assert!(
            without.starts_with(handbook) && !without.contains("payroll:*"),
            "{without}"
        );
        let cleared = json!({"clearance": 3});
        let inside = asked.line(&groups, &cleared, "10.0.0.1");
        assert!(
            inside.starts_with(&format!("{handbook}; {payroll}")),
            "{inside}"
        );
        for address in ["192.0.2.7", "unix"] {
            let outside = asked.line(&groups, &cleared, address);
            assert!(!outside.contains("payroll:*"), "{outside}");
            assert!(
                outside.contains("label forbids=payroll-from-inside"),
                "{outside}"
            );
        }
    }
    let writer = asked.line(&["writers"], &json!({"clearance": 9}), "10.0.0.1");
    assert!(
        writer
            .starts_with("grant +@read +@write -flushall -flushdb -swapdb ~doc:handbook:*; label"),
        "{writer}"
    );
    let nobody = asked.line(&[], &json!({"clearance": 9}), "10.0.0.1");
    assert_eq!(nobody, "no opinion");
    let words = asked.line(&["staff"], &json!({"clearance": "3"}), "10.0.0.1");
    assert!(words.starts_with("deny - "), "{words}");
}

#[test]
fn every_value_of_the_table_is_one() {
    let text = document("docs/policies/cedar.md");
    let rows = table(&text, "value", 2);
    let names: Vec<String> = rows
        .iter()
        .flat_map(|row| row[0].split(", "))
        .filter_map(|cell| code(cell).map(str::to_owned))
        .map(|name| match name.starts_with('.') {
            true => format!("client.certificate{name}"),
            false => name,
        })
        .collect();
    assert_eq!(names.len(), 14, "{names:?}");
    let types = between(&text, "a claim | as its `type` says: ", "; or");
    let types: Vec<&str> = types.split(", ").filter_map(code).collect();
    assert_eq!(types.len(), 6, "{types:?}");
    let froms = names.iter().map(|name| format!("from = '{name}'"));
    let claims = types
        .iter()
        .map(|ty| format!("claim = '/x', type = '{ty}'"));
    let entity = "claim = '/x', entity = 'Unit'".to_owned();
    let sources = froms.chain(claims).chain([entity]).enumerate();
    let context: String = sources
        .map(|(n, source)| format!("x{n} = {{ {source} }}\n"))
        .collect();
    let spaces = "[spaces.reports]";
    let mapping = file("toml", 0).1;
    let mapping = mapping.replace(spaces, &format!("[context]\n{context}{spaces}"));
    Asked::new("cedar", &[("toml", mapping), file("cedar", 0)]).unwrap();
}

/// A mapping of the page with one thing in it replaced.
fn mapping(nth: usize, what: &str, by: &str) -> File {
    let (extension, text) = file("toml", nth);
    assert!(text.contains(what), "{what}");
    (extension, text.replacen(what, by, 1))
}

#[test]
fn the_documented_messages_of_cedar_are_those_the_policy_gives() {
    let policies = |text: &str| vec![file("toml", 0), ("cedar", text.to_owned())];
    let simple = |what: &str, by: &str| vec![mapping(0, what, by), file("cedar", 0)];
    let conforming = |mapping| vec![mapping, file("cedarschema", 0), file("cedar", 1)];
    let teams = mapping(1, "Folder::\"handbook\"'", "Team::\"handbook\"'");
    let teams = teams
        .1
        .replace("Folder::\"payroll\"'", "Team::\"payroll\"'");
    let context = "[context]\nx = { claim = '/x' }\n[spaces.reports]";
    let mistakes: [Vec<File>; 12] = [
        vec![file("cedar", 0)],
        vec![file("toml", 0)],
        policies("permit (principal, action)"),
        policies("permit (principal == ?principal, action, resource);"),
        simple("\"User\"", "'User::\"alice\"'"),
        simple("'Space::\"reports\"'", "'reports'"),
        simple("[spaces.reports]", context),
        simple("\"+@read\"", "\"~reports:*\""),
        simple("\"~reports:*\"", "\"+get\""),
        simple("[actions.read]", "[actions.read]\nspaces = ['report']"),
        conforming(mapping(1, "\"Long\"", "\"String\"")),
        conforming(("toml", teams)),
    ];
    let messages = table(&document("docs/policies/cedar.md"), "message", 2);
    assert_eq!(messages.len(), mistakes.len());
    for (row, mistake) in messages.iter().zip(mistakes) {
        let message = code(&row[0]).expect("a message");
        let error = Asked::new("cedar", &mistake).expect_err(message);
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn all_mistakes_of_a_mapping_are_told_at_once() {
    let spaces = (0..20)
        .map(|n| format!("[spaces.space-{n}]\nresource = 'Space::\"{n}\"'\nrules = [\"+get\"]\n"));
    let (extension, mapping) = file("toml", 0);
    let mapping = mapping + &spaces.collect::<String>();
    let error = Asked::new("cedar", &[(extension, mapping), file("cedar", 0)]);
    let error = error.expect_err("no space has a command");
    for n in 0..20 {
        assert!(
            error.contains(&format!("spaces.space-{n}.rules")),
            "{error}"
        );
    }
}
