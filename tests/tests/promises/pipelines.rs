//! Replies stay in order, and commands behind an AUTH run under the identity it
//! set, whether the credential was cached or had to be verified.

use warden_tests::{Claims, Line, Reply, Scene, on_both_lines};

on_both_lines!(
    commands_behind_an_auth_run_under_its_identity,
    commands_behind_a_refused_auth_run_as_a_stranger,
    two_auths_in_one_pipeline_take_effect_in_turn,
    a_long_pipeline_keeps_its_order_on_many_connections,
    hello_in_a_pipeline_switches_the_protocol_for_what_follows,
    an_auth_cut_into_single_bytes_is_one_auth,
);

fn expect_readers_replies(replies: &[Reply]) {
    replies[0].expect_ok();
    replies[1].expect_text("up");
    replies[2].expect_error("NOPERM");
    replies[3].expect_text("PONG");
}

fn commands_behind_an_auth_run_under_its_identity(line: Line) {
    let scene = Scene::start(line);
    scene.server.admin().run("SET reports:q1 up").expect_ok();
    let token = scene.token("alice");
    // The first time it is verified, the second time it is cached.
    for _ in 0..2 {
        let mut client = scene.server.connect();
        let replies = client.pipeline(&[
            &["AUTH", "alice", &token],
            &["GET", "reports:q1"],
            &["SET", "reports:q1", "down"],
            &["PING"],
        ]);
        expect_readers_replies(&replies);
    }
}

fn commands_behind_a_refused_auth_run_as_a_stranger(line: Line) {
    let scene = Scene::start(line);
    scene.server.admin().run("SET reports:q1 up").expect_ok();
    let forged = scene.issuer.forged(&Claims::of("alice"));
    for _ in 0..2 {
        let mut client = scene.server.connect();
        let replies = client.pipeline(&[
            &["AUTH", "alice", &forged],
            &["GET", "reports:q1"],
            &["PING"],
        ]);
        replies[0].expect_error("WRONGPASS");
        replies[1].expect_error("NOAUTH");
        replies[2].expect_error("NOAUTH");
    }
}

fn two_auths_in_one_pipeline_take_effect_in_turn(line: Line) {
    let scene = Scene::start(line);
    let reader = scene.token("alice");
    let writer = scene
        .issuer
        .token(&Claims::of("alice").groups(&["editors"]));
    for _ in 0..2 {
        let mut client = scene.server.connect();
        let replies = client.pipeline(&[
            &["AUTH", "alice", &reader],
            &["SET", "reports:q1", "x"],
            &["AUTH", "alice", &writer],
            &["SET", "reports:q1", "x"],
            &["AUTH", "alice", &reader],
            &["SET", "reports:q1", "x"],
        ]);
        replies[0].expect_ok();
        replies[1].expect_error("NOPERM");
        replies[2].expect_ok();
        replies[3].expect_ok();
        replies[4].expect_ok();
        replies[5].expect_error("NOPERM");
    }
}

fn a_long_pipeline_keeps_its_order_on_many_connections(line: Line) {
    let scene = Scene::start(line);
    let mut clients: Vec<_> = (0..20).map(|_| scene.server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send([
            "AUTH",
            "alice",
            &scene.issuer.token(&Claims::of("alice").id(number)),
        ]);
        for step in 0..100 {
            client.send(["ECHO", &format!("{number}-{step}")]);
        }
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.receive().expect_ok();
        for step in 0..100 {
            client.receive().expect_text(&format!("{number}-{step}"));
        }
    }
}

fn hello_in_a_pipeline_switches_the_protocol_for_what_follows(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    let token = scene.token("alice");
    let replies = client.pipeline(&[
        &["HELLO", "3", "AUTH", "token", &token],
        &["WARDEN.WHOAMI"],
        &["HELLO", "2"],
        &["WARDEN.WHOAMI"],
    ]);
    assert!(replies[0].is_map());
    assert!(replies[1].is_map());
    assert!(!replies[3].is_map());
    assert_eq!(replies[1].field("user"), replies[3].field("user"));
}

fn an_auth_cut_into_single_bytes_is_one_auth(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut client = scene.server.connect();
    let command = format!(
        "*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n${}\r\n{token}\r\n",
        token.len()
    );
    for byte in command.as_bytes() {
        client.send_raw(&[*byte]);
    }
    client.receive().expect_ok();
    assert_eq!(client.user(), "corp/alice");
}
