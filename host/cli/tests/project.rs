//! `warden policy new` and `build`, run as their users run them.
//!
//! In: the built command line and temporary directories; clang and a linker for those in C.
//! Out: what it made, and its words where it makes nothing. That policies in both languages
//! come into force on real servers is held by the workspace's `tests/`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod run;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use run::{Run, Warden};

fn warden(place: &Path, arguments: &[&str]) -> Run {
    Warden::new(arguments).within(place).run()
}

/// A project called `hello` in a fresh directory.
fn project(language: &str) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let made = ["policy", "new", "hello", "--language", language];
    warden(place.path(), &made).expect(0);
    let hello = place.path().join("hello");
    (place, hello)
}

/// A directory with these programs, each a script of the shell.
fn programs(scripts: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, script) in scripts {
        let path = place.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    place
}

#[test]
fn what_exists_is_never_written_over() {
    let (place, hello) = project("c");
    let source = hello.join("src/policy.c");
    fs::write(&source, "mine").unwrap();
    for language in ["rust", "c"] {
        let again = ["policy", "new", "hello", "--language", language];
        warden(place.path(), &again).fails(1, "nothing is written over");
    }
    assert_eq!(fs::read_to_string(&source).unwrap(), "mine");
    assert!(!hello.join("Cargo.toml").exists());
}

#[test]
fn only_what_can_be_a_bundles_name_is_taken() {
    let place = tempfile::tempdir().unwrap();
    let long = "a".repeat(65);
    for name in ["", ".", "..", "a/b", "a.b", "a b", "é", "MANIFEST", &long] {
        let run = warden(place.path(), &["policy", "new", name]);
        run.fails(2, "cannot be a policy's name");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    warden(place.path(), &["policy", "new", "A_b-1"]).expect(0);
    let manifest = fs::read_to_string(place.path().join("A_b-1/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"policy_a_b_1\""), "{manifest}");
}

#[test]
fn a_missing_tool_is_told_with_what_to_install() {
    let nothing = programs(&[]);
    let (_place, rust) = project("rust");
    let build = ["policy", "build"];
    let run = |place: &Path, programs: &TempDir| {
        let run = Warden::new(&build).within(place);
        run.with("PATH", programs.path()).run()
    };
    run(&rust, &nothing).fails(1, "cargo is not on PATH: install Rust");
    let no_target = programs(&[("rustc", "echo /nowhere/lib")]);
    run(&rust, &no_target).fails(1, "rustup target add wasm32-unknown-unknown");
    let failing = programs(&[("cargo", "echo 'what is wrong' >&2; exit 101")]);
    run(&rust, &failing).fails(1, "what is wrong\nwarden: cargo failed");
    let making_nothing = programs(&[("cargo", "exit 0")]);
    run(&rust, &making_nothing).fails(1, "crate-type = [\"cdylib\", \"rlib\"]");

    let (_place, c) = project("c");
    run(&c, &nothing).fails(1, "clang is not on PATH: install clang and lld");
    let no_linker = programs(&[("clang", "exit 0")]);
    run(&c, &no_linker).fails(1, "wasm-ld is not on PATH: install clang and lld");
    let linker = programs(&[("clang", "exit 0"), ("wasm-ld", "echo no >&2; exit 1")]);
    run(&c, &linker).fails(1, "no\nwarden: ");
    assert!(!c.join("policies/hello.wasm").exists());
}

#[test]
fn a_policy_in_c_is_built_tested_and_put_where_it_is_asked_for() {
    let (place, hello) = project("c");
    let live = place.path().join("live");
    warden(&hello, &["policy", "build", "--into", "../live"]).fails(2, "no directory");
    fs::create_dir(&live).unwrap();
    fs::write(live.join("other.txt"), "another's").unwrap();
    let run = warden(&hello, &["policy", "build", "--into", "../live", "--json"]).expect(0);
    let told = run.json();
    assert_eq!(told["name"], "hello");
    assert_eq!(told["language"], "C");
    assert_eq!(told["files"][1], "../live/hello.wasm");
    for file in ["hello.wasm", "hello.txt", "hello.tests.toml"] {
        let (here, there) = (hello.join("policies").join(file), live.join(file));
        assert_eq!(fs::read(here).unwrap(), fs::read(there).unwrap(), "{file}");
    }
    assert_eq!(
        fs::read_dir(&live).unwrap().count(),
        4,
        "and nothing unfinished"
    );
    let tested = warden(&hello, &["policy", "test"]).expect(0);
    assert!(
        tested.out.ends_with("4 tests: 4 passed, 0 failed\n"),
        "{}",
        tested.out
    );
    warden(&hello, &["policy", "check", "--strict"]).expect(0);
}

#[test]
fn what_is_put_beside_other_files_of_the_policy_is_not_what_was_checked() {
    let (place, hello) = project("c");
    let live = place.path().join("live");
    fs::create_dir(&live).unwrap();
    let build = ["policy", "build", "--into", "../live"];
    warden(&hello, &build).expect(0);
    let built = || fs::read(live.join("hello.wasm")).unwrap();
    let before = built();
    let data = hello.join("policies/hello.d");
    fs::create_dir(&data).unwrap();
    fs::rename(hello.join("policies/hello.txt"), data.join("new.txt")).unwrap();
    let source = hello.join("src/policy.c");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("\"0.1.0\"", "\"0.2.0\"")).unwrap();
    let words = "\"../live/hello.txt\": is not in the project";
    warden(&hello, &build).fails(1, words);
    let run = warden(&hello, &[&build[..], &["--json"]].concat()).expect(1);
    let errors = run.json()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    assert!(!live.join("hello.d").exists(), "nothing is put");
    assert_eq!(built(), before);
    // What is another policy's, or nobody reads, is in nobody's way.
    fs::remove_file(live.join("hello.txt")).unwrap();
    fs::write(live.join("other.txt"), "").unwrap();
    fs::write(live.join("hello.txt~"), "").unwrap();
    let run = warden(&hello, &build).expect(0);
    assert!(!run.out.contains("warning"), "{}", run.out);
    assert!(live.join("hello.d/new.txt").exists());
    assert_ne!(built(), before);
}

#[test]
fn a_signed_directory_is_to_be_signed_again() {
    let (place, hello) = project("c");
    let live = place.path().join("live");
    fs::create_dir(&live).unwrap();
    let key = ["policy", "keygen", "../ann", "--without-password"];
    warden(&hello, &key).expect(0);
    let build = ["policy", "build", "--into", "../live"];
    warden(&hello, &build).expect(0);
    let sign = ["policy", "sign", "--dir", "../live", "--key", "../ann.key"];
    warden(&hello, &sign).expect(0);
    fs::write(hello.join("policies/hello.txt"), "group:corp/staff +get\n").unwrap();
    let run = warden(&hello, &build).expect(0);
    let words = "warning  ../live has a MANIFEST: sign it again";
    assert!(run.out.contains(words), "{}", run.out);
    let run = warden(&hello, &[&build[..], &["--json"]].concat()).expect(0);
    let warnings = run.json()["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
    // The project's own directory has none.
    let run = warden(&hello, &["policy", "build"]).expect(0);
    assert!(!run.out.contains("warning"), "{}", run.out);
}

#[test]
fn what_a_server_would_not_take_is_put_nowhere() {
    let (place, hello) = project("c");
    warden(&hello, &["policy", "build"]).expect(0);
    let built = hello.join("policies/hello.wasm");
    let before = fs::read(&built).unwrap();
    let source = hello.join("src/policy.c");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("\"0.1.0\"", "\"0.2.0\"")).unwrap();
    fs::write(hello.join("policies/hello.txt"), "staff +get\n").unwrap();
    let live = place.path().join("live");
    fs::create_dir(&live).unwrap();
    let run = warden(&hello, &["policy", "build", "--into", "../live"]).expect(1);
    assert!(
        run.err.contains("hello.txt line 1: staff is not a member"),
        "{}",
        run.err
    );
    assert_eq!(fs::read(&built).unwrap(), before);
    assert_eq!(fs::read_dir(&live).unwrap().count(), 0);
    let run = warden(&hello, &["policy", "build", "--json"]).expect(1);
    let told = run.json();
    assert_eq!(told["errors"].as_array().unwrap().len(), 1);
    // A mistake in the source is clang's to tell.
    fs::write(&source, "int x = ;\n").unwrap();
    warden(&hello, &["policy", "build"]).fails(1, "clang failed");
    assert_eq!(fs::read(&built).unwrap(), before);
}

#[test]
fn the_sdk_may_lie_elsewhere() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
    let sdk = sdk.canonicalize().unwrap();
    let sdk = sdk.to_str().unwrap();
    let place = tempfile::tempdir().unwrap();
    let new = |name: &str, language: &str, sdk: &str| {
        let arguments = ["policy", "new", name, "--language", language, "--sdk", sdk];
        warden(place.path(), &arguments)
    };
    new("c", "c", sdk).expect(0);
    assert!(place.path().join("c/sdk").is_symlink());
    warden(&place.path().join("c"), &["policy", "build"]).expect(0);
    new("rust", "rust", sdk).expect(0);
    let manifest = fs::read_to_string(place.path().join("rust/Cargo.toml")).unwrap();
    assert!(
        manifest.contains(&format!("path = \"{sdk}/rust\"")),
        "{manifest}"
    );
    assert!(!place.path().join("rust/sdk").exists());
    new("other", "c", "/").fails(2, "there is no c/include/warden.h");
    new("other", "rust", "/nowhere").fails(1, "/nowhere");
    assert!(!place.path().join("other").exists());
}
