//! Which files belong to which bundle, and which to none.

use super::*;
use std::os::unix::ffi::OsStrExt;

fn touch(dir: &Path, names: &[&str]) {
    for name in names {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
}

#[test]
fn data_belongs_to_the_bundle_whose_name_it_carries() {
    let dir = tempfile::tempdir().unwrap();
    touch(
        dir.path(),
        &[
            "a.wasm",
            "a.toml",
            "a.d/x.json",
            "a.d/roles/eu.toml",
            "ab.wasm",
            "ab.extra.csv",
        ],
    );
    let listing = list(dir.path()).unwrap();
    assert!(
        listing.errors.is_empty() && listing.warnings.is_empty(),
        "{listing:?}"
    );
    let names = |bundle: &str| {
        listing.bundles[bundle]
            .data
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names("a"), ["a.toml", "roles/eu.toml", "x.json"]);
    assert_eq!(names("ab"), ["ab.extra.csv"]);
}

#[test]
fn left_overs_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    touch(
        dir.path(),
        &[
            "a.wasm",
            ".a.wasm",
            "a.toml~",
            ".a.toml.swp",
            "a.wasm.tmp",
            "#a.toml#",
            "a.tests.toml~",
            "a.d/.hidden",
        ],
    );
    let listing = list(dir.path()).unwrap();
    assert!(
        listing.errors.is_empty() && listing.warnings.is_empty(),
        "{listing:?}"
    );
    let bundle = &listing.bundles["a"];
    assert!(
        bundle.data.is_empty() && bundle.tests.is_none(),
        "{listing:?}"
    );
}

#[test]
fn a_test_file_is_no_data_and_belongs_to_the_bundle_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    touch(
        dir.path(),
        &["a.wasm", "a.tests.toml", "a.d/tests.toml", "b.tests.toml"],
    );
    let listing = list(dir.path()).unwrap();
    let bundle = &listing.bundles["a"];
    assert_eq!(bundle.tests, Some(dir.path().join("a.tests.toml")));
    assert_eq!(bundle.data.keys().collect::<Vec<_>>(), ["tests.toml"]);
    assert_eq!(listing.warnings.len(), 1, "{listing:?}");
    assert!(listing.warnings[0].contains("b.tests.toml"), "{listing:?}");
}

#[test]
fn companions_are_there_before_their_component_is() {
    let dir = tempfile::tempdir().unwrap();
    touch(
        dir.path(),
        &[
            "a.toml",
            "a.tests.toml",
            "a.d/x/y.csv",
            "a.toml~",
            "ab.toml",
            "b.wasm",
            "README",
        ],
    );
    let found = companions(dir.path(), "a").unwrap();
    let expected = ["a.toml", "a.d/x/y.csv", "a.tests.toml"];
    assert_eq!(found, expected.map(PathBuf::from));
    touch(dir.path(), &["a.d/no name"]);
    assert!(companions(dir.path(), "a").is_err());
    assert!(companions(&dir.path().join("none"), "a").is_err());
}

#[test]
fn data_without_a_bundle_is_a_warning_and_an_odd_wasm_an_error() {
    let dir = tempfile::tempdir().unwrap();
    touch(
        dir.path(),
        &["b.toml", "README", "a.b.wasm", "é.wasm", ".wasm"],
    );
    std::fs::write(
        dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.wasm")),
        b"",
    )
    .unwrap();
    let listing = list(dir.path()).unwrap();
    assert_eq!(listing.warnings.len(), 2, "{listing:?}");
    assert_eq!(listing.errors.len(), 3, "{listing:?}");
    assert!(listing.bundles.is_empty());
}

#[test]
fn two_data_files_of_one_name_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), &["a.wasm", "a.toml", "a.d/a.toml"]);
    let listing = list(dir.path()).unwrap();
    assert!(
        matches!(
            listing.errors[..],
            [BundleError {
                fault: Fault::SameName,
                ..
            }]
        ),
        "{listing:?}"
    );
}

#[test]
fn the_manifest_is_no_bundles_and_no_bundle_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), &["a.wasm", "MANIFEST", "MANIFEST.minisig"]);
    let listing = list(dir.path()).unwrap();
    assert!(listing.has_manifest && listing.errors.is_empty() && listing.warnings.is_empty());
    assert!(listing.bundles["a"].data.is_empty());
    touch(dir.path(), &["MANIFEST.wasm"]);
    let listing = list(dir.path()).unwrap();
    assert!(matches!(
        listing.errors[..],
        [BundleError {
            fault: Fault::Reserved,
            ..
        }]
    ));
    assert_eq!(listing.bundles.len(), 1);
}

#[test]
fn a_loop_of_directories_ends() {
    let dir = tempfile::tempdir().unwrap();
    touch(dir.path(), &["a.wasm", "a.d/x"]);
    std::os::unix::fs::symlink(dir.path().join("a.d"), dir.path().join("a.d/again")).unwrap();
    assert_eq!(list(dir.path()).unwrap().errors.len(), 1);
}
