//! What a crowd, a haste or a size can do: nothing but wait or be refused.

use std::time::Duration;

use warden_tests::scene::ROLES;
use warden_tests::{Claims, Connection, Line, Reply, Scene, on_both_lines};

use crate::info;

on_both_lines!(
    a_token_of_16384_bytes_is_accepted,
    one_byte_more_is_refused_by_the_server,
    one_byte_more_on_a_session_ends_in_an_answer,
    clients_that_leave_while_being_verified_leave_nothing_behind,
    one_credential_on_many_connections_is_verified_once,
    one_refused_credential_on_many_connections_is_verified_once,
    a_full_queue_answers_try_again,
    a_credential_that_takes_too_long_answers_try_again,
    a_refused_credential_is_remembered_for_a_while,
    an_accepted_credential_is_remembered,
    the_cache_tells_user_names_apart,
    without_a_cache_every_credential_is_verified,
    more_memory_for_policies_is_given_to_those_in_force,
);

fn more_memory_for_policies_is_given_to_those_in_force(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let mut admin = scene.server.admin();
    // Within what they have room for nothing is loaded anew.
    admin
        .run("CONFIG SET warden.policy_memory_mb 128")
        .expect_ok();
    admin
        .run("CONFIG SET warden.policy_memory_mb 512")
        .expect_ok();
    scene.wait_for_generation(2);
    scene.log_in("alice");
    assert!(reader.run("GET reports:q1").is_nil());
    admin
        .run("CONFIG SET warden.policy_memory_mb 64")
        .expect_ok();
    let reloaded = admin.run("WARDEN.RELOAD");
    assert_eq!(reloaded.field("policies").field("generation").number(), 2);
}

fn a_token_of_16384_bytes_is_accepted(line: Line) {
    let scene = Scene::start(line);
    let token = scene.issuer.token_of_length(&Claims::of("alice"), 16_384);
    let mut client = scene.server.connect();
    client.auth("alice", &token).expect_ok();
    assert_eq!(client.user(), "corp/alice");
    let mut cached = scene.server.connect();
    cached.auth_alone(&token).expect_ok();
    scene
        .server
        .connect()
        .hello_auth(3, "alice", &token)
        .field("proto")
        .expect_text("3");
}

fn one_byte_more_is_refused_by_the_server(line: Line) {
    let scene = Scene::start(line);
    let token = scene.issuer.token_of_length(&Claims::of("alice"), 16_385);
    let mut client = scene.server.connect();
    client.send(["AUTH", "alice", &token]);
    // The server may close before its error is read.
    if let Ok(reply) = client.receive_within(warden_tests::server::PATIENCE) {
        reply.expect_error("ERR Protocol error");
    }
    assert!(client.closes_within(warden_tests::server::PATIENCE));
    scene.server.expect_healthy();
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn one_byte_more_on_a_session_ends_in_an_answer(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    for bytes in [16_385, 60_000] {
        let reply = client.auth(
            "alice",
            &scene.issuer.token_of_length(&Claims::of("alice"), bytes),
        );
        assert!(reply.is_ok() || reply.is_error("WRONGPASS"), "{reply}");
        assert_eq!(client.user(), "corp/alice");
    }
    client
        .auth("alice", &"x".repeat(1_000_000))
        .expect_error("WRONGPASS");
    client
        .auth("alice", &format!("e30.{}.e30", "A".repeat(1_000_000)))
        .expect_error("WRONGPASS");
    assert_eq!(client.user(), "corp/alice");
}

fn clients_that_leave_while_being_verified_leave_nothing_behind(line: Line) {
    let scene = Scene::start(line);
    for number in 0..200 {
        let mut client = scene.server.connect();
        client.send([
            "AUTH",
            "alice",
            &scene.issuer.token(&Claims::of("alice").id(number % 150)),
        ]);
        client.send(["GET", "reports:q1"]);
        drop(client);
    }
    scene.server.wait_for_quiet();
    scene.wait_for_info(info::SESSIONS, "0");
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
    scene.server.expect_healthy();
}

fn crowd(scene: &Scene, size: usize) -> Vec<Connection> {
    (0..size).map(|_| scene.server.connect()).collect()
}

/// All credentials arrive in one turn of the server's loop: it is held up until
/// they have been sent.
fn present(
    scene: &Scene,
    clients: &mut [Connection],
    token: impl Fn(usize) -> String,
) -> Vec<Reply> {
    let tokens: Vec<_> = (0..clients.len()).map(token).collect();
    let mut admin = scene.server.admin();
    admin.run("PING").expect_text("PONG");
    admin.send(["DEBUG", "SLEEP", "0.3"]);
    for (client, token) in clients.iter_mut().zip(tokens) {
        client.send(["AUTH", "alice", &token]);
    }
    admin.receive().expect_ok();
    clients.iter_mut().map(Connection::receive).collect()
}

fn one_credential_on_many_connections_is_verified_once(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut clients = crowd(&scene, 200);
    let before = scene.counter(info::VERIFICATIONS);
    for reply in present(&scene, &mut clients, |_| token.clone()) {
        reply.expect_ok();
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - before, 1);
    scene.wait_for_info(info::SESSIONS, "200");
    scene.wait_for_info(info::CLASSES, "1");
    for client in &mut clients {
        assert!(client.run("GET reports:q1").is_nil());
    }
    // The twin: as many different credentials are as many verifications.
    let mut others = crowd(&scene, 20);
    let before = scene.counter(info::VERIFICATIONS);
    for reply in present(&scene, &mut others, |n| {
        scene.issuer.token(&Claims::of("alice").id(n))
    }) {
        reply.expect_ok();
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - before, 20);
}

fn one_refused_credential_on_many_connections_is_verified_once(line: Line) {
    let scene = Scene::start(line);
    let forged = scene.issuer.forged(&Claims::of("alice"));
    let mut clients = crowd(&scene, 100);
    let before = scene.counter(info::VERIFICATIONS);
    for reply in present(&scene, &mut clients, |_| forged.clone()) {
        reply.expect_error("WRONGPASS");
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - before, 1);
    scene.wait_for_info(info::SESSIONS, "0");
    for client in &mut clients {
        client.run("PING").expect_error("NOAUTH");
    }
}

fn a_full_queue_answers_try_again(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["max_pending", "1", "workers", "1"])
        .start();
    let mut clients = crowd(&scene, 60);
    let replies = present(&scene, &mut clients, |n| {
        scene.issuer.token(&Claims::of("alice").id(n))
    });
    let accepted = replies.iter().filter(|reply| reply.is_ok()).count();
    let busy = replies
        .iter()
        .filter(|reply| reply.is_error("TRYAGAIN too many credentials are waiting."))
        .count();
    assert_eq!(accepted + busy, clients.len(), "{replies:?}");
    assert!(accepted > 0 && busy > 0, "accepted {accepted}, busy {busy}");
    // Who was sent away is nobody, and may come back.
    for (client, reply) in clients
        .iter_mut()
        .zip(&replies)
        .filter(|(_, reply)| !reply.is_ok())
    {
        assert!(!reply.is_ok());
        client.run("PING").expect_error("NOAUTH");
        client.auth("alice", &scene.token("alice")).expect_ok();
    }
}

/// Roles enough to make one evaluation take a noticeable part of a second.
fn many_roles() -> String {
    let mut toml = ROLES.to_owned();
    let rules: Vec<String> = (0..60).map(|n| format!("\"~extra:{n}:*\"")).collect();
    for number in 0..900 {
        toml.push_str(&format!(
            "[roles.extra{number}]\nmembers = [\"group:corp/extra{number}\"]\nrules = [\"+get\", {}]\n",
            rules.join(", ")
        ));
    }
    toml
}

fn a_credential_that_takes_too_long_answers_try_again(line: Line) {
    let arguments = [
        "auth_timeout_ms",
        "300",
        "workers",
        "1",
        "policy_timeout_ms",
        "10000",
    ];
    let scene = Scene::builder(line)
        .roles(&many_roles())
        .module_args(arguments)
        .start();
    let mut clients = crowd(&scene, 40);
    for (number, client) in clients.iter_mut().enumerate() {
        let claims = Claims::of(&format!("user{number}")).groups(&["analysts"]);
        client.send(["AUTH", "token", &scene.issuer.token(&claims)]);
    }
    let mut late = 0;
    for client in &mut clients {
        let reply = client.receive();
        if reply.is_error("TRYAGAIN the credential could not be verified in time.") {
            late += 1;
            // An answer that comes later is dropped.
            client.run("PING").expect_error("NOAUTH");
        } else {
            reply.expect_ok();
        }
    }
    assert!(late > 0, "every credential was verified in time");
    for client in &mut clients {
        assert!(client.is_open());
    }
    scene
        .server
        .config_set("warden.auth_timeout_ms", "60000")
        .expect_ok();
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn a_refused_credential_is_remembered_for_a_while(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["rejection_seconds", "60"])
        .start();
    let forged = scene.issuer.forged(&Claims::of("alice"));
    let before = scene.counter(info::VERIFICATIONS);
    for _ in 0..5 {
        scene.expect_refused("alice", &forged, "WRONGPASS invalid");
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - before, 1);
    scene
        .server
        .config_set("warden.rejection_seconds", "1")
        .expect_ok();
    let other = scene.issuer.forged(&Claims::of("alice").id("other"));
    let before = scene.counter(info::VERIFICATIONS);
    warden_tests::eventually("the refusal is forgotten", || {
        scene.expect_refused("alice", &other, "WRONGPASS invalid");
        (scene.counter(info::VERIFICATIONS) - before >= 2).then_some(())
    });
}

fn an_accepted_credential_is_remembered(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let verified = scene.counter(info::VERIFICATIONS);
    scene.server.connect().auth("alice", &token).expect_ok();
    let hits = scene.counter(info::CACHE_HITS);
    for _ in 0..5 {
        scene.server.connect().auth("alice", &token).expect_ok();
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - verified, 1);
    assert_eq!(scene.counter(info::CACHE_HITS) - hits, 5);
}

fn the_cache_tells_user_names_apart(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    scene.server.connect().auth("alice", &token).expect_ok();
    scene.expect_refused(
        "bob",
        &token,
        "WRONGPASS the token's principal is not accepted under this user name.",
    );
    scene.server.connect().auth("alice", &token).expect_ok();
    scene.expect_refused("alice", &token[..token.len() - 1], "WRONGPASS");
    // The seam between name and secret is part of the key.
    scene.expect_refused("alic", &format!("e{token}"), "WRONGPASS");
}

fn without_a_cache_every_credential_is_verified(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["cache_seconds", "0", "rejection_seconds", "0"])
        .start();
    let token = scene.token("alice");
    let forged = scene.issuer.forged(&Claims::of("alice"));
    let before = scene.counter(info::VERIFICATIONS);
    for _ in 0..3 {
        scene.server.connect().auth("alice", &token).expect_ok();
        scene.expect_refused("alice", &forged, "WRONGPASS");
    }
    assert_eq!(scene.counter(info::VERIFICATIONS) - before, 6);
    assert!(Scene::stays_open(&mut scene.log_in("alice")));
    assert!(
        !scene
            .log_in("alice")
            .closes_within(Duration::from_millis(1))
    );
}
