//! Tokens of a real OpenID provider, verified with the keys it publishes: found by
//! discovery, rotated while sessions live, and out of reach for a while.

use std::time::{Duration, Instant};

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Handshake, Hostile};
use warden_tests::provider::{Behaviour, Provider, Token};
use warden_tests::{
    Algorithm, Authority, Claims, Leaf, Line, Reply, Scene, SceneBuilder, eventually, on_both_lines,
};

on_both_lines!(
    a_token_of_a_real_provider_logs_in,
    a_rotated_key_works_within_seconds_and_sessions_live_on,
    keys_that_were_withdrawn_let_nobody_in,
    unknown_key_ids_by_the_thousand_cost_one_fetch_for_each_cool_down,
    known_keys_outlive_an_outage_and_a_restart,
    a_provider_that_does_not_answer_leaves_the_server_and_the_others_alone,
    a_provider_that_proves_to_be_somebody_else_is_not_asked,
    an_unload_while_a_provider_is_being_asked_gives_up_the_call,
);

/// The file of an authenticator that discovers the keys of an issuer.
fn file(issuer: &str, authority: &Authority, endpoint: &str) -> String {
    format!(
        "type = 'jwt'\nissuer = '{issuer}'\naudience = ['valkey']\nunknown_key_seconds = 1\nrefresh_seconds = 10\n\
         [endpoint]\nca_file = '{}'\n{endpoint}",
        authority.ca_file().display()
    )
}

fn of(provider: &Provider, authority: &Authority, line: Line) -> SceneBuilder {
    Scene::builder(line).authenticator_file(&file(provider.issuer(), authority, ""))
}

/// Presents a token until it is decided about.
fn decided(scene: &Scene, token: &str) -> Reply {
    eventually("a decision", || {
        let reply = scene.server.connect().auth("token", token);
        (!reply.is_error("TRYAGAIN")).then_some(reply)
    })
}

fn a_token_of_a_real_provider_logs_in(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let scene = of(&provider, &authority, line).start();
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        let token = Token::jwt("bob")
            .signed_with(algorithm)
            .groups(&["analysts"]);
        let token = provider.mint(&token);
        let mut client = scene.server.connect();
        client.auth("bob", &token).expect_ok();
        assert!(client.run("GET reports:1").is_nil());
        client.run("SET reports:1 x").expect_error("NOPERM");
        assert_eq!(client.user(), "corp/bob");
    }
    let token = provider.jwt("bob", json!({}));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    scene.expect_refused("token", &forged, "WRONGPASS");
    scene.expect_refused("alice", &token, "WRONGPASS");
    let [state] = scene.authenticators_state().try_into().unwrap();
    assert_eq!(state.field("status").text(), "ok");
    assert!(state.field("keys_changed").number() > 0);
}

fn a_rotated_key_works_within_seconds_and_sessions_live_on(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let scene = of(&provider, &authority, line).start();
    let mut before = scene.server.connect();
    let old = provider.jwt("alice", json!({}));
    before.auth("token", &old).expect_ok();
    provider.rotate();
    let new = provider.jwt("alice", json!({ "jti": "after" }));
    decided(&scene, &new).expect_ok();
    assert!(before.run("GET reports:1").is_nil());
    decided(&scene, &old).expect_ok();
}

fn keys_that_were_withdrawn_let_nobody_in(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let scene = of(&provider, &authority, line).start();
    let old = provider.jwt("alice", json!({}));
    decided(&scene, &old).expect_ok();
    provider.replace_keys();
    decided(&scene, &provider.jwt("alice", json!({}))).expect_ok();
    // What was remembered of the old key's tokens is forgotten, too.
    decided(&scene, &old).expect_error("WRONGPASS");
}

fn unknown_key_ids_by_the_thousand_cost_one_fetch_for_each_cool_down(line: Line) {
    let authority = Authority::new("ca");
    let hostile = Hostile::start(&authority);
    let scene = Scene::builder(line)
        .authenticator_file(&file(&hostile.issuer(), &authority, ""))
        .start();
    hostile.answer(
        "/.well-known/openid-configuration",
        Answer::json(hostile.discovery()),
    );
    hostile.answer("/jwks", Answer::json(scene.issuer.key_set()));
    let claims = Claims::of("alice").set("iss", hostile.issuer());
    decided(&scene, &scene.issuer.token(&claims)).expect_ok();
    let before = hostile.requests("/jwks").len();
    let start = Instant::now();
    let mut stranger = scene.server.connect();
    let mut presented = 0;
    while presented < 2000 || start.elapsed() < Duration::from_secs(3) {
        let header = json!({ "alg": "RS256", "kid": format!("unknown-{presented}") });
        let token = scene.issuer.token_with_header(&header, &claims);
        let reply = stranger.auth("token", &token);
        assert!(
            reply.is_error("TRYAGAIN") || reply.is_error("WRONGPASS"),
            "{reply}"
        );
        presented += 1;
    }
    let fetches = hostile.requests("/jwks").len() - before;
    // Of a second each, and the first may begin at once.
    let cool_downs = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert!((2..=cool_downs).contains(&fetches), "{fetches} fetches");
    let other = claims.id("meanwhile");
    decided(&scene, &scene.issuer.token(&other)).expect_ok();
}

fn known_keys_outlive_an_outage_and_a_restart(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let scene = of(&provider, &authority, line).own_state().start();
    decided(&scene, &provider.jwt("alice", json!({}))).expect_ok();
    let kept = scene.server.directory().join("warden/keys-corp.json");
    eventually("keys on disk", || kept.exists().then_some(()));
    let known = provider.jwt("alice", json!({ "jti": "later" }));
    provider.behave(Behaviour::Fail);
    scene.server.restart();
    scene.wait_for_generation(1);
    scene.server.connect().auth("token", &known).expect_ok();
    eventually("the trouble is told", || {
        let [state] = scene.authenticators_state().try_into().ok()?;
        let trouble = state.field("trouble");
        (!trouble.is_nil() && trouble.text().contains("503")).then_some(())
    });
    assert!(
        scene
            .info("warden_authenticator_corp")
            .contains("status=failing")
    );
}

fn a_provider_that_does_not_answer_leaves_the_server_and_the_others_alone(line: Line) {
    let authority = Authority::new("ca");
    let hostile = Hostile::start(&authority);
    hostile.handshake(Handshake::Silence);
    let scene = Scene::builder(line)
        .module_args(["auth_timeout_ms", "1500"])
        .start();
    let black_hole = file(&hostile.issuer(), &authority, "");
    scene.authenticators.replace("20-hole.toml", black_hole);
    eventually("both authenticators", || {
        (scene.authenticators_state().len() == 2).then_some(())
    });
    let mut waiting: Vec<_> = (0..50).map(|_| scene.server.connect()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        let claims = Claims::of("alice").set("iss", hostile.issuer());
        let foreign = scene.issuer.token(&claims.id(format!("foreign-{number}")));
        client.send(["AUTH", "token", &foreign]);
    }
    let mut other = scene.server.admin();
    for number in 0..50 {
        other.run("PING");
        assert!(other.run("INFO warden").text().contains("warden_pending"));
        let milliseconds = (5000 + number).to_string();
        other
            .call(["CONFIG", "SET", "warden.auth_timeout_ms", &milliseconds])
            .expect_ok();
        let claims = Claims::of("alice").id(format!("n{number}"));
        scene.attempt(&claims).expect_ok();
    }
    for client in &mut waiting {
        client.receive().expect_error("TRYAGAIN");
        client.run("PING").expect_error("NOAUTH");
    }
}

fn a_provider_that_proves_to_be_somebody_else_is_not_asked(line: Line) {
    let authority = Authority::new("ca");
    let hostile = Hostile::start(&authority);
    let scene = Scene::builder(line).start();
    let keys = scene.issuer.key_set();
    hostile.answer(
        "/.well-known/openid-configuration",
        Answer::json(hostile.discovery()),
    );
    hostile.answer("/jwks", Answer::body("application/json", keys));
    let issuer = hostile.issuer();
    let token = scene
        .issuer
        .token(&Claims::of("alice").set("iss", issuer.as_str()));
    let wrong = [
        authority.issue(&Leaf::server().expired()),
        authority.issue(&Leaf::server_elsewhere("elsewhere.example")),
        Authority::new("ca").server(),
        authority.self_signed(&Leaf::server()),
    ];
    for (number, identity) in wrong.iter().enumerate() {
        hostile.show(identity);
        let name = format!("2{number}-idp.toml");
        scene
            .authenticators
            .replace(&name, file(&issuer, &authority, "retries = 0\n"));
        scene.server.admin().call(["WARDEN.RELOAD"]);
        let reply = scene.server.connect().auth("token", &token);
        reply.expect_error("TRYAGAIN");
        scene.authenticators.remove(&name);
        scene.server.admin().call(["WARDEN.RELOAD"]);
    }
    assert!(hostile.requests("/jwks").is_empty());
    hostile.show(&authority.server());
    scene
        .authenticators
        .replace("20-idp.toml", file(&issuer, &authority, ""));
    scene.server.admin().call(["WARDEN.RELOAD"]);
    // Verified at last; of this authenticator nobody is granted anything.
    decided(&scene, &token).expect_error("WRONGPASS no policy grants access");
}

fn an_unload_while_a_provider_is_being_asked_gives_up_the_call(line: Line) {
    let authority = Authority::new("ca");
    let hostile = Hostile::start(&authority);
    hostile.handshake(Handshake::Silence);
    let file = file(
        &hostile.issuer(),
        &authority,
        "connect_timeout_ms = 60000\ntimeout_ms = 60000\n",
    );
    let scene = Scene::builder(line)
        .authenticator_file(&file)
        .module_args(["auth_timeout_ms", "300"])
        .start();
    let foreign = scene
        .issuer
        .token(&Claims::of("alice").set("iss", hostile.issuer()));
    let reply = scene.server.connect().auth("token", &foreign);
    reply.expect_error("TRYAGAIN");
    eventually("the module is unloaded", || {
        scene
            .server
            .admin()
            .run("MODULE UNLOAD warden")
            .is_ok()
            .then_some(())
    });
    scene.server.expect_healthy();
    std::thread::sleep(Duration::from_millis(300));
    scene.server.expect_healthy();
}
