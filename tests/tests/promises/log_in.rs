//! A sound token becomes a session, whichever way AUTH is spelled.

use warden_tests::{Claims, Line, Scene, on_both_lines};

on_both_lines!(
    two_arguments_with_the_principals_name,
    two_arguments_with_the_authenticators_id_before_the_name,
    two_arguments_with_the_word_token,
    one_argument,
    hello_2_carries_the_credential,
    hello_3_carries_the_credential,
    hello_with_a_refused_credential_leaves_the_connection_a_strangers,
    another_principals_name_is_refused,
    another_authenticators_id_is_refused,
    a_stranger_stays_one_until_a_credential_is_accepted,
    a_principal_without_any_role_is_refused,
);

const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

fn two_arguments_with_the_principals_name(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.auth("alice", &scene.token("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");
}

fn two_arguments_with_the_authenticators_id_before_the_name(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.auth("corp/alice", &scene.token("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");
}

fn two_arguments_with_the_word_token(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.auth("token", &scene.token("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");
}

fn one_argument(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.auth_alone(&scene.token("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");

    let mut twin = scene.server.connect();
    twin.auth_alone(&scene.issuer.forged(&Claims::of("alice")))
        .expect_error(WRONG);
    twin.run("PING").expect_error("NOAUTH");
}

fn hello_2_carries_the_credential(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    let greeting = client.hello_auth(2, "alice", &scene.token("alice"));
    assert_eq!(greeting.field("proto").number(), 2);
    assert!(!greeting.is_map());
    assert_eq!(client.user(), "corp/alice");
}

fn hello_3_carries_the_credential(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    let greeting = client.hello_auth(3, "token", &scene.token("alice"));
    assert!(greeting.is_map(), "{greeting}");
    assert_eq!(greeting.field("proto").number(), 3);
    assert_eq!(client.user(), "corp/alice");

    // Again with the credential cached: answered without waiting.
    let mut second = scene.server.connect();
    let greeting = second.call([
        "HELLO",
        "3",
        "AUTH",
        "token",
        &scene.token("alice"),
        "SETNAME",
        "app",
    ]);
    assert_eq!(greeting.field("proto").number(), 3);
    second.run("CLIENT GETNAME").expect_text("app");
    assert_eq!(second.user(), "corp/alice");
}

fn hello_with_a_refused_credential_leaves_the_connection_a_strangers(line: Line) {
    let scene = Scene::start(line);
    for version in [2, 3] {
        let mut client = scene.server.connect();
        let forged = scene.issuer.forged(&Claims::of("alice").id(version));
        client
            .hello_auth(version, "token", &forged)
            .expect_error(WRONG);
        client.run("PING").expect_error("NOAUTH");
        client.auth("token", &scene.token("alice")).expect_ok();
    }
}

fn another_principals_name_is_refused(line: Line) {
    let scene = Scene::start(line);
    let alice = scene.token("alice");
    for name in [
        "bob", "corp/bob", "alic", "alice ", "Alice", "corp/", "/alice", "",
    ] {
        let mut client = scene.server.connect();
        client.auth(name, &alice).expect_error("WRONGPASS");
        client.run("PING").expect_error("NOAUTH");
    }
    scene.expect_refused(
        "bob",
        &alice,
        "WRONGPASS the token's principal is not accepted under this user name.",
    );
}

fn another_authenticators_id_is_refused(line: Line) {
    let scene = Scene::start(line);
    scene.expect_refused("partner/alice", &scene.token("alice"), "WRONGPASS");
}

fn a_stranger_stays_one_until_a_credential_is_accepted(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.run("GET reports:q1").expect_error("NOAUTH");
    client.run("WARDEN.WHOAMI").expect_error("NOAUTH");
    client.run("WARDEN.SESSIONS").expect_error("NOAUTH");
    client.auth("alice", "a password").expect_error("WRONGPASS");
    client.run("GET reports:q1").expect_error("NOAUTH");
    client.auth("alice", &scene.token("alice")).expect_ok();
    assert!(client.run("GET reports:q1").is_nil());
}

fn a_principal_without_any_role_is_refused(line: Line) {
    let scene = Scene::start(line);
    scene
        .attempt(&Claims::of("mallory"))
        .expect_error("WRONGPASS no policy grants access.");
    scene
        .attempt(&Claims::of("mallory").groups(&["strangers"]))
        .expect_error("WRONGPASS no policy grants access.");
    scene
        .attempt(&Claims::of("mallory").groups(&["analysts"]))
        .expect_ok();
}
