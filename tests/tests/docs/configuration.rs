//! docs/configuration.md: every setting, default, bound and flag as a running
//! server has them, and an authenticator file that warden takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use warden_tests::{Claims, Issuer, Line, Scene, Server, ServerBuilder};

use crate::markdown::{between, blocks, code, document, table};

/// One row of the table of settings.
struct Row {
    name: String,
    default: String,
    accepts: String,
    protected: bool,
    changeable: bool,
}

fn yes(cell: &str) -> bool {
    match cell {
        "yes" => true,
        "no" => false,
        other => panic!("yes or no: {other:?}"),
    }
}

fn rows() -> Vec<Row> {
    let text = document("docs/configuration.md");
    let rows = table(&text, "name", 6);
    rows.iter()
        .map(|cells| Row {
            name: code(&cells[0]).expect("a name").to_owned(),
            default: match code(&cells[1]) {
                Some("\"\"") => String::new(),
                Some(value) => value.to_owned(),
                None => blocks(between(&text, "### Base rules", "\n## "), "text")
                    .concat()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            },
            accepts: cells[2].clone(),
            protected: yes(&cells[3]),
            changeable: yes(&cells[4]),
        })
        .collect()
}

fn server(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    change(Server::builder(Line::V9_1).module_args::<&str>([])).start()
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let server = server(|builder| builder);
    let reply = server.admin().run("CONFIG GET warden.*").items();
    let real: BTreeMap<String, String> = reply
        .chunks(2)
        .map(|pair| (pair[0].text(), pair[1].text()))
        .collect();
    let documented: BTreeMap<String, String> = rows()
        .into_iter()
        .map(|row| (format!("warden.{}", row.name), row.default))
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn protected_and_changeable_are_as_documented() {
    let strict = server(|builder| builder);
    let lax = server(ServerBuilder::protected_configs);
    for row in rows() {
        let name = format!("warden.{}", row.name);
        let accepted = |server: &Server| server.config_set(&name, &row.default).is_ok();
        assert_eq!(accepted(&lax), row.changeable, "{name}: changeable");
        let expected = row.changeable && !row.protected;
        assert_eq!(accepted(&strict), expected, "{name}: protected");
    }
}

#[test]
fn bounds_are_as_documented() {
    let server = server(ServerBuilder::protected_configs);
    // One connection for all: with `fallback deny` even the administrator is refused.
    let mut admin = server.admin();
    let mut accepts = |name: &str, value: &str| {
        let name = format!("warden.{name}");
        admin.call(["CONFIG", "SET", &name, value]).is_ok()
    };
    let mut numbers = 0;
    for row in rows().iter().filter(|row| row.changeable) {
        let bounds = row.accepts.split_once(" to ");
        let bounds = bounds
            .and_then(|(low, high)| Some((low.parse::<i128>().ok()?, high.parse::<i128>().ok()?)));
        if let Some((low, high)) = bounds {
            numbers += 1;
            for (value, good) in [
                (low - 1, false),
                (low, true),
                (high, true),
                (high + 1, false),
            ] {
                let is = accepts(&row.name, &value.to_string());
                assert_eq!(is, good, "{} = {value}", row.name);
            }
        } else if row.accepts.starts_with('`') {
            for word in row.accepts.split(", ").filter_map(code) {
                assert!(accepts(&row.name, word), "{} = {word}", row.name);
            }
            assert!(!accepts(&row.name, "otherwise"), "{}", row.name);
        }
    }
    assert_eq!(numbers, 8);
}

/// The complete example, with a key file that is there.
fn example(key_set: &str) -> String {
    let text = document("docs/configuration.md");
    let example = blocks(&text, "toml").remove(0);
    let path = "/etc/valkey/keys/corp.jwks.json";
    assert!(example.contains(path), "{example}");
    example.replace(path, key_set)
}

#[test]
fn the_complete_authenticator_file_is_accepted_and_lets_in_whom_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.json");
    let issuer = Issuer::new(
        "https://idp.example.com/realms/prod",
        Issuer::corp().key().clone(),
    );
    std::fs::write(&keys, issuer.key_set()).unwrap();
    // At start a bad file fails the load.
    let scene = Scene::builder(Line::V9_1)
        .authenticator_file(&example(&keys.display().to_string()))
        .start();
    let all = scene.authenticators_state();
    assert_eq!(all.len(), 1);
    all[0].field("id").expect_text("corp");
    let token = |name: &str| {
        let claims = Claims::of(name)
            .set("email_verified", true)
            .set("address", json!({"country": "IT"}));
        issuer.token(&claims)
    };
    for user in ["alice", "corp/alice", "token"] {
        let reply = scene.server.connect().auth(user, &token("alice"));
        reply.expect_ok();
    }
    for user in ["root", "corp/root", "token"] {
        scene.expect_refused(user, &token("root"), "WRONGPASS");
    }
}

#[test]
fn every_documented_key_is_in_the_complete_file_and_the_other_way_round() {
    let text = document("docs/configuration.md");
    let documented: BTreeSet<String> = table(&text, "key", 3)
        .iter()
        .map(|row| code(&row[0]).expect("a key").to_owned())
        .collect();
    let mut section = String::new();
    let mut shown = BTreeSet::from(["key_file".to_owned(), "secret_file".to_owned()]);
    for line in example("keys.json").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.insert(match section.as_str() {
                "" => key.to_owned(),
                "require" => "require".to_owned(),
                other => format!("{other}.{key}"),
            });
        }
    }
    assert_eq!(documented, shown);
}
