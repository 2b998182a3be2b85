//! docs/policies/first-hour.md: its commands do what it says, and its table names every
//! warning there is.

use std::collections::BTreeSet;
use std::fs;

use warden_tests::parts::workspace;

use crate::markdown::{code, document, table};
use crate::readme::play;

const PAGE: &str = "docs/policies/first-hour.md";

#[test]
fn the_first_hour_works_as_written() {
    play(PAGE);
}

#[test]
fn the_table_names_every_warning() {
    let rows = table(&document(PAGE), "name", 2);
    let named: BTreeSet<String> = rows
        .iter()
        .map(|row| code(&row[0]).expect("a name").to_owned())
        .collect();
    let check = workspace().join("host/cli/src/policy/check");
    let sources = ["watch.rs", "finding.rs"]
        .map(|file| fs::read_to_string(check.join(file)).expect("the source of the warnings"));
    let sources = sources.concat();
    // Names stand as arguments, as fields and in tuples, always as words of their own.
    for name in &named {
        assert!(
            sources.contains(&format!("\"{name}\"")),
            "{name} is no warning"
        );
    }
    let told = sources
        .split("self.tell(\"")
        .skip(1)
        .chain(sources.split("name: \"").skip(1));
    for told in told {
        let name = told.split('"').next().expect("a name");
        assert!(named.contains(name), "{name} is not in {PAGE}");
    }
}
