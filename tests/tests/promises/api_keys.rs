//! The example plugin, and one that knows what it is told: as operators configure them.

use warden_tests::server::PATIENCE;
use warden_tests::{
    Authority, Connection, Identity, Leaf, Line, Scene, SceneBuilder, eventually, on_both_lines,
    parts,
};

on_both_lines!(
    a_key_opens_sessions_until_it_is_taken_from_the_list,
    a_list_in_error_keeps_the_keys_before_it,
    answers_are_remembered_for_connections_that_look_the_same_to_the_plugin,
    a_plugin_is_told_its_properties_and_files,
    a_credential_that_a_plugin_tells_stands_nowhere,
);

const ROLES: &str = r#"
[roles.reader]
members = ["group:keys/readers"]
rules = ["+@read", "~reports:*"]
"#;

/// `one` and `two`, as the plugin sees `key_one` and `key_two`.
const ONE: &str = "[[key]]\nname = 'billing'\ngroups = ['readers']\n\
    sha256 = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'\n";
const TWO: &str = "[[key]]\nname = 'billing'\ngroups = ['readers']\nnetworks = ['10.0.0.0/8']\n\
    sha256 = '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3'\n";

/// A scene whose one authenticator is this plugin.
fn plugin(line: Line, name: &str, lines: &str) -> SceneBuilder {
    let component = parts::plugin(name).display().to_string();
    let file = format!(
        "type = 'plugin'\nid = 'keys'\ncomponent = '{component}'\ntoken_prefix = 'key_'\n{lines}"
    );
    Scene::builder(line).roles(ROLES).authenticator_file(&file)
}

/// The keys plugin, with this list.
fn api_keys(line: Line, list: &str) -> Scene {
    let scene = plugin(line, "api-keys", "").without_authenticator().start();
    scene.keys.replace_secret("api-keys.toml", list);
    let component = parts::plugin("api-keys").display().to_string();
    scene.authenticators.replace(
        "10-keys.toml",
        format!(
            "type = 'plugin'\ncomponent = '{component}'\ntoken_prefix = 'key_'\n\
             [property_files]\nkeys = '../keys/api-keys.toml'\n"
        ),
    );
    eventually("the plugin is in force", || {
        (!scene.authenticators_state().is_empty()).then_some(())
    });
    scene
}

fn a_key_opens_sessions_until_it_is_taken_from_the_list(line: Line) {
    let scene = api_keys(line, &format!("{ONE}{TWO}"));
    let mut client = scene.server.connect();
    client.auth_alone("key_one").expect_ok();
    assert_eq!(client.user(), "keys/billing");
    assert!(client.run("GET reports:1").is_nil());
    scene
        .server
        .connect()
        .auth("billing", "key_one")
        .expect_ok();
    for (user, key) in [
        ("token", "key_1"),
        ("alice", "key_one"),
        ("token", "key_two"),
    ] {
        scene.expect_refused(user, key, "WRONGPASS");
    }
    scene.keys.replace_secret("api-keys.toml", TWO);
    eventually("the key opens no session", || {
        let reply = scene.server.connect().auth("token", "key_one");
        reply.is_error("WRONGPASS").then_some(())
    });
}

fn a_list_in_error_keeps_the_keys_before_it(line: Line) {
    let scene = api_keys(line, ONE);
    scene
        .keys
        .replace_secret("api-keys.toml", "[[key]]\nname = 'x'\nsha256 = 'abc'\n");
    scene.server.wait_for_log("64 hexadecimal digits", PATIENCE);
    let state = &scene.authenticators_state()[0];
    assert_eq!(state.field("status").text(), "stale");
    scene.server.connect().auth("token", "key_one").expect_ok();
}

fn answers_are_remembered_for_connections_that_look_the_same_to_the_plugin(line: Line) {
    let authority = Authority::new("ca");
    let lines = "[claims]\nname = '/certificate/emails/0'\ngroups = '/certificate/dns'\n";
    let scene = plugin(line, "tests/moody", lines)
        .server(|server| server.tls(&authority))
        .start();
    let ann = authority.issue(&Leaf::client("a").email("ann@example.com").dns("readers"));
    let bob = authority.issue(&Leaf::client("b").email("bob@example.com").dns("readers"));
    let log_in = |identity: &Identity| -> Connection {
        let mut client = scene.server.connect_tls(Some(identity));
        client.auth("token", "key_client").expect_ok();
        client
    };
    assert_eq!(log_in(&ann).user(), "keys/ann@example.com");
    assert_eq!(log_in(&bob).user(), "keys/bob@example.com");
    assert_eq!(log_in(&ann).user(), "keys/ann@example.com");
    assert_eq!(
        scene.authenticators_state()[0].field("verified").number(),
        2
    );
    // Without a certificate the same secret is nobody's.
    scene.expect_refused("token", "key_client", "WRONGPASS");
    let mut bare = scene.server.connect_tls(None);
    bare.auth("token", "key_client").expect_error("WRONGPASS");
    // A certificate without a secret is put before the plugin, too.
    let mut shown = scene.server.connect_tls(Some(&ann));
    shown.auth("certificate", "").expect_error("WRONGPASS");
    assert!(scene.server.log().contains("moody knows no such word"));
}

fn a_plugin_is_told_its_properties_and_files(line: Line) {
    let file = "[require]\n'/values/realm' = '\"eu\"'\n'/values/ports' = '[1,2]'\n'/files/note' = 5\n\
                [properties]\nrealm = 'eu'\nports = [1, 2]\n[property_files]\nnote = '../keys/note.txt'\n";
    let scene = plugin(line, "tests/moody", "").start();
    scene.keys.replace_secret("note.txt", "12345");
    let component = parts::plugin("tests/moody").display().to_string();
    scene.authenticators.replace(
        "10-corp.toml",
        format!(
            "type = 'plugin'\nid = 'keys'\ncomponent = '{component}'\ntoken_prefix = 'key_'\n{file}"
        ),
    );
    let mut number = 0;
    eventually("the properties are as required", || {
        number += 1;
        let key = format!("key_properties.{number}");
        let reply = scene.server.connect().auth("token", &key);
        reply
            .is_error("WRONGPASS no policy grants access")
            .then_some(())
    });
}

fn a_credential_that_a_plugin_tells_stands_nowhere(line: Line) {
    let scene = plugin(line, "tests/moody", "").start();
    let words = [
        ("log-secret", "a line that holds the credential is withheld"),
        (
            "refused-secret",
            "the plugin refuses the credential: (a line",
        ),
        ("panic-secret", "authenticate failed: trapped"),
        ("secret-name", "it answered with the credential itself"),
        ("log-much", "more messages of this run were dropped"),
    ];
    for (word, logged) in words {
        let mut attempts = 0;
        eventually("the plugin has said it", || {
            attempts += 1;
            let key = format!("key_{word}.{attempts}-canary-0123456789");
            let refused = scene.server.connect().auth("token", &key).error()?;
            assert!(!refused.contains("canary"), "{refused}");
            scene.server.log().contains(logged).then_some(())
        });
    }
    let everything = format!(
        "{} {} {:?} {:?}",
        scene.server.log(),
        scene.server.admin().run("INFO everything").text(),
        scene.server.admin().run("ACL LOG"),
        scene.authenticators_state(),
    );
    assert!(!everything.contains("canary"), "{everything}");
}
