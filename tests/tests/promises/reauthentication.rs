//! A connection that already has a session authenticates again, resets or leaves.

use warden_tests::{ADMIN_PASSWORD, Claims, Connection, Line, Scene, on_both_lines, unix_now};

use crate::info;

on_both_lines!(
    reset_drops_the_session,
    the_same_principal_replaces_its_rights_and_expiry,
    a_narrower_token_takes_rights_away,
    another_principal_is_refused_and_the_session_stays,
    another_principal_may_come_after_reset,
    another_principal_is_accepted_where_the_operator_allows_any,
    a_failed_attempt_leaves_the_session,
    a_native_log_in_ends_the_session,
    a_later_expiry_replaces_an_earlier_one,
    a_session_ends_with_its_connection,
    a_subscriber_with_new_rights_is_closed,
    a_tracking_client_that_may_no_longer_track_is_closed,
);

fn reset_drops_the_session(line: Line) {
    let scene = Scene::start(line);
    for version in [2, 3] {
        let mut client = scene.server.connect();
        client.hello_auth(version, "alice", &scene.token("alice"));
        assert_eq!(client.user(), "corp/alice");
        scene.wait_for_info(info::SESSIONS, "1");
        client.run("RESET").expect_text("RESET");
        client.run("GET reports:q1").expect_error("NOAUTH");
        client.run("WARDEN.WHOAMI").expect_error("NOAUTH");
        scene.wait_for_info(info::SESSIONS, "0");
    }
}

fn the_same_principal_replaces_its_rights_and_expiry(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let id = client.id();
    client.run("SET reports:q1 x").expect_error("NOPERM");
    let before = client.whoami().field("expires").number();
    let later = unix_now() + 4000;
    let claims = Claims::of("alice").groups(&["editors"]).set("exp", later);
    client
        .auth("alice", &scene.issuer.token(&claims))
        .expect_ok();
    client.run("SET reports:q1 x").expect_ok();
    assert!(client.whoami().field("expires").number() > before + 3000);
    assert_eq!(client.id(), id);
    scene.wait_for_info(info::SESSIONS, "1");
}

fn a_narrower_token_takes_rights_away(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in_with(&Claims::of("alice").groups(&["editors", "consumers"]));
    client.run("SET reports:q1 x").expect_ok();
    client.run("LPUSH queue:a x");
    client.auth("alice", &scene.token("alice")).expect_ok();
    client.run("SET reports:q1 y").expect_error("NOPERM");
    client.run("LPUSH queue:a x").expect_error("NOPERM");
    client.run("GET reports:q1").expect_text("x");
}

fn another_principal_is_refused_and_the_session_stays(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let eve = scene.issuer.token(&Claims::of("eve").groups(&["editors"]));
    // Verified the first time, cached the second.
    for _ in 0..2 {
        client
            .auth("eve", &eve)
            .expect_error("WRONGPASS this connection belongs to another principal.");
        assert_eq!(client.user(), "corp/alice");
        client.run("SET reports:q1 x").expect_error("NOPERM");
        assert!(client.run("GET reports:q1").is_nil());
        scene.server.connect().auth("eve", &eve).expect_ok();
    }
}

fn another_principal_may_come_after_reset(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    client.run("RESET").expect_text("RESET");
    client
        .auth(
            "eve",
            &scene.issuer.token(&Claims::of("eve").groups(&["editors"])),
        )
        .expect_ok();
    assert_eq!(client.user(), "corp/eve");
}

fn another_principal_is_accepted_where_the_operator_allows_any(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["reauthentication", "any"])
        .start();
    let mut client = scene.log_in("alice");
    client
        .auth(
            "eve",
            &scene.issuer.token(&Claims::of("eve").groups(&["editors"])),
        )
        .expect_ok();
    assert_eq!(client.user(), "corp/eve");
    client.run("SET reports:q1 x").expect_ok();
    scene.wait_for_info(info::SESSIONS, "1");
}

fn a_failed_attempt_leaves_the_session(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let expires = client.whoami().field("expires").number();
    client
        .auth("alice", &scene.issuer.forged(&Claims::of("alice")))
        .expect_error("WRONGPASS");
    client
        .auth(
            "alice",
            &scene.issuer.token(&Claims::of("alice").expired_for(9000)),
        )
        .expect_error("WRONGPASS");
    client
        .auth("nobody", "a password")
        .expect_error("WRONGPASS");
    client.auth_alone("a password").expect_error("WRONGPASS");
    assert_eq!(client.user(), "corp/alice");
    assert_eq!(client.whoami().field("expires").number(), expires);
    assert!(client.run("GET reports:q1").is_nil());
    client.run("SET reports:q1 x").expect_error("NOPERM");
}

fn a_native_log_in_ends_the_session(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    client.auth("default", ADMIN_PASSWORD).expect_ok();
    client.run("ACL WHOAMI").expect_text("default");
    client.run("SET secrets:q1 x").expect_ok();
    scene.wait_for_info(info::SESSIONS, "0");
    // What was the session's end must not end the native user's connection.
    assert!(Scene::stays_open(&mut client));
}

fn a_later_expiry_replaces_an_earlier_one(line: Line) {
    let scene = Scene::builder(line)
        .authenticator_lines("leeway_seconds = 0\n")
        .start();
    let exp = unix_now() + 2;
    let mut renewed = scene.log_in_with(&Claims::of("alice").set("exp", exp));
    let mut ends = scene.log_in_with(&Claims::of("alice").set("exp", exp).id("ends"));
    renewed
        .auth(
            "alice",
            &scene
                .issuer
                .token(&Claims::of("alice").set("exp", exp + 300)),
        )
        .expect_ok();
    assert!(
        ends.closes_within(std::time::Duration::from_secs(10)),
        "the session that was not renewed ends"
    );
    renewed.run("PING").expect_text("PONG");
    assert!(Scene::stays_open(&mut renewed));
}

fn a_session_ends_with_its_connection(line: Line) {
    let scene = Scene::start(line);
    let clients: Vec<_> = (0..10).map(|_| scene.log_in("alice")).collect();
    scene.wait_for_info(info::SESSIONS, "10");
    scene.wait_for_info(info::CLASSES, "1");
    drop(clients);
    scene.wait_for_info(info::SESSIONS, "0");
}

fn a_subscriber_with_new_rights_is_closed(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    let listener = scene
        .issuer
        .token(&Claims::of("carol").groups(&["listeners"]));
    client.hello_auth(3, "carol", &listener);
    client.run("SUBSCRIBE news.eu");
    // The same rights again change nothing.
    let renewed = Claims::of("carol").groups(&["listeners"]).id("renewed");
    assert!(renew(&scene, &mut client, &renewed));
    let reader = Claims::of("carol").groups(&["analysts"]);
    renew(&scene, &mut client, &reader);
    assert!(client.closes_within(warden_tests::server::PATIENCE));
}

/// Presents a new token on a connection that is subscribed: it cannot wait for a
/// worker, so another connection has the token verified before.
fn renew(scene: &Scene, client: &mut Connection, claims: &Claims) -> bool {
    let token = scene.issuer.token(claims);
    scene.server.connect().auth("carol", &token).expect_ok();
    client.auth("carol", &token).is_ok()
}

fn a_tracking_client_that_may_no_longer_track_is_closed(line: Line) {
    let roles = format!(
        "{}\n[roles.tracker]\nmembers = [\"group:corp/trackers\"]\nrules = [\"+client|tracking\", \"+get\", \"~reports:*\"]\n",
        warden_tests::scene::ROLES
    );
    let scene = Scene::builder(line).roles(&roles).start();
    let mut client = scene.server.connect();
    let tracker = scene
        .issuer
        .token(&Claims::of("carol").groups(&["trackers"]));
    client.hello_auth(3, "carol", &tracker);
    client.run("CLIENT TRACKING ON").expect_ok();
    let reader = scene
        .issuer
        .token(&Claims::of("carol").groups(&["analysts"]));
    client.send(["AUTH", "carol", &reader]);
    assert!(client.closes_within(warden_tests::server::PATIENCE));
}
