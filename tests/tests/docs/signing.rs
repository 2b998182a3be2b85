//! docs/policies/signing.md: its commands work, its list is what is written, and the
//! messages it explains are those given.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use warden_tests::parts::{self, workspace};
use warden_tests::scene::ROLES;

use crate::markdown::{blocks, code, document, table};

const PAGE: &str = "docs/policies/signing.md";

/// A place with a policy directory, and the programs of the page.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for directory in ["policies", "bin"] {
        fs::create_dir(place.path().join(directory)).unwrap();
    }
    let file = |name: &str| place.path().join("policies").join(name);
    fs::write(file("rbac.wasm"), parts::policy("rbac")).unwrap();
    fs::write(file("rbac.toml"), ROLES).unwrap();
    let tests = "[[tests]]\nname = \"a\"\nprincipal = \"corp/x\"\nrefused = true\n";
    fs::write(file("rbac.tests.toml"), tests).unwrap();
    symlink(parts::cli(), place.path().join("bin/warden")).unwrap();
    let root = parts::minisign().display().to_string();
    let program = place.path().join("bin/minisign");
    let script = format!("#!/bin/sh\nLD_LIBRARY_PATH={root}/lib exec {root}/bin/minisign \"$@\"\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// Runs a line of the page; what it printed.
fn run(place: &Path, line: &str) -> String {
    let path = format!(
        "{}:{}",
        place.join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let mut child = Command::new("sh")
        .args(["-c", line])
        .current_dir(place)
        .env("PATH", path)
        .env("WARDEN_KEY_PASSWORD", "correct horse")
        .env_remove("WARDEN_POLICY_KEYS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // The program minisign asks here; what does not ask has closed it.
    let _ = child.stdin.take().unwrap().write_all(b"correct horse\n");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn its_commands_work_and_its_list_is_what_is_written() {
    let (place, text) = (place(), document(PAGE));
    let mut printed = Vec::new();
    for line in blocks(&text, "sh").concat().lines() {
        printed.push(run(place.path(), line));
    }
    assert_eq!(printed.len(), 6, "{printed:?}");
    assert!(printed[0].contains("warden.policy_keys RW"), "{printed:?}");
    let list = fs::read_to_string(place.path().join("policies/MANIFEST")).unwrap();
    let shape = |text: &str| -> Vec<String> {
        let words = text
            .lines()
            .map(|line| line.split(" = ").next().unwrap_or_default());
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let example = &blocks(&text, "toml")[0];
    assert_eq!(shape(example), shape(&list));
    let rows = table(&text, "key", 2);
    for row in rows {
        let key = code(&row[0]).expect("a key").to_owned();
        assert!(
            shape(&list)
                .iter()
                .any(|word| word.trim_matches(['[', ']']) == key),
            "{key}"
        );
    }
}

#[test]
fn the_messages_it_explains_are_those_given() {
    let source = workspace().join("host/policy/src/manifest/distrust.rs");
    let source = fs::read_to_string(source).unwrap();
    let rows = table(&document(PAGE), "message", 2);
    assert!(rows.len() > 5, "{rows:?}");
    for row in rows {
        let message = code(&row[0]).expect("a message");
        let (_, words) = message.split_once("\": ").expect("a file");
        let words = words
            .replace("E7620F1842B4E81F", "{0}")
            .replace(
                "revision 6, older than revision 7",
                "revision {offered}, older than revision {run}",
            )
            .replace("revision 7", "revision {0}");
        assert!(source.contains(&words), "{words:?} is no message");
    }
}
