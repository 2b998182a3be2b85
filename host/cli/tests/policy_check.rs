//! What `warden policy check` says of policies that are dangerous, or that no server takes.
//!
//! In: the built command line, the built `rbac`, and policies made to be refused. Out: each
//! finding with what to do about it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod place;
mod run;

use std::fs;

use serde_json::{Value, json};
use warden_hostile::Guest;

use place::Place;

/// `rbac` whose only role gives these rules to corp/ann, whom a test is about.
fn granting(rules: &[&str]) -> Place {
    let roles = json!(rules);
    let place = Place::with_roles(&format!(
        "[roles.r]\nmembers = ['user:corp/ann']\nrules = {roles}\n"
    ));
    let test = "[[tests]]\nname = 'ann'\nprincipal = 'corp/ann'\ncan = ['+get ~a']\n";
    place.write("rbac.tests.toml", test);
    place
}

/// A policy of these bytes, alone.
fn of_bytes(wasm: &[u8]) -> Place {
    let place = granting(&[]);
    for file in ["rbac.wasm", "rbac.toml", "rbac.tests.toml"] {
        fs::remove_file(place.path("policies").join(file)).unwrap();
    }
    fs::write(place.path("policies/p.wasm"), wasm).unwrap();
    place
}

/// The only error, and what to do about it.
#[track_caller]
fn error(place: &Place) -> (String, Value) {
    let told = place.run("check", &["--json"]).expect(1).json();
    let errors = told["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let text = errors[0]["error"].as_str().unwrap();
    (text.to_owned(), errors[0]["instead"].clone())
}

#[test]
fn check_warns_of_commands_that_undo_every_rule() {
    let place = granting(&["+get", "+@admin", "~a"]);
    let run = place.run("check", &["--json"]).expect(0);
    let dangerous = run.warnings("dangerous");
    assert_eq!(
        dangerous.len(),
        2,
        "one for each release line: {dangerous:#?}"
    );
    for warning in &dangerous {
        assert_eq!(
            (&warning["bundle"], &warning["rule"]),
            (&json!("rbac"), &json!("+@admin"))
        );
        let why = warning["why"].as_str().unwrap();
        for part in [
            "acl|deluser acl|load acl|setuser (changes what anybody may do)",
            "config|rewrite config|set (changes any setting, and where files are written)",
            "shutdown (ends the server)",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
        let instead = warning["instead"].as_str().unwrap();
        assert!(instead.starts_with("write -acl|deluser "), "{instead}");
        assert!(
            instead.ends_with("lay a ceiling over it: -@admin -@dangerous"),
            "{instead}"
        );
    }
    // What a ceiling takes away, nobody is warned of.
    let run = place.run("check", &["--json", "--ceiling", "-@admin -@dangerous"]);
    assert_eq!(run.expect(0).warnings("dangerous"), [Value::Null; 0]);
}

#[test]
fn check_warns_of_functions_that_others_call() {
    let run = granting(&["+get", "+@write", "~*"]).run("check", &["--json"]);
    let dangerous = run.expect(0).warnings("dangerous");
    let why = dangerous[0]["why"].as_str().unwrap();
    assert!(why.contains("function|load"), "{why}");
    assert!(
        why.contains("functions that others call with their own rights"),
        "{why}"
    );

    // Where keys are bounded, that is told once.
    let run = granting(&["+get", "+@write", "~a"])
        .run("check", &["--json"])
        .expect(0);
    let beyond = run.warnings("beyond-keys");
    assert!(
        beyond
            .iter()
            .any(|w| w["why"].as_str().unwrap().contains("function|load")),
        "{beyond:#?}"
    );
    let dangerous = run.warnings("dangerous").into_iter();
    let told: Vec<Value> = dangerous
        .filter(|w| w["why"].as_str().unwrap().contains("function|load"))
        .collect();
    assert_eq!(told, [Value::Null; 0]);

    let run = granting(&["+get", "+shutdown", "~a"])
        .run("check", &["--json"])
        .expect(0);
    let dangerous = run.warnings("dangerous");
    assert_eq!(dangerous.len(), 1, "{dangerous:#?}");
    let instead = dangerous[0]["instead"].as_str().unwrap();
    assert!(instead.starts_with("leave +shutdown out, or "), "{instead}");
}

#[test]
fn check_says_what_to_do_about_a_policy_that_no_server_takes() {
    let (text, instead) = error(&of_bytes(b"(module)"));
    assert!(
        text.starts_with("\"p.wasm\": is not a component: "),
        "{text}"
    );
    assert_eq!(
        instead,
        "build it as a component of the contract: with an SDK, or from sdk/wit"
    );

    let evil = "(component (import \"evil:net/socket@1.0.0\" (instance (export \"open\" (func)))))";
    let (text, instead) = error(&of_bytes(&wat::parse_str(evil).unwrap()));
    assert!(text.contains("imports \"evil:net/socket@1.0.0\""), "{text}");
    assert_eq!(
        instead,
        "take out what needs them, and build for wasm32-unknown-unknown"
    );

    let (text, instead) = error(&of_bytes(&wat::parse_str("(component)").unwrap()));
    assert!(
        text.contains("does not keep to the contract warden:policy"),
        "{text}"
    );
    assert_eq!(
        instead,
        "build it against the contract of this release, sdk/wit"
    );

    let refusing = Guest {
        data_refusal: Some("p.toml: line 3: unknown role".into()),
        ..Guest::default()
    };
    let (text, instead) = error(&of_bytes(&refusing.wasm()));
    assert_eq!(
        text,
        "\"p.wasm\": refuses its data: p.toml: line 3: unknown role"
    );
    assert_eq!(instead, Value::Null, "the policy's own words say it");
}

#[test]
fn check_says_what_to_do_about_files_and_tests() {
    let place = granting(&["+get", "~a"]);
    std::os::unix::fs::symlink("/etc/hostname", place.path("policies/rbac.more.toml")).unwrap();
    let (text, instead) = error(&place);
    assert_eq!(
        text,
        "\"rbac.more.toml\": leads outside the policy directory"
    );
    assert_eq!(instead, "copy into the directory what it leads to");
    fs::remove_file(place.path("policies/rbac.more.toml")).unwrap();

    place.write(
        "rbac.toml",
        "[roles.r]\nmembers = ['user:corp/ann']\nrules = ['+set', '~a']\n",
    );
    let (text, instead) = error(&place);
    assert!(
        text.contains("corp/ann should be able to \"+get ~a\""),
        "{text}"
    );
    assert_eq!(
        instead,
        "correct the data or the policy, or the test if it is mistaken"
    );

    let text = place.run("check", &[]).expect(1).out;
    assert!(
        text.contains("\n         do:  correct the data or the policy, "),
        "{text}"
    );
}

#[test]
fn check_warns_of_imports_that_nothing_is_behind() {
    let guest = Guest {
        imports:
            "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))"
                .into(),
        wasi: true,
        ..Guest::granting(&["+get", "~a"])
    };
    let place = of_bytes(&guest.wasm());
    let wasi = place.run("check", &["--json"]).expect(0).warnings("wasi");
    assert_eq!(wasi.len(), 1, "{wasi:#?}");
    assert_eq!(wasi[0]["bundle"], "p");
    let why = wasi[0]["why"].as_str().unwrap();
    assert!(
        why.starts_with("it imports wasi:random/random@0.2.0: "),
        "{why}"
    );
    let run = granting(&["+get", "~a"])
        .run("check", &["--json"])
        .expect(0);
    assert_eq!(run.warnings("wasi"), [Value::Null; 0]);
}

#[test]
fn check_tells_of_a_policy_that_decides_nothing() {
    let place = of_bytes(&Guest::evaluating("(unreachable)").wasm());
    let ann = place.path("ann.json");
    fs::write(&ann, r#"{"user": "corp/ann"}"#).unwrap();
    let more = ["--json", "--principal", ann.to_str().unwrap()];
    let told = place.run("check", &more).expect(1).json();
    let error = &told["errors"][0];
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .starts_with("nothing can be decided about corp/ann: "),
        "{error}"
    );
    assert!(
        error["instead"]
            .as_str()
            .unwrap()
            .contains("warden policy bench"),
        "{error}"
    );
}
