//! The borders between the rooms, held against what is really there: the arrows
//! of dependency, where `unsafe` may stand, and where proofs may be made.
//!
//! In: `cargo metadata` and the source files. It starts no server.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};
use warden_tests::parts::workspace;

/// Who may name whom inside the workspace: docs/architecture.md.
const ARROWS: [(&str, &[&str]); 26] = [
    ("warden-rules", &[]),
    ("warden-core", &["warden-rules"]),
    ("warden-state", &[]),
    ("warden-settings", &["warden-core"]),
    ("warden-tls", &[]),
    (
        "warden-audit",
        &[
            "warden-core",
            "warden-settings",
            "warden-state",
            "warden-tls",
        ],
    ),
    (
        "warden-authn",
        &[
            "warden-core",
            "warden-settings",
            "warden-state",
            "warden-tls",
        ],
    ),
    ("warden-policy", &["warden-core", "warden-state"]),
    ("warden-session", &["warden-core"]),
    (
        "warden-module",
        &[
            "warden-audit",
            "warden-authn",
            "warden-policy",
            "warden-session",
            "warden-core",
            "warden-state",
        ],
    ),
    (
        "warden",
        &[
            "warden-audit",
            "warden-authn",
            "warden-policy",
            "warden-session",
            "warden-core",
            "warden-rules",
            "warden-settings",
            "warden-state",
        ],
    ),
    ("warden-sdk-macros", &[]),
    ("warden-guest", &[]),
    ("warden-memory", &[]),
    (
        "warden-sdk",
        &[
            "warden-sdk-macros",
            "warden-rules",
            "warden-guest",
            "warden-memory",
        ],
    ),
    ("warden-plugin", &["warden-sdk-macros", "warden-guest"]),
    (
        "warden-benches",
        &[
            "warden-audit",
            "warden-authn",
            "warden-core",
            "warden-gate",
            "warden-policy",
            "warden-session",
            "warden-tests",
        ],
    ),
    (
        "warden-gate",
        &[
            "warden-audit",
            "warden-authn",
            "warden-core",
            "warden-session",
        ],
    ),
    ("warden-policy-rbac", &["warden-sdk"]),
    ("warden-policy-tenant", &["warden-sdk"]),
    ("warden-policy-scopes", &["warden-sdk"]),
    ("warden-policy-guardrails", &["warden-sdk", "warden-rules"]),
    ("warden-policy-role", &["warden-sdk"]),
    ("warden-plugin-api-keys", &["warden-plugin"]),
    ("warden-plugin-moody", &["warden-plugin"]),
    ("warden-hostile", &[]),
];

/// Crates that only one room may name, tests' own needs apart.
const KEPT: [(&str, &[&str]); 9] = [
    ("csv-core", &["warden-audit"]),
    ("postcard", &["warden-audit"]),
    ("reqwest", &["warden-authn"]),
    ("wasmtime", &["warden-policy"]),
    ("wit-component", &["warden-policy", "warden-hostile"]),
    ("warden-hostile", &["warden-tests"]),
    ("valkey-module", &["warden-module"]),
    ("jsonwebtoken", &["warden", "warden-tests"]),
    ("rcgen", &["warden-tests"]),
];

/// What each crate of the workspace depends on, tests' own needs apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata runs");
    metadata
        .packages
        .iter()
        .map(|package| {
            let named = package
                .dependencies
                .iter()
                .filter(|d| d.kind != DependencyKind::Development);
            (
                package.name.to_string(),
                named.map(|d| d.name.clone()).collect(),
            )
        })
        .collect()
}

#[test]
fn every_arrow_between_rooms_is_an_allowed_one() {
    let graph = dependencies();
    let rooms: BTreeSet<&String> = graph.keys().collect();
    for (room, needs) in &graph {
        if room == "warden-tests" {
            continue;
        }
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| name == room)
            .map(|(_, allowed)| *allowed);
        let allowed = allowed
            .unwrap_or_else(|| panic!("{room} is not on the map of rooms: add it with its arrows"));
        for need in needs.iter().filter(|need| rooms.contains(need)) {
            assert!(
                allowed.contains(&need.as_str()),
                "{room} must not name {need}"
            );
        }
    }
}

#[test]
fn the_middle_rooms_never_name_one_another() {
    let graph = dependencies();
    let middle = [
        "warden-audit",
        "warden-authn",
        "warden-policy",
        "warden-session",
    ];
    for room in middle {
        for other in middle.iter().filter(|other| **other != room) {
            assert!(!graph[room].contains(*other), "{room} names {other}");
        }
    }
}

#[test]
fn each_kept_crate_is_named_by_its_room_only() {
    let graph = dependencies();
    for (kept, rooms) in KEPT {
        for (room, needs) in &graph {
            assert!(
                !needs.contains(kept) || rooms.contains(&room.as_str()),
                "{room} must not name {kept}"
            );
        }
        assert!(
            rooms.iter().any(|room| graph[*room].contains(kept)),
            "nobody names {kept}: is the table old?"
        );
    }
}

/// Where `unsafe` may stand: the module's ffi.
const UNSAFE_ROOM: &str = "host/module/src/ffi";

/// Outside it, files that carry a proof of their own; each line says why.
const UNSAFE_ELSEWHERE: [(&str, &str); 3] = [
    (
        "host/policy/src/artefact",
        "wasmtime's deserialisation is unsafe: only our own artefacts, from a directory only we can write",
    ),
    (
        "sdk/rust/src/schema.rs",
        "the attribute that names a section is called unsafe: it holds bytes that nothing reads as code",
    ),
    (
        "sdk/memory/src",
        "an allocator is unsafe, and so is an exported function: in a guest, which the host does not trust",
    ),
];

#[test]
fn unsafe_stands_only_where_it_may() {
    let mut found = Vec::new();
    for file in rust_files() {
        let path = relative(&file);
        let excused = path.starts_with(UNSAFE_ROOM)
            || UNSAFE_ELSEWHERE
                .iter()
                .any(|(prefix, _)| path.starts_with(prefix));
        if !excused && code(&file).iter().any(|line| has_word(line, "unsafe")) {
            found.push(path);
        }
    }
    assert!(found.is_empty(), "unsafe outside {UNSAFE_ROOM}: {found:?}");
}

#[test]
fn a_verified_value_is_made_in_one_place() {
    let places = places_with("attest(", &["host/core/src/principal.rs"]);
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].starts_with("host/authn/src/chain"), "{places:?}");
}

#[test]
fn a_decision_is_made_in_one_place() {
    let places = places_with("Decision {", &["host/core/src/decision.rs"]);
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].starts_with("host/policy/src/"), "{places:?}");
}

#[test]
fn only_the_modules_ffi_names_the_servers_raw_interface() {
    let places = places_with("valkey_module", &[]);
    let outside: Vec<_> = places
        .iter()
        .filter(|path| !path.starts_with(UNSAFE_ROOM) && *path != "host/module/src/lib.rs")
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn every_file_opens_with_what_it_is() {
    let bare: Vec<_> = rust_files()
        .into_iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            !text.starts_with("//!") && !text.starts_with("#![doc = include_str!(")
        })
        .map(|file| relative(&file))
        .collect();
    assert!(bare.is_empty(), "files without a head: {bare:?}");
}

/// Files of the product whose code holds `text`, tests and `except` apart.
fn places_with(text: &str, except: &[&str]) -> Vec<String> {
    rust_files()
        .into_iter()
        .filter(|file| {
            let path = relative(file);
            let product = path.starts_with("host/")
                && !path.contains("/tests")
                && !path.contains("/benches/");
            product
                && !except.contains(&path.as_str())
                && code(file).iter().any(|line| line.contains(text))
        })
        .map(|file| relative(&file))
        .collect()
}

/// The lines of a file that are code: no comments, no strings of one line, and
/// nothing behind `#[cfg(test)]`, which stands last in a file.
fn code(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a source file is readable");
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .map(without_strings)
        .collect()
}

fn without_strings(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// Whether a line holds this word: `unsafe`, but not `unsafe_code`.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for room in [
        "host", "sdk", "policies", "plugins", "tests", "benches", "fuzz",
    ] {
        collect(&workspace().join(room), &mut files);
    }
    assert!(files.len() > 20, "the sources were found");
    files
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a directory can be listed").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(workspace())
        .unwrap_or(path)
        .display()
        .to_string()
}
