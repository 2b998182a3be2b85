//! docs/policies/README.md: it leads to every page about policies, and names every
//! standard policy.

use std::collections::BTreeSet;
use std::fs;

use warden_tests::parts::workspace;

use crate::markdown::{document, table};

const PAGE: &str = "docs/policies/README.md";

/// Policies that exist to be refused.
const HOSTILE: &str = "hostile";

fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(workspace().join(directory)).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect()
}

#[test]
fn every_page_about_policies_is_linked() {
    let text = document(PAGE);
    let missing: Vec<String> = names("docs/policies")
        .into_iter()
        .filter(|page| page != "README.md" && !text.contains(&format!("]({page}")))
        .collect();
    assert!(missing.is_empty(), "{PAGE} leads to none of {missing:?}");
    let named = "docs/policies/README.md";
    assert!(document("README.md").contains(named), "README.md: {named}");
}

#[test]
fn every_standard_policy_is_in_the_table_of_needs() {
    let rows = table(&document(PAGE), "need", 3);
    let missing: Vec<String> = names("policies")
        .into_iter()
        .filter(|name| name != HOSTILE)
        .filter(|name| !rows.iter().any(|row| row[1].contains(&format!("[{name}]"))))
        .collect();
    assert!(missing.is_empty(), "{PAGE} offers none of {missing:?}");
}
