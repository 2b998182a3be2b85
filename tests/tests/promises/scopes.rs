//! A token's scopes become rights, as far as the data lets them and no further.
//!
//! There are no roles here: whatever somebody may do, a scope gave it.

use warden_tests::{Claims, Line, Scene, eventually, on_both_lines};

use crate::restrictions::add;

on_both_lines!(
    a_tokens_scopes_reach_as_far_as_the_data_lets_them,
    a_scope_never_widens_what_the_data_allows,
    a_claim_in_a_scopes_rules_is_a_name_and_nothing_else,
    scopes_follow_their_data_into_live_sessions,
    only_the_listed_authenticators_scopes_count,
);

const DATA: &str = "prefix = 'valkey.'\n\
    [patterns.read]\n\
    rules = ['+get', '+mget', '%R~{pattern}']\n\
    within = ['cache:*', 'orders:{tenant}:*']\n\
    [patterns.write]\n\
    rules = ['+get', '+set', '~{pattern}']\n\
    within = ['cache:*']\n\
    [scopes.inbox]\n\
    rules = ['+lpush', '~inbox:{tenant}:{user}']\n\
    [aliases]\n\
    'https://api.example.com/clerk' = ['inbox', 'read:orders:*']\n\
    [claims]\n\
    tenant = '/tenant'\n";

fn scene(line: Line) -> Scene {
    let scene = Scene::start(line);
    add(&scene, "scopes", DATA);
    scene
}

fn token(scope: &str) -> Claims {
    Claims::of("zoe").set("tenant", "acme").set("scope", scope)
}

fn a_tokens_scopes_reach_as_far_as_the_data_lets_them(line: Line) {
    let scene = scene(line);
    let admin = &mut scene.server.admin();
    for key in ["cache:a", "cache:b", "orders:acme:1", "orders:beta:1"] {
        admin.call(["SET", key, "1"]).expect_ok();
    }
    let mut reader = scene.log_in_with(&token("openid valkey.read:cache:a valkey.read:orders:*"));
    assert_eq!(reader.run("MGET cache:a orders:acme:1").texts(), ["1", "1"]);
    for refused in [
        "GET cache:b",
        "GET orders:beta:1",
        "MGET cache:a cache:b",
        "SET cache:a 2",
        "LPUSH inbox:acme:zoe x",
        "KEYS *",
    ] {
        reader.run(refused).expect_error("NOPERM");
    }
    let mut writer = scene.log_in_with(&token("valkey.write:cache:*"));
    writer.run("SET cache:b 2").expect_ok();
    writer.run("GET orders:acme:1").expect_error("NOPERM");
    let mut clerk = scene.log_in_with(&token("https://api.example.com/clerk"));
    assert_eq!(clerk.run("LPUSH inbox:acme:zoe x").number(), 1);
    clerk.run("GET orders:acme:1").expect_text("1");
    clerk.run("LPUSH inbox:acme:ann x").expect_error("NOPERM");
}

fn a_scope_never_widens_what_the_data_allows(line: Line) {
    let scene = scene(line);
    for (scope, told) in [
        ("valkey.write:*:x", "beyond what is allowed here"),
        ("valkey.write:orders:acme:*", "beyond what is allowed here"),
        ("valkey.read:orders:beta:*", "beyond what is allowed here"),
        ("valkey.admin", "not understood here"),
        ("valkey.write", "not understood here"),
        ("valkey.write:", "not understood here"),
        ("valkey.write:cache:?", "not understood here"),
        ("valkey.write:cache:[a-z]", "not understood here"),
        ("valkey.write:cache:a\\", "not understood here"),
        ("valkey.write:cache:\"~*\"", "not understood here"),
        ("valkey.write:(~*)", "not understood here"),
        ("valkey.read:cache:* valkey.admin", "not understood here"),
    ] {
        let refused = format!("WRONGPASS a scope of your token is {told}");
        scene.attempt(&token(scope)).expect_error(&refused);
    }
    // A list may hold what a string of scopes cannot.
    let list = ["valkey.write:cache:x ~* +@all", "valkey.write:cache:x\n~*"];
    for scope in list {
        let claims = Claims::of("zoe").set("scope", vec![scope]);
        let reply = scene.attempt(&claims);
        assert!(reply.is_error("WRONGPASS"), "{scope:?}: {reply}");
    }
    for foreign in [
        "write:cache:*",
        "VALKEY.write:cache:*",
        "xvalkey.write:cache:*",
    ] {
        scene
            .attempt(&token(foreign))
            .expect_error("WRONGPASS no policy grants access");
    }
    // Everything, and it is what the data allows.
    let mut all = scene.log_in_with(&token("valkey.read:* valkey.write:*"));
    all.run("SET cache:a 1").expect_ok();
    all.run("SET other:a 1").expect_error("NOPERM");
    all.run("GET orders:beta:1").expect_error("NOPERM");
}

fn a_claim_in_a_scopes_rules_is_a_name_and_nothing_else(line: Line) {
    let scene = scene(line);
    let of = |tenant: &str| {
        Claims::of("zoe")
            .set("tenant", tenant)
            .set("scope", "valkey.inbox")
    };
    for tenant in [
        "a b",
        "acme:zoe x",
        "a\"",
        "a'",
        "(a)",
        "a\n",
        "",
        "~* +@all",
    ] {
        scene
            .attempt(&of(tenant))
            .expect_error("WRONGPASS your scopes need a claim");
    }
    scene
        .attempt(&Claims::of("zoe").set("scope", "valkey.inbox"))
        .expect_error("WRONGPASS your scopes need a claim");
    let mut star = scene.log_in_with(&of("*"));
    assert_eq!(star.run("LPUSH inbox:*:zoe x").number(), 1);
    star.run("LPUSH inbox:acme:zoe x").expect_error("NOPERM");
}

fn scopes_follow_their_data_into_live_sessions(line: Line) {
    let scene = scene(line);
    let mut writer = scene.log_in_with(&token("valkey.write:cache:*"));
    writer.run("SET cache:a 1").expect_ok();
    let less = DATA.replace("'+get', '+set', '~{pattern}'", "'+get', '~{pattern}'");
    scene.next_generation(|| scene.policies.replace("scopes.toml", less));
    eventually("writing is over", || {
        writer.run("SET cache:a 2").is_error("NOPERM").then_some(())
    });
    assert!(!writer.run("GET cache:a").is_nil());
    let without = DATA.replace("[patterns.write]", "[patterns.rewrite]");
    scene.next_generation(|| scene.policies.replace("scopes.toml", without));
    assert!(writer.closes_within(std::time::Duration::from_secs(10)));
}

fn only_the_listed_authenticators_scopes_count(line: Line) {
    let scene = scene(line);
    let others = format!("authenticators = ['partner']\n{DATA}");
    scene.next_generation(|| scene.policies.replace("scopes.toml", others));
    scene
        .attempt(&token("valkey.write:cache:*"))
        .expect_error("WRONGPASS no policy grants access");
    let ours = format!("authenticators = ['partner', 'corp']\n{DATA}");
    scene.next_generation(|| scene.policies.replace("scopes.toml", ours));
    scene.attempt(&token("valkey.write:cache:*")).expect_ok();
}
