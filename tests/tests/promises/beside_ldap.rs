//! Warden beside a module that answers AUTH as valkey-ldap does, loaded before and after it.
//!
//! The server asks the module that registered last first, and whoever does not handle a
//! credential leaves it to the one before.

use std::fs;

use warden_tests::native::ldap_module;
use warden_tests::{Claims, Connection, Line, Scene, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    a_directory_before_warden_is_asked_about_what_warden_leaves_alone,
    a_directory_before_warden_sees_no_token,
    a_directory_before_warden_is_not_asked_where_fallback_is_deny,
    a_directory_before_warden_is_asked_about_native_users,
    a_directory_before_warden_is_not_asked_about_names_that_are_an_authenticators,
    a_directory_behind_warden_is_asked_first_and_sees_every_token,
    a_directory_behind_warden_answers_in_spite_of_fallback_deny,
    a_directory_behind_warden_that_answers_with_errors_keeps_everybody_out,
    sessions_are_right_in_both_orders,
    a_log_in_by_the_directory_ends_a_session_in_both_orders,
    either_module_can_go_and_the_other_stays,
);

/// Dora and alice are in the directory; only dora is an ACL user, without a password.
const PEOPLE: &str = "dora:swordfish alice:pearl";

/// Who is loaded first, and so asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Directory,
    Warden,
}

const ORDERS: [First; 2] = [First::Directory, First::Warden];

/// A scene with both, and the administrator's connection.
fn start(line: Line, first: First, arguments: &[&str]) -> (Scene, Connection) {
    let path = ldap_module().display().to_string();
    let mut builder = Scene::builder(line).module_args(arguments);
    if first == First::Directory {
        builder = builder.config([("loadmodule", path.as_str()), ("ldap.people", PEOPLE)]);
    }
    let scene = builder.start();
    let mut admin = scene.server.admin();
    if first == First::Warden {
        admin
            .call([
                "MODULE",
                "LOADEX",
                path.as_str(),
                "CONFIG",
                "ldap.people",
                PEOPLE,
            ])
            .expect_ok();
    }
    admin
        .run("ACL SETUSER dora on resetpass ~reports:* +@read +acl|whoami")
        .expect_ok();
    (scene, admin)
}

/// Whom the directory was asked about, the administrator apart.
fn asked(admin: &mut Connection) -> Vec<String> {
    let names = admin.run("LDAP.ASKED").text();
    let names = names.split_whitespace().filter(|name| *name != "default");
    names.map(str::to_owned).collect()
}

fn a_directory_before_warden_is_asked_about_what_warden_leaves_alone(line: Line) {
    let (scene, mut admin) = start(line, First::Directory, &[]);
    let mut dora = scene.server.connect();
    dora.auth("dora", "wrong").expect_error("WRONGPASS");
    dora.auth("dora", "swordfish").expect_ok();
    dora.run("ACL WHOAMI").expect_text("dora");
    assert!(dora.run("GET reports:q1").is_nil());
    dora.run("SET reports:q1 x").expect_error("NOPERM");
    // In the directory, but no ACL user.
    scene.expect_refused("alice", "pearl", "ERR Failed to authenticate with ACL");
    scene.expect_refused("nobody", "x", "WRONGPASS");
    assert_eq!(asked(&mut admin), ["dora", "dora", "alice", "nobody"]);
}

fn a_directory_before_warden_sees_no_token(line: Line) {
    let (scene, mut admin) = start(line, First::Directory, &[]);
    let token = scene.token("alice");
    for user in ["token", "alice", "corp/alice"] {
        scene.server.connect().auth(user, &token).expect_ok();
    }
    // Warden's no is the last word.
    let expired = scene.issuer.token(&Claims::of("alice").expired_for(9000));
    for user in ["token", "alice"] {
        scene.expect_refused(user, &expired, "WRONGPASS");
    }
    scene
        .attempt(&Claims::of("without-a-role"))
        .expect_error("WRONGPASS");
    assert_eq!(asked(&mut admin), [""; 0]);
}

fn a_directory_before_warden_is_not_asked_where_fallback_is_deny(line: Line) {
    let arguments = ["fallback", "deny", "native_users", "default"];
    let (scene, mut admin) = start(line, First::Directory, &arguments);
    scene.expect_refused("dora", "swordfish", "WRONGPASS");
    assert_eq!(asked(&mut admin), [""; 0]);
    scene.log_in("alice");
}

/// Warden leaves them to whoever comes next, and that is the other module.
fn a_directory_before_warden_is_asked_about_native_users(line: Line) {
    let arguments = [
        "fallback",
        "deny",
        "native_users",
        "default dora breakglass",
    ];
    let (scene, mut admin) = start(line, First::Directory, &arguments);
    admin
        .run("ACL SETUSER breakglass on >glass ~* +@all")
        .expect_ok();
    scene.server.connect().auth("dora", "swordfish").expect_ok();
    scene
        .server
        .connect()
        .auth("breakglass", "glass")
        .expect_ok();
    assert_eq!(asked(&mut admin), ["dora", "breakglass"]);
}

/// Some users move over first.
fn a_directory_before_warden_is_not_asked_about_names_that_are_an_authenticators(line: Line) {
    let (scene, mut admin) = start(line, First::Directory, &[]);
    let path = scene.authenticators.file("10-corp.toml");
    let everybody = fs::read_to_string(path).unwrap();
    let some = format!("users = [\"bob\", \"do*\"]\n{everybody}");
    scene.reload_after(|| scene.authenticators.replace("10-corp.toml", some));
    scene.expect_refused("dora", "swordfish", "WRONGPASS");
    assert_eq!(asked(&mut admin), [""; 0]);
    scene.expect_refused("alice", "pearl", "ERR Failed to authenticate with ACL");
    assert_eq!(asked(&mut admin), ["alice"]);
    let editor = Claims::of("bob").groups(&["editors"]);
    assert_eq!(scene.log_in_with(&editor).user(), "corp/bob");
}

fn a_directory_behind_warden_is_asked_first_and_sees_every_token(line: Line) {
    let (scene, mut admin) = start(line, First::Warden, &[]);
    let mut alice = scene.log_in("alice");
    assert_eq!(alice.user(), "corp/alice");
    scene.expect_refused("token", "x.y.z", "WRONGPASS");
    let before = scene.counter(info::REFUSALS);
    let mut dora = scene.server.connect();
    dora.auth("dora", "swordfish").expect_ok();
    dora.run("ACL WHOAMI").expect_text("dora");
    // Its yes is the last word, and so is that it cannot say yes.
    scene.expect_refused("alice", "pearl", "ERR Failed to authenticate with ACL");
    assert_eq!(scene.counter(info::REFUSALS), before);
    assert_eq!(asked(&mut admin), ["token", "token", "dora", "alice"]);
}

fn a_directory_behind_warden_answers_in_spite_of_fallback_deny(line: Line) {
    let arguments = ["fallback", "deny", "native_users", "default"];
    let (scene, _admin) = start(line, First::Warden, &arguments);
    scene.server.connect().auth("dora", "swordfish").expect_ok();
    scene.expect_refused("dora", "wrong", "WRONGPASS");
    scene.log_in("alice");
}

fn a_directory_behind_warden_that_answers_with_errors_keeps_everybody_out(line: Line) {
    for (first, token_is_good) in [(First::Directory, true), (First::Warden, false)] {
        let (scene, mut admin) = start(line, first, &[]);
        admin
            .run("CONFIG SET ldap.return_auth_errors yes")
            .expect_ok();
        let reply = scene.attempt(&Claims::of("alice"));
        assert_eq!(reply.is_ok(), token_is_good, "{first:?}: {reply}");
        // The server's own check is behind both.
        scene.expect_refused("default", warden_tests::ADMIN_PASSWORD, "ERR LDAP");
        scene.server.connect().auth("dora", "swordfish").expect_ok();
    }
}

fn sessions_are_right_in_both_orders(line: Line) {
    for first in ORDERS {
        let (scene, mut admin) = start(line, first, &[]);
        let mut alice = scene.log_in("alice");
        let mut bob = scene.log_in_with(&Claims::of("bob").groups(&["editors"]));
        let mut dora = scene.server.connect();
        dora.auth("dora", "swordfish").expect_ok();
        bob.run("SET reports:q1 x").expect_ok();
        for reader in [&mut alice, &mut dora] {
            reader.run("GET reports:q1").expect_text("x");
            reader.run("SET reports:q1 y").expect_error("NOPERM");
        }
        // Who came by the directory has no session, and is not touched by what ends them.
        scene.wait_for_info(info::SESSIONS, "2");
        let killed = admin.run("WARDEN.KILL AUTHENTICATOR corp");
        assert!(killed.error().is_none(), "{first:?}: {killed}");
        for client in [&mut alice, &mut bob] {
            assert!(client.closes_within(warden_tests::server::PATIENCE));
        }
        dora.run("GET reports:q1").expect_text("x");
        scene.wait_for_info(info::SESSIONS, "0");
    }
}

fn a_log_in_by_the_directory_ends_a_session_in_both_orders(line: Line) {
    for first in ORDERS {
        let (scene, _admin) = start(line, first, &[]);
        let mut client = scene.log_in_with(&Claims::of("bob").groups(&["editors"]));
        client.auth("dora", "wrong").expect_error("WRONGPASS");
        assert_eq!(client.user(), "corp/bob", "{first:?}");
        client.auth("dora", "swordfish").expect_ok();
        client.run("ACL WHOAMI").expect_text("dora");
        client.run("SET reports:q1 x").expect_error("NOPERM");
        scene.wait_for_info(info::SESSIONS, "0");
        client.auth("token", &scene.token("alice")).expect_ok();
        assert_eq!(client.user(), "corp/alice", "{first:?}");
        scene.wait_for_info(info::SESSIONS, "1");
    }
}

fn either_module_can_go_and_the_other_stays(line: Line) {
    for first in ORDERS {
        let (scene, mut admin) = start(line, first, &[]);
        let mut alice = scene.log_in("alice");
        admin.run("MODULE UNLOAD ldap").expect_ok();
        assert!(alice.run("GET reports:q1").is_nil(), "{first:?}");
        scene.log_in("alice");
        scene.expect_refused("dora", "swordfish", "WRONGPASS");
    }
    for first in ORDERS {
        let (scene, mut admin) = start(line, first, &[]);
        let mut dora = scene.server.connect();
        dora.auth("dora", "swordfish").expect_ok();
        // Refused while a policy is compiled.
        eventually("warden is unloaded", || {
            admin.run("MODULE UNLOAD warden").is_ok().then_some(())
        });
        assert!(dora.run("GET reports:q1").is_nil(), "{first:?}");
        scene.server.connect().auth("dora", "swordfish").expect_ok();
    }
}
