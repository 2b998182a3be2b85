//! From nothing to a policy in force: `warden policy new`, `build` and `test`, and then a
//! live server, in each language a policy can be begun in.
//!
//! What cargo fetched for this repository is enough: nothing is asked of the network.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use warden_tests::{Claims, Line, Scene, eventually, parts};

/// A command in a shell that finds `warden`, as an author types it.
fn shell(place: &Path, line: &str) -> Output {
    let warden = parts::cli();
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", warden.parent().expect("a directory").display());
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        // What `cargo test` tells its tests is not meant for the cargo in here.
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
        .args(["-euc", line])
        .current_dir(place)
        .env("PATH", path)
        .env("CARGO_NET_OFFLINE", "true")
        // What has been compiled for the standard policies is not compiled again.
        .env("CARGO_TARGET_DIR", parts::target_dir())
        .output()
        .expect("bash runs")
}

#[track_caller]
fn succeeds(place: &Path, line: &str) -> String {
    let output = shell(place, line);
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Alice of `corp`, who is of the sales department.
fn alice() -> Claims {
    Claims::of("alice")
        .groups(&["staff"])
        .set("department", "sales")
}

/// Builds a policy from nothing, then sees it follow its author on a server of each line.
fn a_policy_from_nothing(option: &str, data: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let printed = succeeds(
        place.path(),
        &format!(
            "warden policy new hello{option} && cd hello && warden policy build && warden policy test"
        ),
    );
    assert!(
        printed.ends_with("4 tests: 4 passed, 0 failed\n"),
        "{printed}"
    );
    let hello = place.path().join("hello");
    let data = hello.join("policies").join(data);
    let at_first = fs::read_to_string(&data).expect("its data");
    assert!(at_first.contains("+set"), "{at_first}");
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let mut alice = scene.log_in_with(&alice());
        let id = alice.id();
        alice.run("SET sales:q1 x").expect_error("NOPERM");

        let into = format!("warden policy build --into {:?}", scene.policies.path());
        scene.next_generation(|| drop(succeeds(&hello, &into)));
        eventually("the department's keys are hers", || {
            alice.run("SET sales:q1 x").is_ok().then_some(())
        });
        alice.run("SET finance:q1 x").expect_error("NOPERM");
        alice.run("FLUSHALL").expect_error("NOPERM");

        let narrower = at_first.replace("\"+set\", ", "").replace("+set ", "");
        let tests = hello.join("policies/hello.tests.toml");
        let tests_at_first = fs::read_to_string(&tests).expect("its tests");
        fs::write(&data, &narrower).expect("its data is the author's");
        fs::write(
            &tests,
            tests_at_first.replace("can = [\"+get +set +del", "can = [\"+get +del"),
        )
        .expect("its tests are the author's");
        scene.next_generation(|| drop(succeeds(&hello, &into)));
        eventually("what was taken away is gone", || {
            alice.run("SET sales:q1 x").is_error("NOPERM").then_some(())
        });
        alice.run("GET sales:q1").expect_text("x");
        assert_eq!(alice.id(), id, "the connection is the same");
        fs::write(&data, &at_first).expect("its data is the author's");
        fs::write(&tests, &tests_at_first).expect("its tests are the author's");
    }
    place
}

#[test]
fn a_rust_policy_from_nothing_changes_rights_without_a_reconnect() {
    let place = a_policy_from_nothing("", "hello.toml");
    let versions = fs::read_to_string(place.path().join("hello/Cargo.lock")).unwrap();
    let ours = fs::read_to_string(parts::workspace().join("Cargo.lock")).unwrap();
    let all = |text: &str| -> Vec<String> {
        let packages = text.split("[[package]]\n").skip(1);
        let heads = packages.map(|package| package.lines().take(2).collect::<Vec<_>>().join(" "));
        heads.collect()
    };
    let ours = all(&ours);
    for package in all(&versions) {
        assert!(
            package.contains("\"policy_hello\"") || ours.contains(&package),
            "{package} is not the version this repository was tested with"
        );
    }
}

#[test]
fn a_c_policy_from_nothing_changes_rights_without_a_reconnect() {
    a_policy_from_nothing(" --language c", "hello.txt");
}
