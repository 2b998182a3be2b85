//! Authenticator plugins on real servers: their life from start to close, and whatever
//! one of them does wrong.
//!
//! `corp` is there beside them: whatever happens to a plugin, its log-ins go on.

use std::time::{Duration, Instant};

use warden_hostile::{PluginAnswer, PluginGuest};
use warden_tests::{Line, Reply, Scene, eventually, on_both_lines};

use crate::unload::{load, unload};

on_both_lines!(
    whom_a_plugin_vouches_for_gets_a_session_and_nobody_else,
    a_plugin_that_fails_lets_nobody_in_and_nobody_else_feels_it,
    a_failed_plugin_begins_anew,
    a_replaced_plugin_is_closed_and_a_broken_one_replaces_nothing,
    a_removed_plugins_sessions_end,
    a_revocation_does_not_wait_for_a_plugin_to_be_compiled,
    a_revocation_does_not_wait_for_plugins_to_be_initialised,
    a_plugin_in_error_fails_the_start_and_says_why,
    a_module_with_plugins_can_be_unloaded_and_loaded_again,
    an_unload_while_many_wait_for_a_slow_plugin_harms_nobody,
    a_flood_of_credentials_has_no_plugin_fill_the_log,
);

const FILE: &str = "type = 'plugin'\ncomponent = '../keys/plugin.wasm'\ntoken_prefix = 'key_'\n";

const ROLES: &str = r#"
[roles.reader]
members = ["user:keys/alice", "user:corp/alice"]
rules = ["+@read", "~reports:*"]
"#;

const FOREVER: &str = "(loop (br 0))";
const GROW: &str =
    "(if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable)))";

/// Imports the log, and writes the secret it is asked about: where the canonical ABI
/// puts it.
const LOG: &str = r#"(import "warden:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#;
const TELL_SECRET: &str = "(call $write (i32.const 3) (i32.load offset=12 (local.get 0)) (i32.load offset=16 (local.get 0)))";

/// Writes this line, of at most eight characters.
fn tell(line: &str) -> String {
    let mut bytes = [b' '; 8];
    bytes[..line.len()].copy_from_slice(line.as_bytes());
    let word = i64::from_le_bytes(bytes);
    let length = line.len();
    format!(
        "(i64.store (i32.const 8) (i64.const {word})) \
         (call $write (i32.const 3) (i32.const 8) (i32.const {length}))"
    )
}

fn answering(answer: PluginAnswer) -> PluginGuest {
    PluginGuest {
        answer,
        ..PluginGuest::default()
    }
}

fn failing(authenticate: &str) -> PluginGuest {
    PluginGuest {
        authenticate: authenticate.to_owned(),
        ..PluginGuest::default()
    }
}

/// A scene in which `keys` is this plugin.
fn scene(line: Line, guest: &PluginGuest) -> Scene {
    let scene = Scene::builder(line).roles(ROLES).start();
    scene.keys.replace("plugin.wasm", guest.wasm());
    scene.authenticators.replace("20-keys.toml", FILE);
    wait_for_plugin(&scene);
    scene
}

/// Waits until the plugin is compiled and in force.
fn wait_for_plugin(scene: &Scene) {
    eventually("the plugin is in force", || state(scene).map(|_| ()));
}

/// `keys` in `WARDEN.AUTHENTICATORS`.
fn state(scene: &Scene) -> Option<Reply> {
    let all = scene.authenticators_state();
    all.into_iter().find(|one| one.field("id").text() == "keys")
}

/// An attempt with a key that was never presented before.
fn attempt(scene: &Scene, number: u32) -> Reply {
    let key = format!("key_canary-{number}");
    scene.server.connect().auth("token", &key)
}

fn whom_a_plugin_vouches_for_gets_a_session_and_nobody_else(line: Line) {
    let plugin = scene(line, &PluginGuest::default());
    let mut client = plugin.server.connect();
    client.auth("token", "key_1").expect_ok();
    assert_eq!(client.user(), "keys/alice");
    assert!(client.run("GET reports:1").is_nil());
    client.run("SET reports:1 x").expect_error("NOPERM");
    assert_eq!(client.whoami().field("method").text(), "plugin");
    // The name is its answer's, whatever the client says.
    plugin.expect_refused("bob", "key_2", "WRONGPASS");
    // What does not begin as its keys do is not its to judge.
    plugin.expect_refused("alice", "password", "WRONGPASS");
    let verified = state(&plugin).unwrap().field("verified").number();
    assert_eq!(verified, 1);
    let mut again = plugin.server.connect();
    again.auth("token", "key_1").expect_ok();
    let remembered = state(&plugin).unwrap().field("verified").number();
    assert_eq!(remembered, 1, "an answer is remembered");
}

fn a_plugin_that_fails_lets_nobody_in_and_nobody_else_feels_it(line: Line) {
    let cases = [
        (failing(FOREVER), "TRYAGAIN", "used more than"),
        (failing(GROW), "TRYAGAIN", "asked for more than"),
        (failing("(unreachable)"), "TRYAGAIN", "trapped"),
        (failing("(return (i32.const -8))"), "TRYAGAIN", "trapped"),
        (
            answering(PluginAnswer::Unavailable("the list is being read".into())),
            "TRYAGAIN",
            "the list is being read",
        ),
        (
            answering(PluginAnswer::Refused("no such key".into())),
            "WRONGPASS invalid username-password pair",
            "no such key",
        ),
        (
            answering(PluginAnswer::Verified(
                "alice".into(),
                vec![("sub".into(), "\"root\"".into())],
            )),
            "TRYAGAIN",
            "twice",
        ),
        (
            answering(PluginAnswer::Verified("a\nb".into(), vec![])),
            "WRONGPASS",
            "cannot be a principal",
        ),
        (
            PluginGuest {
                imports: LOG.into(),
                ..failing(&format!("{TELL_SECRET} (unreachable)"))
            },
            "TRYAGAIN",
            "withheld",
        ),
    ];
    let plugin = scene(line, &PluginGuest::default());
    let mut idle = plugin.log_in("alice");
    for (number, (guest, reply, logged)) in (1..).zip(&cases) {
        replace(&plugin, guest);
        let refused = attempt(&plugin, number).expect_error(reply);
        assert!(!refused.contains(logged), "{refused}");
        plugin
            .server
            .wait_for_log(logged, warden_tests::server::PATIENCE);
        idle.run("PING").expect_text("PONG");
        let id = format!("after-{number}");
        plugin
            .attempt(&warden_tests::Claims::of("alice").id(id))
            .expect_ok();
    }
    let log = plugin.server.log();
    assert!(!log.contains("canary"), "{log}");
    plugin.server.expect_healthy();
}

/// Puts another component in place, and waits until it is in force.
fn replace(scene: &Scene, guest: &PluginGuest) {
    let times = || {
        let log = scene.server.log();
        log.matches("authenticators in force: corp, keys").count()
    };
    let before = times();
    scene.keys.replace("plugin.wasm", guest.wasm());
    eventually("the other plugin is in force", || {
        (times() > before).then_some(())
    });
}

fn a_failed_plugin_begins_anew(line: Line) {
    let plugin = scene(
        line,
        &PluginGuest {
            imports: LOG.into(),
            initialise: tell("begun"),
            ..failing("(if (i32.eq (global.get $calls) (i32.const 2)) (then (unreachable)))")
        },
    );
    attempt(&plugin, 1).expect_ok();
    attempt(&plugin, 2).expect_error("TRYAGAIN");
    assert_eq!(state(&plugin).unwrap().field("status").text(), "failing");
    let mut number = 2;
    eventually("it answers again", || {
        number += 1;
        attempt(&plugin, number).is_ok().then_some(())
    });
    assert_eq!(state(&plugin).unwrap().field("status").text(), "ok");
    let begun = plugin
        .server
        .log()
        .matches("plugin \"keys\": begun")
        .count();
    assert_eq!(begun, 2);
}

fn a_replaced_plugin_is_closed_and_a_broken_one_replaces_nothing(line: Line) {
    let first = PluginGuest {
        imports: LOG.into(),
        close: tell("closed"),
        ..PluginGuest::default()
    };
    let plugin = scene(line, &first);
    let mut session = plugin.server.connect();
    session.auth("token", "key_1").expect_ok();

    let broken = PluginGuest {
        refusal: Some("realm is missing".into()),
        ..PluginGuest::default()
    };
    plugin.keys.replace("plugin.wasm", broken.wasm());
    let patience = warden_tests::server::PATIENCE;
    plugin
        .server
        .wait_for_log("refuses its properties: realm is missing", patience);
    attempt(&plugin, 1).expect_ok();
    assert_eq!(state(&plugin).unwrap().field("status").text(), "stale");
    assert!(!plugin.server.log().contains("closed"));

    // The next one closes badly, which ends nobody.
    let last = PluginGuest {
        imports: LOG.into(),
        close: FOREVER.into(),
        ..PluginGuest::default()
    };
    replace(&plugin, &last);
    plugin
        .server
        .wait_for_log("plugin \"keys\": closed", patience);
    replace(&plugin, &PluginGuest::default());
    plugin
        .server
        .wait_for_log("close failed: used more than", patience);
    attempt(&plugin, 2).expect_ok();
    assert!(session.run("GET reports:1").is_nil());
}

fn a_removed_plugins_sessions_end(line: Line) {
    let plugin = scene(line, &PluginGuest::default());
    let mut theirs = plugin.server.connect();
    theirs.auth("token", "key_1").expect_ok();
    let mut ours = plugin.log_in("alice");
    plugin.authenticators.remove("20-keys.toml");
    assert!(theirs.closes_within(warden_tests::server::PATIENCE));
    plugin.expect_refused("token", "key_1", "WRONGPASS");
    assert_eq!(ours.user(), "corp/alice");
}

fn a_revocation_does_not_wait_for_a_plugin_to_be_compiled(line: Line) {
    // In a directory of its own: compiled by this server.
    let plugin = Scene::builder(line).roles(ROLES).own_state().start();
    let mut session = plugin.log_in("alice");
    let slow = PluginGuest {
        fields: "(func (drop (i32.const 7)))".repeat(50_000),
        ..PluginGuest::default()
    };
    plugin.keys.replace("plugin.wasm", slow.wasm());
    plugin.authenticators.replace("20-keys.toml", FILE);
    plugin
        .server
        .wait_for_log("is being started", warden_tests::server::PATIENCE);
    let begun = Instant::now();
    plugin.authenticators.remove("10-corp.toml");
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    let ended = begun.elapsed();
    let compiled_first = state(&plugin).is_some();
    assert!(
        !compiled_first || ended < Duration::from_secs(1),
        "{ended:?}"
    );
    wait_for_plugin(&plugin);
    attempt(&plugin, 1).expect_ok();
}

fn a_revocation_does_not_wait_for_plugins_to_be_initialised(line: Line) {
    let plugin = Scene::builder(line).roles(ROLES).start();
    let endless = PluginGuest {
        initialise: FOREVER.into(),
        ..PluginGuest::default()
    };
    plugin.keys.replace("plugin.wasm", endless.wasm());
    // A second each, on a processor of one's own.
    for number in 20..30 {
        let name = format!("{number}-keys-{number}.toml");
        plugin.authenticators.replace(&name, FILE);
    }
    plugin.server.wait_for_log(
        "initialise failed: used more than",
        warden_tests::server::PATIENCE,
    );
    let mut session = plugin.log_in("alice");
    let initialised = || {
        let log = plugin.server.log();
        log.matches("initialise failed: used more than").count()
    };
    plugin.authenticators.remove("10-corp.toml");
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    assert!(initialised() < 10 * 9, "they are tried at most so often");
    plugin.server.expect_healthy();
}

fn a_plugin_in_error_fails_the_start_and_says_why(line: Line) {
    let cases = [
        ("component = '../keys/none.wasm'", "none.wasm"),
        (
            "component = '../keys/corp.jwks'",
            "component: is not a component",
        ),
    ];
    for (component, words) in cases {
        let file = format!("type = 'plugin'\n{component}\n");
        let started = Scene::builder(line).authenticator_file(&file).try_start();
        let failure = started.err().expect("the server must not start");
        assert!(failure.log.contains(words), "{}", failure.log);
    }
}

fn a_module_with_plugins_can_be_unloaded_and_loaded_again(line: Line) {
    let plugin = scene(line, &PluginGuest::default());
    let mut session = plugin.server.connect();
    session.auth("token", "key_1").expect_ok();
    unload(&plugin);
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    load(&plugin);
    // The server serves while the plugin is started.
    wait_for_plugin(&plugin);
    attempt(&plugin, 1).expect_ok();
    plugin.server.expect_healthy();
}

/// Some milliseconds of work.
fn slow() -> PluginGuest {
    let turn = "(global.set $left (i32.sub (global.get $left) (i32.const 1)))";
    PluginGuest {
        fields: "(global $left (mut i32) (i32.const 0))".into(),
        ..failing(&format!(
            "(global.set $left (i32.const 3000000)) (loop {turn} (br_if 0 (global.get $left)))"
        ))
    }
}

fn an_unload_while_many_wait_for_a_slow_plugin_harms_nobody(line: Line) {
    let plugin = scene(line, &slow());
    plugin.server.config_set("warden.auth_timeout_ms", "300");
    for round in 0..5 {
        let mut waiting: Vec<_> = (0..800).map(|_| plugin.server.connect()).collect();
        for (number, client) in waiting.iter_mut().enumerate() {
            client.send(["AUTH", "token", &format!("key_{round}-{number}")]);
        }
        for client in &mut waiting {
            client.receive();
        }
    }
    let waits = state(&plugin).unwrap().field("waiting").number();
    assert!(waits > 1000, "{waits}");
    unload(&plugin);
    plugin.server.expect_healthy();
    load(&plugin);
    attempt(&plugin, 1).expect_ok();
}

fn a_flood_of_credentials_has_no_plugin_fill_the_log(line: Line) {
    let plugin = scene(
        line,
        &PluginGuest {
            imports: LOG.into(),
            ..failing(&tell("flooded"))
        },
    );
    let begun = Instant::now();
    let mut client = plugin.server.connect();
    for number in 0..500 {
        client.auth("token", &format!("key_{number}")).expect_ok();
    }
    let seconds = begun.elapsed().as_secs() + 2;
    let log = plugin.server.log();
    let lines = u64::try_from(log.matches("flooded").count()).unwrap();
    assert!((1..=32 * seconds).contains(&lines), "{lines}");
    eventually("what was left out is told", || {
        attempt(&plugin, 1);
        let log = plugin.server.log();
        log.contains("more lines of plugin \"keys\" were not written here")
            .then_some(())
    });
}
