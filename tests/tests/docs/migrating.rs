//! docs/migrating-from-valkey-ldap.md: the file of the page becomes the file of the page, and
//! each setting of its tables what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use warden_tests::native::ldap_module;
use warden_tests::slapd::{BASE, SERVICE, SERVICE_PASSWORD, Slapd, password_of};
use warden_tests::{Authority, Directory, Line, Server, eventually, on_both_lines, parts};

use crate::markdown::{between, blocks, code, document, table};

on_both_lines!(the_steps_of_the_page_move_some_users_over_and_back);

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

/// From both modules with nothing in `authenticator_dir`, over some users, to all of them and
/// back, each as the page says it.
fn the_steps_of_the_page_move_some_users_over_and_back(line: Line) {
    let page = document(PAGE);
    let authority = Authority::new("ca");
    let described = Slapd::builder().users(["alice", "dora"]);
    let slapds = [described.start(&authority), described.start(&authority)];
    let [toml] = &blocks(&page, "toml")[..] else {
        panic!("one authenticator's file");
    };
    let mut file = toml.clone();
    let ca_file = authority.ca_file().display().to_string();
    for (from, to) in [
        ("ldaps://ldap1.example.com", slapds[0].tls_url().as_str()),
        ("ldaps://ldap2.example.com", &slapds[1].tls_url()),
        ("/etc/valkey/tls/corp-ca.pem", &ca_file),
        ("cn=valkey,ou=services,dc=example,dc=com", SERVICE),
        ("dc=example,dc=com", BASE),
    ] {
        assert!(file.contains(from), "{from}");
        file = file.replace(from, to);
    }
    let place = tempfile::tempdir().unwrap();
    let authenticators = Directory::create(place.path().join("authenticators"));
    // Both modules, in the order of the page.
    let conf = &blocks(&page, "conf")[0];
    let [_, modules, some] = &blocks(&page, "text")[..] else {
        panic!("CONFIG REWRITE, the modules, and some users");
    };
    let module = |name: &str| match name {
        "/usr/lib/valkey/libvalkey_ldap.so" => ldap_module().display().to_string(),
        "/usr/lib/valkey/libwarden.so" => parts::module().display().to_string(),
        "/etc/valkey/authenticators" => authenticators.path().display().to_string(),
        other => other.to_owned(),
    };
    let lines = modules.lines().map(|text| {
        let (name, value) = text.split_once(' ').expect("a name and a value");
        (name.to_owned(), module(value))
    });
    let people = (
        "ldap.people".to_owned(),
        "alice:other dora:swordfish".to_owned(),
    );
    let server = Server::builder(line).config(lines.chain([people])).start();
    let mut admin = server.admin();
    let user = conf.lines().find_map(|text| text.strip_prefix("user "));
    let user = user.expect("a user").to_owned();
    for user in [user.clone(), user.replace("alice", "dora")] {
        admin.run(&format!("ACL SETUSER {user}")).expect_ok();
    }
    admin
        .run("ACL SETUSER breakglass on >glass +ping")
        .expect_ok();
    let logs_in = |name: &str, password: &str| server.connect().auth(name, password).is_ok();
    let mut asked = || {
        let names = admin.run("LDAP.ASKED").text();
        names
            .split_whitespace()
            .filter(|name| *name == "alice")
            .count()
    };
    // Nothing is different.
    eventually("policies are in force, an empty directory of them", || {
        (server.info("warden")["warden_status"] == "empty").then_some(())
    });
    assert!(logs_in("alice", "other") && logs_in("dora", "swordfish"));
    assert!(!logs_in("alice", &password_of("alice")));
    let before = asked();
    assert_eq!(before, 2);
    // Some first.
    authenticators.replace_secret("corp.password", SERVICE_PASSWORD);
    authenticators.replace("corp.toml", some.to_owned() + &file);
    eventually("she has moved", || {
        let mut client = server.connect();
        let is_in = client.auth("alice", &password_of("alice")).is_ok();
        is_in.then(|| {
            assert!(client.run("GET reports:1").is_nil());
            client.run("SET reports:1 x").expect_error("NOPERM");
        })
    });
    let explained = server
        .admin()
        .call(["WARDEN.EXPLAIN", "alice", &password_of("alice")]);
    explained.field("outcome").expect_text("granted");
    explained.field("user").expect_text("alice");
    let before = asked();
    assert!(!logs_in("alice", "other"));
    assert!(logs_in("alice", &password_of("alice")));
    assert_eq!(asked(), before, "the other module is not asked about her");
    assert!(logs_in("dora", "swordfish") && !logs_in("dora", &password_of("dora")));
    // Then all.
    authenticators.replace("corp.toml", &file);
    eventually("everybody has moved", || {
        logs_in("dora", &password_of("dora")).then_some(())
    });
    assert!(!logs_in("dora", "swordfish"));
    assert!(logs_in("breakglass", "glass"));
    let mut session = server.connect();
    session.auth("dora", &password_of("dora")).expect_ok();
    server.admin().run("MODULE UNLOAD ldap").expect_ok();
    assert!(session.run("GET reports:1").is_nil());
    // And back, as far as there is somebody to go back to.
    authenticators.remove("corp.toml");
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    assert!(!logs_in("dora", &password_of("dora")));
}
