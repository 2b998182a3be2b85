//! A secret put into AUTH or HELLO, accepted or refused, appears in nothing that
//! can be read.

use std::time::Duration;

use warden_tests::{Claims, Connection, Line, Scene, on_both_lines};

on_both_lines!(
    a_refused_secret_appears_nowhere,
    a_token_appears_nowhere,
    a_refusal_is_recorded_for_the_operator,
    a_token_given_as_user_name_appears_in_no_acl_log,
    a_credential_to_explain_or_try_appears_nowhere,
);

/// A key that is asked for so that the question is seen.
const MARKER: &str = "MARKERm4rk3r0123456789";

/// Everything readable: log, INFO, ACL LOG, SLOWLOG, COMMANDLOG, MONITOR, CLIENT LIST.
fn everything_readable(scene: &Scene, monitor: &mut Connection) -> Vec<(&'static str, String)> {
    let mut admin = scene.server.admin();
    // No secret: whatever shows commands at all shows this one.
    assert!(admin.call(["GET", MARKER]).is_nil());
    let mut seen = vec![
        ("INFO", admin.run("INFO everything").text()),
        ("ACL LOG", format!("{:?}", admin.run("ACL LOG 1000"))),
        ("SLOWLOG", format!("{:?}", admin.run("SLOWLOG GET 1000"))),
        ("CLIENT LIST", admin.run("CLIENT LIST").text()),
        (
            "WARDEN.SESSIONS",
            format!("{:?}", admin.run("WARDEN.SESSIONS COUNT 1000")),
        ),
        (
            "WARDEN.AUTHENTICATORS",
            format!("{:?}", admin.run("WARDEN.AUTHENTICATORS")),
        ),
        ("log", scene.server.log()),
    ];
    for (place, kind) in [
        ("COMMANDLOG slow", "slow"),
        ("COMMANDLOG large-request", "large-request"),
        ("COMMANDLOG large-reply", "large-reply"),
    ] {
        let reply = admin.call(["COMMANDLOG", "GET", "1000", kind]);
        if reply.error().is_none() {
            seen.push((place, format!("{reply:?}")));
        }
    }
    let mut monitored = String::new();
    while let Ok(reply) = monitor.receive_within(Duration::from_millis(300)) {
        monitored.push_str(&reply.text());
        monitored.push('\n');
    }
    seen.push(("MONITOR", monitored));
    let mut showing: Vec<&str> = seen
        .iter()
        .filter(|(_, text)| text.contains(MARKER))
        .map(|(place, _)| *place)
        .collect();
    showing.retain(|place| *place != "log");
    let expected = if seen
        .iter()
        .any(|(place, _)| place.starts_with("COMMANDLOG"))
    {
        &[
            "SLOWLOG",
            "COMMANDLOG slow",
            "COMMANDLOG large-request",
            "COMMANDLOG large-reply",
            "MONITOR",
        ][..]
    } else {
        &["SLOWLOG", "MONITOR"]
    };
    assert_eq!(showing, expected, "where commands are to be seen");
    seen
}

#[track_caller]
fn expect_nowhere(scene: &Scene, monitor: &mut Connection, canary: &str) {
    for (place, text) in everything_readable(scene, monitor) {
        assert!(!text.contains(canary), "the canary is in {place}:\n{text}");
    }
}

fn loud(line: Line) -> Scene {
    let mut config = vec![("loglevel", "debug")];
    if line == Line::V8_0 {
        config.push(("slowlog-log-slower-than", "0"));
    } else {
        config.extend([
            ("commandlog-execution-slower-than", "0"),
            ("commandlog-request-larger-than", "1"),
            ("commandlog-reply-larger-than", "1"),
        ]);
    }
    Scene::builder(line)
        .config(config)
        .module_args(["log_level", "debug"])
        .start()
}

fn monitor(scene: &Scene) -> Connection {
    let mut monitor = scene.server.admin();
    monitor.run("MONITOR").expect_ok();
    monitor
}

fn a_refused_secret_appears_nowhere(line: Line) {
    let scene = loud(line);
    let mut monitor = monitor(&scene);
    let canary = "CANARYc4n4ry0123456789";
    let shaped = format!("eyJhbGciOiJSUzI1NiJ9.{canary}.{canary}");
    let mut session = scene.log_in("alice");
    for secret in [canary, &shaped, &format!("{canary}\0%s%n\r\n{canary}")] {
        for client in [&mut scene.server.connect(), &mut session] {
            client.auth("alice", secret).expect_error("WRONGPASS");
            client.auth("token", secret).expect_error("WRONGPASS");
            client.auth_alone(secret).expect_error("WRONGPASS");
            client
                .hello_auth(2, "alice", secret)
                .expect_error("WRONGPASS");
            client
                .hello_auth(3, "alice", secret)
                .expect_error("WRONGPASS");
        }
    }
    session.run("MULTI").expect_ok();
    session.auth("alice", &shaped).expect_text("QUEUED");
    session.run("EXEC");
    expect_nowhere(&scene, &mut monitor, canary);
    // An AUTH of too many words the server itself shows in SLOWLOG and MONITOR; warden does not.
    for words in [
        &["AUTH", "alice", canary, "more"][..],
        &["HELLO", "3", "AUTH", "alice", canary, "AUTH"],
    ] {
        scene.server.connect().call(words).expect_error("");
    }
    for (place, text) in everything_readable(&scene, &mut monitor) {
        let ours = ["INFO", "ACL LOG", "log"].contains(&place) || place.starts_with("WARDEN");
        assert!(
            !ours || !text.contains(canary),
            "the canary is in {place}:\n{text}"
        );
    }
}

fn a_token_appears_nowhere(line: Line) {
    let scene = loud(line);
    let mut monitor = monitor(&scene);
    let token = scene.token("alice");
    let expired = scene.issuer.token(&Claims::of("alice").expired_for(9999));
    let mut client = scene.server.connect();
    client.auth("alice", &token).expect_ok();
    client.auth_alone(&token).expect_ok();
    client.hello_auth(3, "alice", &token);
    client
        .auth("alice", &expired)
        .expect_error("WRONGPASS the token has expired.");
    client.auth("bob", &token).expect_error("WRONGPASS");
    let seen = everything_readable(&scene, &mut monitor);
    for token in [&token, &expired] {
        for part in token.split('.') {
            for (place, text) in &seen {
                // The header says nothing secret, but nobody needs it either.
                assert!(
                    !text.contains(part),
                    "a part of the token is in {place}:\n{text}"
                );
            }
        }
    }
}

fn a_refusal_is_recorded_for_the_operator(line: Line) {
    let scene = Scene::start(line);
    scene.server.admin().run("ACL LOG RESET").expect_ok();
    scene.expect_refused(
        "alice",
        &scene.issuer.forged(&Claims::of("alice")),
        "WRONGPASS",
    );
    scene.expect_refused("bob", &scene.token("alice"), "WRONGPASS");
    let entries = scene.server.admin().run("ACL LOG").items();
    let reasons: Vec<_> = entries
        .iter()
        .map(|entry| entry.field("reason").text())
        .collect();
    assert!(
        !reasons.is_empty() && reasons.iter().all(|reason| reason == "auth"),
        "{entries:?}"
    );
    let names: Vec<_> = entries
        .iter()
        .map(|entry| entry.field("username").text())
        .collect();
    assert!(
        names.iter().any(|name| name == "alice") && names.iter().any(|name| name == "bob"),
        "{names:?}"
    );
    let log = scene.server.log();
    assert!(log.contains("bob"), "the log says who was refused:\n{log}");
}

fn a_token_given_as_user_name_appears_in_no_acl_log(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut client = scene.server.connect();
    client.auth(&token, "x").expect_error("WRONGPASS");
    client
        .call(["HELLO", "3", "AUTH", &token, "x"])
        .expect_error("WRONGPASS");
    let seen = format!(
        "{:?} {}",
        scene.server.admin().run("ACL LOG 1000"),
        scene.server.log()
    );
    assert!(
        !seen.contains(&token[token.len() - 40..]),
        "the token's signature is shown"
    );
}

fn a_credential_to_explain_or_try_appears_nowhere(line: Line) {
    let scene = loud(line);
    let mut monitor = monitor(&scene);
    let canary = "CANARYexpla1n0123456789";
    let shaped = format!("eyJhbGciOiJSUzI1NiJ9.{canary}.{canary}");
    let token = scene.token("alice");
    let mut reader = scene.log_in("alice");
    let mut admin = scene.server.admin();
    for (credential, is_known) in [(canary, false), (&shaped, false), (&token, true)] {
        let told = admin.call(["WARDEN.EXPLAIN", "alice", credential]);
        assert_eq!(told.error().is_none(), credential != canary, "{told}");
        let told = admin.call(["WARDEN.DRYRUN", "alice", credential, "GET", "reports:q1"]);
        assert_eq!(told.as_text().as_deref() == Some("OK"), is_known, "{told}");
        for words in [
            &["WARDEN.EXPLAIN", "alice", credential][..],
            &["WARDEN.DRYRUN", "alice", credential, "GET", "reports:q1"],
            &["WARDEN.DRYRUN", "alice", credential, "DB", "0", "GET"],
            // Refused before they run: too few or too many words, no such word.
            &["WARDEN.EXPLAIN", "alice", credential, "more"],
            &["WARDEN.EXPLAIN", credential],
            &["WARDEN.EXPLAIN", credential, "x"],
            &["WARDEN.DRYRUN", "alice", credential],
            &["WARDEN.DRYRUN", "alice", credential, "DB", "x", "GET"],
        ] {
            admin.call(words);
            reader.call(words);
            scene.server.connect().call(words);
            admin.run("MULTI").expect_ok();
            admin.call(words);
            admin.run("EXEC");
        }
    }
    for canary in [canary, &token] {
        expect_nowhere(&scene, &mut monitor, canary);
    }
}
