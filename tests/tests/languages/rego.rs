//! Rego: the built policy in the engine answers as the crate does, which wrote its answers
//! to `policies/rego/examples` (see `policies/rego/tests/reference.rs`).

use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value};
use warden_tests::parts::workspace;

use warden_tests::asked::{Asked, client, line, principal};

/// One line of decisions.
#[derive(Deserialize)]
struct Decided {
    name: String,
    groups: Vec<String>,
    claims: Map<String, Value>,
    address: String,
    verdict: String,
}

fn answers_as_the_crate(example: &str, at_least: usize) {
    let examples = workspace().join("policies/rego/examples");
    let text = |extension: &str| {
        let path = examples.join(format!("{example}.{extension}"));
        fs::read_to_string(path).expect("an example's file")
    };
    let files = ["toml", "rego", "json"].map(|extension| (extension, text(extension)));
    let asked = Asked::new("rego", &files).expect("an example loads");
    let mut count = 0;
    for decided in text("decisions.jsonl").lines() {
        let decided: Decided = serde_json::from_str(decided).expect("a decision");
        let who = principal(&decided.name, &decided.groups, &decided.claims);
        let opinion = asked.about(&who, &client(&decided.address, true));
        let opinion = opinion.expect("a verdict");
        let answer = match &opinion.denial {
            Some(denial) if denial.public.is_none() => "refused".to_owned(),
            _ => line(&opinion),
        };
        assert_eq!(answer, decided.verdict, "{:?}", decided.claims);
        count += 1;
    }
    assert!(count >= at_least, "{count}");
}

#[test]
fn the_built_policy_answers_about_roles_as_the_crate() {
    answers_as_the_crate("rbac", 160);
}

#[test]
fn the_built_policy_answers_about_attributes_as_the_crate() {
    answers_as_the_crate("abac", 320);
}
