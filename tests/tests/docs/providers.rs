//! docs/providers: every authenticator file loads, and every token shown logs in as whom
//! the page says.
//!
//! The tokens are signed with a key of the tests. It stands in a file in place of the
//! provider's own keys, which nobody here can reach; the rest of each file is as written.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use warden_tests::parts::workspace;
use warden_tests::{Claims, Line, Scene, on_both_lines};

use crate::markdown::{blocks, document};

on_both_lines!(
    adfs_tokens_are_whom_the_page_says,
    entra_tokens_are_whom_the_page_says,
    keycloak_tokens_are_whom_the_page_says,
    okta_and_auth0_tokens_are_whom_the_page_says,
    kubernetes_tokens_are_whom_the_page_says,
);

/// Keys of a file that say where the provider's own keys are.
const ELSEWHERE: [&str; 3] = ["discovery_url", "jwks_url", "refresh_seconds"];

/// A file with the scene's keys in place of the provider's.
fn with_keys(file: &str, keys: &str) -> String {
    let kept = file.lines().filter(|line| {
        !ELSEWHERE
            .iter()
            .any(|key| line.starts_with(&format!("{key} =")))
    });
    let mut lines = Vec::new();
    let mut in_endpoint = false;
    for line in kept {
        if line.starts_with('[') {
            in_endpoint = line == "[endpoint]";
        }
        if !in_endpoint {
            lines.push(line.to_owned());
        }
        if line.starts_with("audience") {
            lines.push(format!("jwks_file = '{keys}'"));
        }
    }
    lines.join("\n")
}

/// Logs in with each token of a page and compares who comes of it.
fn expect_page(line: Line, page: &str, id: &str) {
    let text = document(&format!("docs/providers/{page}.md"));
    let files = blocks(&text, "toml");
    let tokens = blocks(&text, "json");
    let people = blocks(&text, "text");
    assert_eq!(files.len(), tokens.len(), "{page}: a token for each file");
    assert_eq!(files.len(), people.len(), "{page}: a person for each token");
    for ((file, token), expected) in files.iter().zip(&tokens).zip(&people) {
        let scene = Scene::builder(line).without_authenticator().start();
        let keys = scene.keys.file_text("corp.jwks");
        let name = format!("10-{id}.toml");
        scene.authenticators.replace(&name, with_keys(file, &keys));
        let mut admin = scene.server.admin();
        let reply = admin.call(["WARDEN.RELOAD"]);
        let errors = reply.field("authenticators").field("errors").texts();
        assert!(errors.is_empty(), "{page}: {errors:?}");
        let claims: Value = serde_json::from_str(token).expect("a token is JSON");
        let members = claims.as_object().expect("a token is an object");
        let absent = ["sub", "iss", "aud", "exp", "iat"].into_iter();
        let absent = absent.filter(|name| !members.contains_key(*name));
        let claims = absent.fold(Claims::of("x"), Claims::without);
        let claims = members.iter().fold(claims, |claims, (name, value)| {
            claims.set(name, value.clone())
        });
        let token = scene.issuer.token(&claims);
        let told = admin.call(["WARDEN.EXPLAIN", "token", &token]);
        assert!(!told.field("user").is_nil(), "{page}: {told}");
        let mut found = BTreeSet::new();
        found.insert(format!("user {}", told.field("user").text()));
        for (word, field) in [("group", "groups"), ("scope", "scopes")] {
            found.extend(
                told.field(field)
                    .texts()
                    .iter()
                    .map(|name| format!("{word} {name}")),
            );
        }
        let expected: BTreeSet<String> = expected.lines().map(str::to_owned).collect();
        assert_eq!(found, expected, "{page}");
    }
}

fn adfs_tokens_are_whom_the_page_says(line: Line) {
    expect_page(line, "adfs", "adfs");
}

fn entra_tokens_are_whom_the_page_says(line: Line) {
    expect_page(line, "entra", "entra");
}

fn keycloak_tokens_are_whom_the_page_says(line: Line) {
    expect_page(line, "keycloak", "keycloak");
}

fn okta_and_auth0_tokens_are_whom_the_page_says(line: Line) {
    expect_page(line, "okta-auth0", "okta");
}

fn kubernetes_tokens_are_whom_the_page_says(line: Line) {
    expect_page(line, "kubernetes", "kubernetes");
}

#[test]
fn every_page_is_in_the_list() {
    let list = document("docs/providers/README.md");
    for entry in fs::read_dir(workspace().join("docs/providers")).expect("the directory is there") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name in UTF-8");
        assert!(
            name == "README.md" || list.contains(&format!("({name})")),
            "{name}"
        );
    }
}
