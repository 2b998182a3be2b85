//! docs/plugins.md: its commands do what it says. docs/plugins/api-keys.md: its example
//! lets in whom it says, and the messages it lists are those the plugin gives.

use warden_tests::{Line, Scene, eventually, parts};

use crate::markdown::{between, blocks, code, document, table};
use crate::readme::play;

const KEYS_PAGE: &str = "docs/plugins/api-keys.md";

/// What visitors of these tests may do.
const ROLES: &str = "[roles.writer]\n\
    members = ['group:keys/writers', 'user:keys/press-7']\n\
    rules = ['+get', '~*']\n";

#[test]
fn the_first_plugin_works_as_written() {
    play("docs/plugins.md");
}

/// The authenticator's file and the list of the page, at work.
fn scene(list: &str) -> Scene {
    let scene = Scene::builder(Line::V9_1).roles(ROLES).start();
    put_list(&scene, list);
    let file = blocks(&document(KEYS_PAGE), "toml")[0]
        .replace(
            "/etc/valkey/plugins/api-keys.wasm",
            &parts::plugin("api-keys").display().to_string(),
        )
        .replace(
            "/etc/valkey/plugins/api-keys.toml",
            &scene.keys.file_text("api-keys.toml"),
        );
    scene.authenticators.replace("20-keys.toml", file);
    eventually("the plugin is in force", || is_in_force(&scene));
    scene
}

/// Where the page's list stands in these tests: only its owner may read it.
fn put_list(scene: &Scene, list: &str) {
    scene.keys.replace_secret("api-keys.toml", list);
}

fn is_in_force(scene: &Scene) -> Option<()> {
    let all = scene.authenticators_state();
    let keys = all.iter().any(|one| one.field("id").text() == "keys");
    keys.then_some(())
}

/// The keys of the page's list, which stand above their entries.
fn keys(list: &str) -> Vec<&str> {
    list.lines()
        .filter_map(|line| line.strip_prefix("# key_"))
        .collect()
}

#[test]
fn the_list_of_api_keys_lets_in_whom_it_says() {
    let list = &blocks(&document(KEYS_PAGE), "toml")[1];
    let scene = scene(list);
    let [billing, press] = keys(list)[..] else {
        panic!("two keys: {list}")
    };
    let attempt = |user: &str, key: &str| {
        let mut client = scene.server.connect();
        let reply = client.auth(user, &format!("key_{key}"));
        (client, reply)
    };
    for user in ["billing", "keys/billing", "token"] {
        let (mut client, reply) = attempt(user, billing);
        reply.expect_ok();
        assert_eq!(client.user(), "keys/billing");
    }
    let told = scene
        .server
        .admin()
        .call(["WARDEN.EXPLAIN", "token", &format!("key_{billing}")]);
    assert_eq!(told.field("groups").texts(), ["keys/writers"]);
    assert_eq!(told.field("scopes").texts(), ["keys/cache.read"]);
    // These tests come from 127.0.0.1, which is not in the network 10.
    let (_, elsewhere) = attempt("press-7", press);
    let nobodys: String = press.chars().rev().collect();
    let (_, unknown) = attempt("press-7", &nobodys);
    elsewhere.expect_error("WRONGPASS");
    assert_eq!(elsewhere.to_string(), unknown.to_string());
    put_list(&scene, &list.replace("10.0.0.0/8", "127.0.0.0/8"));
    eventually("the key is good from here", || {
        attempt("press-7", press).1.is_ok().then_some(())
    });
}

/// A list that deserves each of the documented messages; `None`: no list is named.
const MISTAKES: [Option<&str>; 9] = [
    None,
    Some("sha256 = 'abc'"),
    Some("sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'"),
    Some("sha256 = 'OTHER'\n[[key]]\nname = 'b'\nsha256 = 'OTHER'"),
    Some("sha256 = 'OTHER'\n[[key]]\nname = ''\nsha256 = 'OTHER'"),
    Some("sha256 = 'OTHER'\nexpires = 2027-06-30"),
    Some("sha256 = 'OTHER'\nnetworks = ['10.1.2.3/8']"),
    Some("sha256 = 'OTHER'\nnetworks = []"),
    Some("sha256 = 'OTHER'\nnetwork = ['10.0.0.0/8']"),
];

#[test]
fn the_documented_messages_are_those_the_api_keys_plugin_gives() {
    let text = document(KEYS_PAGE);
    let messages = table(&text, "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    let list = &blocks(&text, "toml")[1];
    let scene = scene(list);
    let file = std::fs::read_to_string(scene.authenticators.file("20-keys.toml")).unwrap();
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        match mistake {
            None => {
                let (without, _) = file.split_once("[property_files]").unwrap();
                scene.authenticators.replace("20-keys.toml", without);
            }
            Some(lines) => {
                let digest = "0123456789abcdef".repeat(4);
                let lines = lines.replace("OTHER", &digest);
                put_list(&scene, &format!("[[key]]\nname = 'a'\n{lines}\n"));
                scene.authenticators.replace("20-keys.toml", &file);
            }
        }
        let errors = eventually("the plugin has been tried", || {
            let reply = scene.server.admin().call(["WARDEN.RELOAD"]);
            let errors = reply.field("authenticators").field("errors").texts();
            let is_tried = !errors.iter().any(|e| e.contains("is being started"));
            is_tried.then_some(errors)
        });
        assert!(
            errors.len() == 1 && errors[0].contains(message),
            "{message}: {errors:?}"
        );
    }
    let (_, key) = list.split_once("# ").unwrap();
    let (key, _) = key.split_once('\n').unwrap();
    let reply = scene.server.connect().auth("billing", key);
    reply.expect_ok();
}

#[test]
fn every_documented_key_of_a_plugins_file_is_taken_within_its_bounds() {
    let text = document("docs/configuration.md");
    let section = between(&text, "## Plugins\n", "\n## ");
    let scene = scene("");
    let file = std::fs::read_to_string(scene.authenticators.file("20-keys.toml")).unwrap();
    let errors = |lines: &str| {
        let file = format!("{lines}\n{file}");
        scene.authenticators.replace("20-keys.toml", file);
        let reply = scene.server.admin().call(["WARDEN.RELOAD"]);
        reply.field("authenticators").field("errors").texts()
    };
    let mut numbers = 0;
    for row in table(section, "in the file", 3) {
        let key = code(&row[0]).expect("a key");
        let (bounds, _) = row[2].split_once(':').unwrap_or((&row[2], ""));
        let bounds = bounds.replace(',', "");
        let Some((low, high)) = bounds.split_once(" to ") else {
            assert!(
                ["component", "properties", "property_files"].contains(&key),
                "{key} has bounds"
            );
            continue;
        };
        numbers += 1;
        let (low, high): (i64, i64) = (low.parse().unwrap(), high.parse().unwrap());
        for good in [low, high, row[1].replace(',', "").parse().unwrap()] {
            let errors = errors(&format!("{key} = {good}"));
            assert!(errors.is_empty(), "{key} = {good}: {errors:?}");
        }
        for bad in [low - 1, high + 1] {
            let errors = errors(&format!("{key} = {bad}"));
            assert!(
                errors.len() == 1 && errors[0].contains(key),
                "{key} = {bad}: {errors:?}"
            );
        }
    }
    assert_eq!(numbers, 4);
    let told = errors("properties.x = nan");
    assert!(told[0].contains("properties.x"), "{told:?}");
}
