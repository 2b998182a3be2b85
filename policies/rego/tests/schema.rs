//! What the policy takes as settings satisfies its schema.
//!
//! In: the settings of golden table, examples and documentation, and one of every key.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

#[path = "../../cedar/tests/held/mod.rs"]
mod held;

use warden_policy_rego::Rego;
use warden_sdk::{File, Policy};

#[test]
fn what_the_policy_takes_satisfies_its_schema() {
    let page = include_str!("../../../docs/policies/rego.md");
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut samples: Vec<String> = blocks.map(str::to_owned).collect();
    samples.extend(held::tables(env!("CARGO_MANIFEST_DIR"), "golden"));
    samples.extend(held::tables(env!("CARGO_MANIFEST_DIR"), "examples"));
    let every = "query = 'data.warden.verdict'\nclaims = ['/a', '/b~1c']\nall_claims = false\n\
                 inputs = ['client.address', 'client.tls', 'client.certificate', 'server.role', 'server.version']\n\
                 undefined = 'no-opinion'\n";
    samples.push(every.to_owned());
    samples.push("all_claims = true\n".to_owned());
    let takes = |text: &str| {
        // The queries of the examples have their rules, too.
        let files = [
            File::new("rego.toml", text),
            File::new("rego.rego", "package warden\nverdict := []\n"),
            File::new("rego.access.rego", "package access\nanswer := []\n"),
        ];
        Rego::configure(&files).is_ok()
    };
    let taken = held::hold(include_str!("../schema.json"), &samples, takes);
    assert!(taken > 20, "{taken}");
}
