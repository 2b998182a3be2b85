//! AUTH inside MULTI: decided from the cache or refused, and EXEC stays intact.

use warden_tests::{Claims, Line, Scene, on_both_lines};

on_both_lines!(
    a_cached_credential_is_accepted_inside_multi,
    a_credential_that_is_not_cached_is_refused_inside_multi,
    a_token_that_ends_while_its_transaction_runs_is_refused,
    commands_queued_behind_an_auth_run_under_its_rights,
    a_refused_auth_inside_multi_leaves_the_identity,
    hello_inside_multi_obeys_the_same_rule,
    reset_inside_multi_ends_both,
);

fn a_cached_credential_is_accepted_inside_multi(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut client = scene.server.connect();
    client.auth("alice", &token).expect_ok();
    client.run("MULTI").expect_ok();
    client.run("GET reports:q1").expect_text("QUEUED");
    client.auth("alice", &token).expect_text("QUEUED");
    client.run("PING").expect_text("QUEUED");
    let results = client.run("EXEC").items();
    assert_eq!(results.len(), 3);
    assert!(results[0].is_nil());
    results[1].expect_ok();
    results[2].expect_text("PONG");
}

fn a_credential_that_is_not_cached_is_refused_inside_multi(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let fresh = scene.issuer.token(&Claims::of("alice").id("fresh"));
    client.run("MULTI").expect_ok();
    client.run("PING").expect_text("QUEUED");
    client.auth("alice", &fresh).expect_text("QUEUED");
    client.run("ECHO after").expect_text("QUEUED");
    let results = client.run("EXEC").items();
    results[0].expect_text("PONG");
    results[1].expect_error("TRYAGAIN this connection cannot wait");
    results[2].expect_text("after");
    assert_eq!(client.user(), "corp/alice");
    client.auth("alice", &fresh).expect_ok();
}

/// To a command of a transaction the server tells the time at which the transaction began.
fn a_token_that_ends_while_its_transaction_runs_is_refused(line: Line) {
    let scene = Scene::builder(line)
        .authenticator_lines("leeway_seconds = 0\n")
        .start();
    let token = scene.issuer.token(&Claims::of("alice").expires_in(10));
    scene.server.connect().auth("alice", &token).expect_ok();
    let mut client = scene.server.admin();
    client.run("MULTI").expect_ok();
    client.run("DEBUG SLEEP 11").expect_text("QUEUED");
    client.auth("alice", &token).expect_text("QUEUED");
    let results = client.run("EXEC").items();
    results[0].expect_ok();
    results[1].expect_error("TRYAGAIN this connection cannot wait");
}

fn commands_queued_behind_an_auth_run_under_its_rights(line: Line) {
    let scene = Scene::start(line);
    let reader = scene.token("alice");
    let writer = scene
        .issuer
        .token(&Claims::of("alice").groups(&["editors"]));
    let mut client = scene.server.connect();
    client.auth("alice", &reader).expect_ok();
    client.auth("alice", &writer).expect_ok();
    client.run("MULTI").expect_ok();
    client.run("SET reports:q1 1").expect_text("QUEUED");
    client.auth("alice", &reader).expect_text("QUEUED");
    client.run("SET reports:q1 2").expect_text("QUEUED");
    let results = client.run("EXEC").items();
    results[0].expect_ok();
    results[1].expect_ok();
    results[2].expect_error("NOPERM");
    client.run("GET reports:q1").expect_text("1");
}

fn a_refused_auth_inside_multi_leaves_the_identity(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let forged = scene.issuer.forged(&Claims::of("alice"));
    scene.expect_refused("alice", &forged, "WRONGPASS");
    client.run("MULTI").expect_ok();
    client.auth("alice", &forged).expect_text("QUEUED");
    client.run("GET reports:q1").expect_text("QUEUED");
    let results = client.run("EXEC").items();
    results[0].expect_error("WRONGPASS");
    assert!(results[1].is_nil());
    assert_eq!(client.user(), "corp/alice");
}

fn hello_inside_multi_obeys_the_same_rule(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let fresh = scene.issuer.token(&Claims::of("alice").id("fresh"));
    client.run("MULTI").expect_ok();
    client.hello_auth(2, "alice", &fresh);
    client.run("PING");
    let exec = client.run("EXEC");
    // The server may refuse HELLO inside MULTI by itself; then EXEC is refused whole.
    if exec.error().is_none() {
        let results = exec.items();
        assert!(results[0].error().is_some(), "{exec}");
        results[1].expect_text("PONG");
    }
    assert_eq!(client.user(), "corp/alice");
    scene.server.expect_healthy();
}

fn reset_inside_multi_ends_both(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    client.run("MULTI").expect_ok();
    client.run("GET reports:q1").expect_text("QUEUED");
    client.run("RESET").expect_text("RESET");
    client.run("EXEC").expect_error("");
    client.run("PING").expect_error("NOAUTH");
}
