//! Workspaces of their own are built from what the product is, and each fuzz target has
//! what it starts from.
//!
//! In: the files of `fuzz/`. It builds and runs nothing; scripts/fuzz does.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use warden_tests::parts::workspace;

/// All seeds together: they are to be read by people.
const MAX_SEED_BYTES: u64 = 300 * 1024;

/// The other workspaces.
const APART: [&str; 3] = ["fuzz", "policies/cedar", "policies/rego"];

#[test]
fn other_workspaces_are_built_with_the_versions_of_the_product() {
    let ours = versions(&workspace().join("Cargo.lock"));
    for apart in APART {
        let theirs = versions(&workspace().join(apart).join("Cargo.lock"));
        for (name, versions) in theirs {
            let ours = ours.get(&name).into_iter().flatten();
            // What only one of them needs may need another series, not another version of one.
            for one in ours {
                let other = versions.iter().find(|v| series(v) == series(one));
                assert!(
                    other.is_none_or(|other| other == one),
                    "{name}: {versions:?} in {apart}/Cargo.lock, {one} in Cargo.lock; docs/testing.md says how to mend it"
                );
            }
        }
    }
}

#[test]
fn every_fuzz_target_has_seeds_and_is_documented() {
    let fuzz = workspace().join("fuzz");
    let manual = fs::read_to_string(workspace().join("docs/testing.md")).unwrap();
    let targets: BTreeSet<String> = names(&fuzz.join("fuzz_targets"))
        .iter()
        .map(|file| file.strip_suffix(".rs").expect("a target").to_owned())
        .collect();
    assert_eq!(targets, names(&fuzz.join("seeds")), "targets and seeds");
    let mut bytes = 0;
    for target in &targets {
        assert!(manual.contains(&format!("| `{target}` |")), "{target}");
        let seeds = fuzz.join("seeds").join(target);
        assert!(names(&seeds).len() > 5, "{target} has few seeds");
        let sizes = names(&seeds).into_iter().map(|name| seeds.join(name));
        bytes += sizes
            .map(|seed| fs::metadata(seed).unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes <= MAX_SEED_BYTES, "{bytes} bytes of seeds");
}

/// What versions that can stand for one another have in common: `1`, `0.8`.
fn series(version: &str) -> &str {
    let first = version.find(|c: char| ('1'..='9').contains(&c));
    let end = first.and_then(|at| Some(at + version.get(at..)?.find('.')?));
    end.map_or(version, |end| &version[..end])
}

/// The versions of each package of a lock file.
fn versions(lock: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(lock).unwrap();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        rest.strip_suffix('"').map(str::to_owned)
    };
    let mut name = String::new();
    for line in text.lines() {
        if let Some(of) = value(line, "name") {
            name = of;
        } else if let Some(version) = value(line, "version") {
            all.entry(name.clone()).or_default().insert(version);
        }
    }
    assert!(all.len() > 50, "{} was not understood", lock.display());
    all
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}
