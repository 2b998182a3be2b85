//! A session ends when its token does, whatever the client is doing, and not before.

use std::time::Duration;

use warden_tests::patience::until;
use warden_tests::{Claims, Connection, Line, Scene, SceneBuilder, on_both_lines, unix_now};

on_both_lines!(
    an_idle_client_is_closed,
    a_subscribed_client_is_closed,
    a_client_blocked_in_blpop_is_closed,
    a_monitoring_client_is_closed,
    a_client_with_a_queued_transaction_is_closed,
    a_client_that_never_stops_talking_is_closed,
    leeway_prolongs_the_session_and_admits_a_token_as_long,
    without_leeway_an_expired_token_is_refused,
    a_cached_token_is_refused_once_it_has_expired,
    the_operators_bound_ends_a_session_before_its_token,
    the_operators_bound_holds_for_live_sessions_when_it_is_lowered,
    the_policys_bound_ends_a_session_before_its_token,
    many_sessions_that_end_together_all_end,
    a_token_without_expiry_is_refused_unless_the_operator_allows_it,
    dates_beyond_32_bits_do_not_wrap,
);

/// How long after its time a session may linger on a busy machine.
const LATE: Duration = Duration::from_secs(10);

/// Seconds the short tokens of this file last: `exp` counts whole seconds, so at
/// least two seconds remain for the log-in.
const SHORT: u64 = 3;

fn exact(line: Line) -> SceneBuilder {
    Scene::builder(line).authenticator_lines("leeway_seconds = 0\n")
}

/// Passes when the server closes the connection at `exp` and not before.
#[track_caller]
fn expect_closed_at(client: &mut Connection, exp: u64) {
    assert!(
        client.closes_within(until(exp) + LATE),
        "still open after the token's end"
    );
    let early = until(exp);
    assert!(early.is_zero(), "closed {early:?} before the token's end");
}

fn log_in_until(scene: &Scene, groups: &[&str], exp: u64) -> Connection {
    scene.log_in_with(&Claims::of("carol").groups(groups).set("exp", exp))
}

fn an_idle_client_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["analysts"], exp);
    let mut other = scene.log_in("alice");
    assert_eq!(
        client.whoami().field("expires").number(),
        i64::try_from(exp).unwrap()
    );
    expect_closed_at(&mut client, exp);
    other.run("PING").expect_text("PONG");
}

fn a_subscribed_client_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["listeners"], exp);
    client.run("SUBSCRIBE news.eu");
    expect_closed_at(&mut client, exp);
    assert_eq!(scene.server.admin().run("PUBLISH news.eu x").number(), 0);
}

fn a_client_blocked_in_blpop_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["consumers"], exp);
    client.send(["BLPOP", "queue:a", "0"]);
    expect_closed_at(&mut client, exp);
    let mut admin = scene.server.admin();
    admin.run("LPUSH queue:a job");
    assert_eq!(
        admin.run("LLEN queue:a").number(),
        1,
        "nobody took the job any more"
    );
}

fn a_monitoring_client_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["watchers"], exp);
    client.run("MONITOR").expect_ok();
    expect_closed_at(&mut client, exp);
}

fn a_client_with_a_queued_transaction_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["editors"], exp);
    client.run("MULTI").expect_ok();
    client.run("SET reports:q1 x").expect_text("QUEUED");
    expect_closed_at(&mut client, exp);
    assert!(scene.server.admin().run("GET reports:q1").is_nil());
}

fn a_client_that_never_stops_talking_is_closed(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let mut client = log_in_until(&scene, &["analysts"], exp);
    let deadline = until(exp) + LATE;
    let started = std::time::Instant::now();
    let closed = loop {
        if client.try_send(["PING"]).is_err() {
            break true;
        }
        match client.receive_within(LATE) {
            Ok(_) => {}
            Err(ended) => break ended == warden_tests::Ended::Closed,
        }
        if started.elapsed() > deadline {
            break false;
        }
    };
    assert!(closed);
    assert!(until(exp).is_zero(), "closed before the token's end");
}

fn leeway_prolongs_the_session_and_admits_a_token_as_long(line: Line) {
    let scene = Scene::builder(line)
        .authenticator_lines("leeway_seconds = 3\n")
        .start();
    let exp = unix_now();
    let mut client = log_in_until(&scene, &["analysts"], exp);
    expect_closed_at(&mut client, exp + 3);
    scene
        .attempt(&Claims::of("alice").expired_for(60))
        .expect_error("WRONGPASS the token has expired.");
}

fn without_leeway_an_expired_token_is_refused(line: Line) {
    let scene = exact(line).start();
    scene
        .attempt(&Claims::of("alice").expired_for(1))
        .expect_error("WRONGPASS the token has expired.");
    scene
        .attempt(&Claims::of("alice").expires_in(30))
        .expect_ok();
}

fn a_cached_token_is_refused_once_it_has_expired(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + SHORT;
    let token = scene.issuer.token(&Claims::of("alice").set("exp", exp));
    let mut first = scene.server.connect();
    first.auth("alice", &token).expect_ok();
    expect_closed_at(&mut first, exp);
    scene.expect_refused("alice", &token, "WRONGPASS the token has expired.");
}

fn the_operators_bound_ends_a_session_before_its_token(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["session_max_seconds", "1"])
        .start();
    let mut client = scene.log_in("alice");
    assert!(client.closes_within(Duration::from_secs(1) + LATE));
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn the_policys_bound_ends_a_session_before_its_token(line: Line) {
    let roles = "[roles.reader]\nmembers = [\"user:corp/alice\"]\nrules = [\"+@read\", \"~*\"]\nsession_seconds = 1\n\
                 [roles.other]\nmembers = [\"user:corp/bob\"]\nrules = [\"+@read\", \"~*\"]\n";
    let scene = Scene::builder(line).roles(roles).start();
    let mut bounded = scene.log_in("alice");
    let mut other = scene.log_in("bob");
    assert!(bounded.closes_within(Duration::from_secs(1) + LATE));
    assert!(other.is_open());
}

fn many_sessions_that_end_together_all_end(line: Line) {
    let scene = exact(line).start();
    let exp = unix_now() + 3;
    let token = scene.issuer.token(&Claims::of("alice").set("exp", exp));
    let mut clients: Vec<_> = (0..200).map(|_| scene.server.connect()).collect();
    for client in &mut clients {
        client.send(["AUTH", "alice", &token]);
    }
    for client in &mut clients {
        client.receive().expect_ok();
    }
    for client in &mut clients {
        assert!(
            client.closes_within(until(exp) + LATE),
            "still open after the token's end"
        );
    }
    scene.server.expect_healthy();
}

fn a_token_without_expiry_is_refused_unless_the_operator_allows_it(line: Line) {
    let endless = Claims::of("alice").without("exp");
    let strict = Scene::start(line);
    strict.attempt(&endless).expect_error("WRONGPASS");
    let lax = Scene::builder(line)
        .module_args(["require_expiry", "no"])
        .start();
    let mut client = lax.log_in_with(&endless);
    assert!(client.run("GET reports:q1").is_nil());
    assert!(Scene::stays_open(&mut client));
}

fn dates_beyond_32_bits_do_not_wrap(line: Line) {
    let scene = exact(line).start();
    for exp in [2_147_483_648_u64, 4_294_967_296, 253_402_300_799] {
        let mut client = scene.log_in_with(&Claims::of("alice").set("exp", exp));
        assert_eq!(
            client.whoami().field("expires").number(),
            i64::try_from(exp).unwrap()
        );
        assert!(Scene::stays_open(&mut client), "exp {exp}");
    }
}

fn the_operators_bound_holds_for_live_sessions_when_it_is_lowered(line: Line) {
    let scene = exact(line).start();
    let mut client = scene.log_in("alice");
    client.run("GET reports:q1");
    scene
        .server
        .config_set("warden.session_max_seconds", "1")
        .expect_ok();
    assert!(
        client.closes_within(LATE),
        "still open beyond the operator's bound"
    );
}
