//! Cedar: the built policy in the engine decides as the crate does, which wrote its
//! decisions to `policies/cedar/examples` (see `policies/cedar/tests/reference.rs`).

use std::collections::BTreeSet;
use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value};
use warden_tests::parts::workspace;

use warden_tests::asked::{Asked, client, principal};

/// One line of decisions.
#[derive(Deserialize)]
struct Decided {
    name: String,
    groups: Vec<String>,
    claims: Map<String, Value>,
    address: String,
    tls: bool,
    allowed: Option<BTreeSet<(String, String)>>,
}

fn through_warden(asked: &Asked, who: &Decided) -> Option<BTreeSet<(String, String)>> {
    let principal = principal(&who.name, &who.groups, &who.claims);
    let opinion = asked.about(&principal, &client(&who.address, who.tls));
    let opinion = opinion.expect("a verdict");
    if opinion.denial.is_some() {
        assert!(opinion.grants.is_empty());
        return None;
    }
    let mut allowed = BTreeSet::new();
    for grant in &opinion.grants {
        let text = grant.to_string();
        let words = text.split(' ').map(str::to_owned);
        let (commands, keys): (Vec<_>, Vec<_>) = words.partition(|w| w.starts_with('+'));
        for command in &commands {
            allowed.extend(keys.iter().map(|keys| (command.clone(), keys.clone())));
        }
    }
    Some(allowed)
}

fn decides_as_the_crate(example: &str, at_least: usize) {
    let examples = workspace().join("policies/cedar/examples");
    let text =
        |extension: &str| fs::read_to_string(examples.join(format!("{example}.{extension}")));
    let files: Vec<(&str, String)> = ["toml", "cedar", "json", "cedarschema"]
        .into_iter()
        .filter_map(|extension| Some((extension, text(extension).ok()?)))
        .collect();
    let asked = Asked::new("cedar", &files).expect("an example loads");
    let decisions = text("decisions.jsonl").expect("decisions");
    let mut count = 0;
    for line in decisions.lines() {
        let decided: Decided = serde_json::from_str(line).expect("a decision");
        assert_eq!(through_warden(&asked, &decided), decided.allowed, "{line}");
        count += 1;
    }
    assert!(count >= at_least, "{count}");
}

#[test]
fn the_built_policy_decides_about_photos_as_the_crate() {
    decides_as_the_crate("photos", 240);
}

#[test]
fn the_built_policy_decides_about_documents_as_the_crate() {
    decides_as_the_crate("documents", 96);
}

#[test]
fn the_built_policy_decides_about_lists_as_the_crate() {
    decides_as_the_crate("todo", 84);
}
