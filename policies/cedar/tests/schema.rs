//! What the policy takes as a mapping satisfies its schema.
//!
//! In: the mappings of golden table, examples and documentation.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod held;

use warden_policy_cedar::Cedar;
use warden_sdk::{File, Policy};

#[test]
fn what_the_policy_takes_satisfies_its_schema() {
    let page = include_str!("../../../docs/policies/cedar.md");
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut samples: Vec<String> = blocks.map(str::to_owned).collect();
    samples.extend(held::tables(env!("CARGO_MANIFEST_DIR"), "golden"));
    samples.extend(held::tables(env!("CARGO_MANIFEST_DIR"), "examples"));
    let takes = |text: &str| {
        let policies = "permit (principal, action, resource);";
        let files = [
            File::new("cedar.toml", text),
            File::new("cedar.cedar", policies),
        ];
        Cedar::configure(&files).is_ok()
    };
    let taken = held::hold(include_str!("../schema.json"), &samples, takes);
    assert!(taken > 60, "{taken}");
}
