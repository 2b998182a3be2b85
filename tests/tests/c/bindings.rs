//! The committed bindings for C are those of the contract.
//!
//! In: what the generator made of `sdk/wit/policy.wit` (`tests/build.rs`), compared with
//! `sdk/c/generated/`; after a change of the contract, run once with `UPDATE_GOLDEN=1`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use warden_tests::parts::workspace;

fn files(place: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(place).expect("the bindings are there");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            (name, fs::read(entry.path()).expect("a readable file"))
        })
        .collect()
}

#[test]
fn the_committed_bindings_are_those_of_the_contract() {
    let committed = workspace().join("sdk/c/generated");
    let made = files(&Path::new(env!("OUT_DIR")).join("c"));
    assert_eq!(made.len(), 3, "a header, a source and an object");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for (name, content) in &made {
            fs::write(committed.join(name), content).expect("the bindings are writable");
        }
    }
    assert!(
        files(&committed) == made,
        "the contract has changed: run with UPDATE_GOLDEN=1 and read the difference"
    );
}
