//! docs/migrating-from-valkey-ldap.md: the file of the page becomes the file of the page, and
//! each setting of its tables what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use warden_tests::parts;

use crate::markdown::{between, blocks, code, document, table};

const PAGE: &str = "docs/migrating-from-valkey-ldap.md";

/// A directory with this `valkey.conf`.
fn place(conf: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valkey.conf");
    fs::write(&path, conf).unwrap();
    (directory, path)
}

/// The answer of the verb about a file, as JSON.
fn migrated(conf: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(parts::cli())
        .args(["migrate", "valkey-ldap"])
        .arg(conf)
        .args(arguments)
        .arg("--json")
        .output()
        .expect("the command line runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_configuration_of_the_page_becomes_the_file_of_the_page() {
    let page = document(PAGE);
    let (directory, conf) = place(&blocks(&page, "conf")[0]);
    let out = directory.path().display().to_string();
    let command = blocks(&page, "sh").remove(0);
    let words: Vec<&str> = command.split_whitespace().collect();
    let expected = [
        "sudo",
        "-u",
        "valkey",
        "warden",
        "migrate",
        "valkey-ldap",
        "/etc/valkey/valkey.conf",
        "--id",
        "corp",
        "--out",
        "/etc/valkey/authenticators",
    ];
    assert_eq!(words, expected);
    migrated(&conf, &["--id", "corp", "--out", &out]);
    let written = fs::read_to_string(directory.path().join("corp.toml")).unwrap();
    let written = written.replace(&conf.display().to_string(), "/etc/valkey/valkey.conf");
    assert_eq!(written, blocks(&page, "toml")[0]);
    let password = directory.path().join("corp.password");
    assert_eq!(fs::read_to_string(&password).unwrap(), "correct horse");
    let mode = fs::metadata(&password).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn every_setting_of_the_page_becomes_what_the_page_says() {
    let page = document(PAGE);
    for row in table(&page, "valkey-ldap", 2) {
        let (there, here) = (code(&row[0]).unwrap(), code(&row[1]).unwrap());
        let mut conf = "ldap.servers ldaps://x\n".to_owned();
        if there.contains(".search_") {
            conf.push_str(
                "ldap.auth_mode search+bind\nldap.search_bind_dn cn=x\nldap.search_bind_passwd x\n",
            );
        }
        if there.contains(".tls_") {
            conf.push_str("ldap.tls_cert_path /x\nldap.tls_key_path /x\n");
        }
        let (_directory, conf) = place(&format!("{conf}{there}\n"));
        let answer = migrated(&conf, &["--dry-run"]);
        let toml = answer["toml"].as_str().unwrap();
        assert!(
            toml.lines().any(|line| line == here),
            "{there}: no {here:?} in\n{toml}"
        );
    }
}

/// The settings that the page says are carried over, and those it says are not.
#[test]
fn the_page_names_every_setting_that_is_known() {
    let page = document(PAGE);
    let taken = table(&page, "valkey-ldap", 2);
    let rest = between(&page, "What is not carried over", "\n## ");
    let left = table(rest, "valkey-ldap", 2);
    let names = |rows: Vec<Vec<String>>| -> Vec<String> {
        let name = |row: &Vec<String>| {
            let words = code(&row[0]).expect("a setting");
            words.split(' ').next().unwrap().to_owned()
        };
        rows.iter().map(name).collect()
    };
    let (taken, left) = (names(taken), names(left));
    let source = document("host/cli/src/migrate/valkey_ldap/settings.rs");
    let mut known: Vec<String> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .filter(|text| text.contains('_') && *text != "search_bind_passwd_file")
        .chain(["servers"])
        .map(|name| format!("ldap.{name}"))
        .collect();
    known.sort();
    let mut named = [taken, left.clone()].concat();
    named.sort();
    assert_eq!(named, known);
    for name in left {
        let value = if name == "ldap.auth_enabled" {
            "no"
        } else {
            "x"
        };
        let (_directory, conf) = place(&format!("ldap.servers ldaps://x\n{name} {value}\n"));
        let answer = migrated(&conf, &["--dry-run"]);
        let finding = &answer["settings"].as_array().unwrap()[1];
        assert_eq!(finding["setting"], name);
        assert_eq!(finding["outcome"], "left", "{finding}");
        let says = finding["says"].as_str().unwrap();
        assert!(!says.contains("known here"), "{finding}");
    }
}
