//! docs/configuration.md: every setting, default, bound and flag as a running
//! server has them, and an authenticator file that warden takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use warden_tests::hostile_directory::Answer;
use warden_tests::{Claims, HostileDirectory, Issuer, Line, Scene, Server, ServerBuilder};

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

/// The settings of a directory with the text about each, of both pages.
fn directorys_settings() -> Vec<(String, String, String)> {
    let text = document("docs/configuration.md");
    let own = between(&text, "## Directories (LDAP)\n", "\n### ");
    let groups = document("docs/ldap-groups.md");
    let rows = [
        table(own, "in the file", 3),
        table(&groups, "in the file", 3),
    ];
    let rows = rows.concat().into_iter();
    rows.flat_map(|row| {
        let names: Vec<String> = row[0]
            .split(", ")
            .map(|name| code(name).expect("a key").to_owned())
            .collect();
        let row = (row[1].clone(), row[2].clone());
        names
            .into_iter()
            .map(move |name| (name, row.0.clone(), row.1.clone()))
    })
    .collect()
}

/// The lines of a file with this value of a key, and what else it needs beside it.
fn directorys_file(key: &str, value: &str) -> String {
    let mut lines = vec!["type = 'ldap'".to_owned()];
    if key != "servers" {
        lines.push("servers = ['ldap://127.0.0.1:1']".to_owned());
    }
    match key.strip_prefix("groups.") {
        None => lines.push(format!("{key} = {value}")),
        Some(of_groups) => {
            lines.push("[groups]".to_owned());
            if of_groups != "base" {
                lines.push("base = 'dc=x'".to_owned());
            }
            if of_groups == "depth" {
                lines.push("nested = 'walk'".to_owned());
            }
            if of_groups == "nested" && value.contains("in-chain") {
                lines.push("from = 'search'".to_owned());
            }
            lines.push(format!("{of_groups} = {value}"));
        }
    }
    lines.join("\n") + "\n"
}

/// `A to B` at the beginning.
fn bounds(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| text.replace(',', "").parse().ok();
    let (low, rest) = text.split_once(" to ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',')?;
    Some((number(low)?, number(rest[..end].trim_end_matches(','))?))
}

/// The words in quotes, of a setting that takes no others.
fn words(default: &str, text: &str) -> Vec<String> {
    let both = format!("{default} {text}");
    let mut words: Vec<String> = both
        .split("`\"")
        .skip(1)
        .filter_map(|rest| rest.split_once("\"`"))
        .map(|(word, _)| word.to_owned())
        .collect();
    words.sort();
    words.dedup();
    words
}

#[test]
fn the_settings_of_a_directory_are_known_and_bounded_as_documented() {
    const CHOICES: [&str; 9] = [
        "server_selection",
        "auth_mode",
        "search_scope",
        "local_users",
        "on_reject",
        "attach",
        "groups.from",
        "groups.scope",
        "groups.nested",
    ];
    let scene = Scene::start(Line::V9_1);
    let mut admin = scene.server.admin();
    let mut errors = |file: &str| {
        scene.authenticators.replace("10-corp.toml", file);
        let reply = admin.call(["WARDEN.RELOAD"]);
        reply.field("authenticators").field("errors").texts()
    };
    let (mut numbers, mut choices) = (0, BTreeSet::new());
    for (key, default, text) in directorys_settings() {
        // Whatever is wrong with a table, the key is one that is known.
        let told = errors(&directorys_file(&key, "{ wrong = true }"));
        assert!(
            told.iter().any(|error| error.contains(&key)),
            "{key}: {told:?}"
        );
        let is_known = |error: &String| !error.contains("is not a known key");
        assert!(told.iter().all(is_known), "{key}: {told:?}");
        let list = |count: u64| {
            let items: Vec<String> = (0..count)
                .map(|n| match key.as_str() {
                    "servers" => format!("'ldap://127.0.0.1:{}'", n + 1),
                    _ => format!("'attribute{n}'"),
                })
                .collect();
            format!("[{}]", items.join(", "))
        };
        let is_list = ["servers", "attributes"].contains(&key.as_str());
        if let Some((low, high)) = bounds(&text) {
            numbers += 1;
            for (value, is_good) in [
                (low.checked_sub(1), false),
                (Some(low), true),
                (Some(high), true),
                (Some(high + 1), false),
            ] {
                let Some(value) = value else { continue };
                let written = if is_list {
                    list(value)
                } else {
                    value.to_string()
                };
                let told = errors(&directorys_file(&key, &written));
                assert_eq!(told.is_empty(), is_good, "{key} = {value}: {told:?}");
            }
        }
        if !is_list && let Ok(default) = default.replace(',', "").parse::<u64>() {
            let told = errors(&directorys_file(&key, &default.to_string()));
            assert!(told.is_empty(), "{key} = {default}: {told:?}");
        }
        if CHOICES.contains(&key.as_str()) {
            let words = words(&default, &text);
            assert!(words.len() >= 2, "{key}: {words:?}");
            for word in words {
                let told = errors(&directorys_file(&key, &format!("'{word}'")));
                assert!(told.is_empty(), "{key} = {word}: {told:?}");
            }
            let told = errors(&directorys_file(&key, "'otherwise'"));
            assert_eq!(told.len(), 1, "{key}: {told:?}");
            choices.insert(key);
        }
    }
    assert_eq!((numbers, choices.len()), (12, CHOICES.len()));
}

#[test]
fn the_throttle_of_the_page_holds_back_a_pair_and_exempts_whom_it_says() {
    let text = document("docs/configuration.md");
    let section = between(&text, "## Throttle\n", "\n## ");
    let example = blocks(section, "toml").remove(0);
    let directory = HostileDirectory::start();
    directory.answer(Answer::result(49, ""));
    let file = |throttle: &str| {
        let head = "failure_detector_interval = 600\n";
        format!(
            "type = 'ldap'\nservers = ['{}']\n{head}{throttle}",
            directory.url()
        )
    };
    let here = example.replace("10.20.0.0/16", "127.0.0.0/8");
    for (throttle, is_exempt) in [(&example, false), (&here, true)] {
        let scene = Scene::builder(Line::V9_1)
            .authenticator_file(&file(throttle))
            .start();
        let before = directory.binds().len();
        for number in 0..12 {
            let words = if number < 10 || is_exempt {
                "WRONGPASS"
            } else {
                "TRYAGAIN"
            };
            scene.expect_refused("alice", &format!("guess-{number}"), words);
        }
        let asked = directory.binds().len() - before;
        assert_eq!(asked, if is_exempt { 12 } else { 10 });
    }
}
