//! docs/threat-model.md: each promise names tests, and each named test is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use warden_tests::parts::workspace;

use crate::markdown::document;

/// The names of all functions in the sources, tests among them.
fn functions(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices("fn ") {
                let name = text[at + 3..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                names.extend(name.take(1).map(str::to_owned));
            }
        }
    }
}

/// Words in ticks that look like a test's name: a sentence with underscores.
fn named(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.matches('_').count() >= 2)
        .filter(|word| {
            word.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        .collect()
}

#[test]
fn every_test_the_threat_model_names_is_there() {
    let mut real = BTreeSet::new();
    for room in ["host", "sdk", "policies", "plugins", "tests"] {
        functions(&workspace().join(room), &mut real);
    }
    let text = document("docs/threat-model.md");
    let named = named(&text);
    assert!(named.len() > 100, "only {} tests are named", named.len());
    let missing: Vec<&str> = named
        .into_iter()
        .filter(|name| !real.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_promise_names_a_test() {
    let text = document("docs/threat-model.md");
    let now = text.split("\n## Not yet").next().unwrap();
    let rows = now
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let mut promises = 0;
    for row in rows {
        promises += 1;
        assert!(!named(row).is_empty(), "a promise without a test: {row}");
    }
    assert!(promises > 40, "only {promises} promises");
}
