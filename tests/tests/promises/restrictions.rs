//! What one policy takes away nobody gives back: tenants stay apart, and nothing
//! exceeds bounds or ceiling.
//!
//! The roles here give everything, so that whatever is refused is refused by a
//! restriction and by nothing else.

use std::time::Duration;

use warden_tests::{
    Claims, Connection, Line, Scene, SceneBuilder, eventually, on_both_lines, parts,
};

on_both_lines!(
    a_tenant_reaches_its_own_and_nothing_else,
    keyless_commands_do_not_reach_around_a_bound,
    scripts_and_commands_of_many_keys_do_not_reach_around_a_bound,
    nobody_changes_the_functions_that_other_tenants_call,
    a_tenants_name_never_widens_its_bounds,
    a_claim_that_names_no_tenant_is_refused,
    several_tenants_add_up_and_the_exempt_are_not_bounded,
    another_tenants_token_replaces_the_bounds,
    two_restrictions_hold_together,
    nothing_exceeds_the_ceiling,
    a_restriction_that_comes_later_bounds_live_sessions,
);

/// Everything, for apps and operators.
pub(crate) const ROLES: &str = "[roles.all]\n\
    members = ['group:corp/apps', 'group:corp/operators']\n\
    rules = ['+@all', '~*', '&*']\n";

const TENANT: &str = "claim = '/tenant'\n\
    keys = ['~{tenant}:*', '%R~shared:*']\n\
    channels = ['&{tenant}.*']\n\
    exempt = ['group:corp/operators']\n";

/// Puts a restricting policy beside what is there.
pub(crate) fn add(scene: &Scene, name: &str, data: &str) {
    scene.reload_after(|| {
        scene.policies.replace(&format!("{name}.toml"), data);
        scene
            .policies
            .replace(&format!("{name}.wasm"), parts::policy(name));
    });
}

fn with_tenants(builder: SceneBuilder) -> Scene {
    let scene = builder.roles(ROLES).start();
    add(&scene, "tenant", TENANT);
    scene
}

/// A token of an app of this tenant.
pub(crate) fn app(tenant: &str) -> Claims {
    Claims::of("app").groups(&["apps"]).set("tenant", tenant)
}

/// A token of somebody whom `TENANT` does not bound.
pub(crate) fn operator() -> Claims {
    Claims::of("root").groups(&["operators"])
}

#[track_caller]
fn expect_refused(client: &mut Connection, commands: &[&str]) {
    for command in commands {
        let reply = client.run(command);
        assert!(reply.is_error("NOPERM"), "{command}: {reply}");
    }
}

fn a_tenant_reaches_its_own_and_nothing_else(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    scene.server.admin().run("SET beta:x secret").expect_ok();
    scene.server.admin().run("SET shared:x 1").expect_ok();
    let mut acme = scene.log_in_with(&app("acme"));
    acme.run("SET acme:x 1").expect_ok();
    acme.run("GET acme:x").expect_text("1");
    acme.run("GET shared:x").expect_text("1");
    assert_eq!(acme.run("PUBLISH acme.news x").number(), 0);
    assert_eq!(acme.run("SUBSCRIBE acme.news").items().len(), 3);
    let mut acme = scene.log_in_with(&app("acme"));
    expect_refused(
        &mut acme,
        &[
            "GET beta:x",
            "SET beta:x 1",
            "DEL beta:x",
            "EXISTS beta:x",
            "OBJECT ENCODING beta:x",
            "GET acme",
            "GET acme2:x",
            "GET ACME:x",
            "SET shared:x 2",
            "GETSET shared:x 2",
            "SUBSCRIBE beta.news",
            "SUBSCRIBE acme.news beta.news",
            "PSUBSCRIBE *",
            "PSUBSCRIBE acme*",
            "SSUBSCRIBE beta.news",
            "PUBLISH beta.news x",
            "SUBSCRIBE __keyspace@0__:beta:x",
        ],
    );
    acme.call(["GET", ""]).expect_error("NOPERM");
    scene.server.admin().run("GET beta:x").expect_text("secret");
}

fn keyless_commands_do_not_reach_around_a_bound(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    scene.server.admin().run("SET beta:x 1").expect_ok();
    let mut acme = scene.log_in_with(&app("acme"));
    expect_refused(
        &mut acme,
        &[
            "KEYS *",
            "KEYS acme:*",
            "SCAN 0",
            "RANDOMKEY",
            "DBSIZE",
            "FLUSHALL",
            "FLUSHDB",
            "SWAPDB 0 1",
            "CLIENT TRACKING ON",
            "CLIENT TRACKING ON BCAST PREFIX beta:",
            "MONITOR",
            "SYNC",
            "PSYNC ? -1",
            "SLOWLOG GET",
            "DEBUG OBJECT beta:x",
            "CLUSTER GETKEYSINSLOT 0 10",
            "CLUSTER COUNTKEYSINSLOT 0",
            "PUBSUB CHANNELS",
        ],
    );
    if line.has_databases() {
        expect_refused(&mut acme, &["COMMANDLOG GET 10 slow", "CLUSTERSCAN 0"]);
    }
    // The twin: it was the bound, for who is not bounded may.
    let mut operator = scene.log_in_with(&operator());
    assert_eq!(operator.run("KEYS *").texts(), ["beta:x"]);
    assert_eq!(operator.run("DBSIZE").number(), 1);
    operator.run("CLIENT TRACKING ON").expect_ok();
    operator.run("MONITOR").expect_ok();
}

fn scripts_and_commands_of_many_keys_do_not_reach_around_a_bound(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    scene.server.admin().run("SET beta:x secret").expect_ok();
    let mut acme = scene.log_in_with(&app("acme"));
    acme.run("SET acme:x 1").expect_ok();
    acme.run("RPUSH acme:list 1");
    for script in [
        "return redis.call('GET', 'beta:x')",
        "return redis.call('KEYS', '*')",
        "return redis.call('DBSIZE')",
        "return redis.call('FLUSHALL')",
        "return redis.call('PUBLISH', 'beta.news', 'x')",
    ] {
        let reply = acme.call(["EVAL", script, "1", "acme:x"]);
        assert!(reply.error().is_some(), "{script}: {reply}");
    }
    expect_refused(
        &mut acme,
        &[
            "MGET acme:x beta:x",
            "COPY acme:x beta:y",
            "RENAME acme:x beta:y",
            "RPOPLPUSH acme:list beta:list",
            "SORT acme:list STORE beta:list",
            "EVAL return(1) 1 beta:x",
            "BLPOP acme:none beta:x 0.01",
            "BITOP AND acme:x beta:x",
        ],
    );
    for sort in ["SORT acme:list BY beta:*", "SORT acme:list GET beta:*"] {
        let reply = acme.run(sort);
        assert!(reply.error().is_some(), "{sort}: {reply}");
    }
    acme.run("MULTI").expect_ok();
    acme.run("GET beta:x").expect_error("NOPERM");
    acme.run("EXEC").expect_error("EXECABORT");
    let mut admin = scene.server.admin();
    admin.run("GET beta:x").expect_text("secret");
    assert_eq!(admin.run("EXISTS beta:y beta:list").number(), 0);
}

/// A function runs with its caller's rights: who replaces one acts as every caller.
fn nobody_changes_the_functions_that_other_tenants_call(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    let library = "#!lua name=shared\nserver.register_function('mine', \
                   function(keys) return server.call('GET', keys[1]) end)";
    let library = library.replace("server.", "redis.");
    let mut operator = scene.log_in_with(&operator());
    let load = ["FUNCTION", "LOAD", "REPLACE", library.as_str()];
    operator.call(load).expect_text("shared");
    let mut acme = scene.log_in_with(&app("acme"));
    acme.call(load).expect_error("NOPERM");
    expect_refused(
        &mut acme,
        &[
            "FUNCTION DELETE shared",
            "FUNCTION FLUSH",
            "FUNCTION RESTORE x",
        ],
    );
    acme.run("SET acme:x 1").expect_ok();
    acme.run("FCALL mine 1 acme:x").expect_text("1");
    acme.run("FCALL mine 1 beta:x").expect_error("NOPERM");
}

fn a_tenants_name_never_widens_its_bounds(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    scene.server.admin().run("SET beta:x secret").expect_ok();
    for name in [
        "*", "b*", "?eta", "[a-z]eta", "[^a]eta", "beta\\", "\\*", "~*", "+@all", "%R~*", "-",
        "db=0", "alldbs", "allkeys", "{tenant}", "b%65ta", "é",
    ] {
        let mut session = scene.log_in_with(&app(name));
        let own = format!("{name}:x");
        session.call(["SET", &own, "1"]).expect_ok();
        expect_refused(&mut session, &["GET beta:x", "GET a:x", "KEYS *"]);
        session.run("PUBLISH beta.news x").expect_error("NOPERM");
    }
    for name in [
        "",
        " ",
        "a b",
        "a\tb",
        "a\nb",
        "a\u{0}b",
        "a\u{a0}b",
        "a\"",
        "a'",
        "a(",
        "a)",
        ") (+@all ~*",
        "beta:",
        "a.b",
        "a:* ~*",
        "shared",
    ] {
        scene.attempt(&app(name)).expect_error("WRONGPASS ");
    }
    scene.server.admin().run("GET beta:x").expect_text("secret");
}

fn a_claim_that_names_no_tenant_is_refused(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    let nobody = Claims::of("app").groups(&["apps"]);
    for claims in [
        nobody.clone(),
        nobody.clone().set("org", "acme"),
        nobody.clone().set("tenant", Vec::<String>::new()),
    ] {
        scene
            .attempt(&claims)
            .expect_error("WRONGPASS your token names no tenant");
    }
    for value in ["null", "true", "{\"acme\": {}}", "[\"acme\", null]", "1.5"] {
        let value: serde_json::Value = serde_json::from_str(value).expect("JSON");
        scene
            .attempt(&nobody.clone().set("tenant", value))
            .expect_error("WRONGPASS the tenant your token names cannot be used here");
    }
    // A tenant alone grants nothing.
    scene
        .attempt(&Claims::of("app").set("tenant", "acme"))
        .expect_error("WRONGPASS no policy grants access");
}

fn several_tenants_add_up_and_the_exempt_are_not_bounded(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    let both = Claims::of("app").groups(&["apps"]);
    let mut both = scene.log_in_with(&both.set("tenant", vec!["acme", "beta"]));
    both.run("SET acme:x 1").expect_ok();
    both.run("SET beta:x 1").expect_ok();
    both.run("COPY acme:x beta:y").number();
    expect_refused(&mut both, &["SET gamma:x 1", "KEYS *"]);
    let mut operator = scene.log_in_with(&operator());
    operator.run("SET gamma:x 1").expect_ok();
    // Who names a tenant and is exempt is exempt.
    let named = Claims::of("root").groups(&["operators"]);
    let mut named = scene.log_in_with(&named.set("tenant", "acme"));
    named.run("SET gamma:x 1").expect_ok();
}

fn another_tenants_token_replaces_the_bounds(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    let mut client = scene.log_in_with(&app("acme"));
    let mut other = scene.log_in_with(&app("acme"));
    client.run("SET acme:x 1").expect_ok();
    client
        .auth("token", &scene.issuer.token(&app("beta")))
        .expect_ok();
    client.run("SET beta:x 1").expect_ok();
    client.run("GET acme:x").expect_error("NOPERM");
    // The same user's other session stays with its own token's tenant.
    other.run("GET acme:x").expect_text("1");
    other.run("GET beta:x").expect_error("NOPERM");
    client
        .auth("token", &scene.issuer.token(&app("a b")))
        .expect_error("WRONGPASS ");
    client.run("GET beta:x").expect_text("1");
    client.run("GET acme:x").expect_error("NOPERM");
}

fn two_restrictions_hold_together(line: Line) {
    let scene = with_tenants(Scene::builder(line));
    let carts = "[[rules]]\nname = 'carts'\nmembers = ['group:corp/apps']\n\
                 keys = ['~acme:cart:*', '%R~acme:*', '~beta:*']\nchannels = ['&acme.cart', '&beta.*']\n\
                 denials = ['-getdel', '-@dangerous']\n\
                 [[rules]]\nname = 'mallory'\nmembers = ['user:corp/mallory']\ndeny_login = 'go away'\n";
    add(&scene, "guardrails", carts);
    let mut acme = scene.log_in_with(&app("acme"));
    acme.run("SET acme:cart:1 x").expect_ok();
    acme.run("GET acme:cart:1").expect_text("x");
    assert!(acme.run("GET acme:user").is_nil());
    assert_eq!(acme.run("PUBLISH acme.cart x").number(), 0);
    expect_refused(
        &mut acme,
        &[
            "SET acme:user x",
            "GETDEL acme:cart:1",
            "GET beta:x",
            "SET shared:x 1",
            "GET shared:x",
            "PUBLISH acme.news x",
            "PUBLISH beta.news x",
            "SCAN 0",
            "CONFIG GET *",
        ],
    );
    // Of what was granted nothing is left for gamma.
    scene
        .attempt(&app("gamma"))
        .expect_error("WRONGPASS no policy grants access");
    scene
        .attempt(
            &Claims::of("mallory")
                .groups(&["apps"])
                .set("tenant", "acme"),
        )
        .expect_error("WRONGPASS go away");
    // One refusal is enough, whatever the other policy thinks.
    scene
        .attempt(&Claims::of("app").groups(&["apps"]))
        .expect_error("WRONGPASS your token names no tenant");
}

fn nothing_exceeds_the_ceiling(line: Line) {
    let ceiling = "-@admin -@dangerous -getdel ~acme:* %R~beta:* &acme.*";
    let scene = with_tenants(Scene::builder(line).module_args(["ceiling", ceiling]));
    let mut acme = scene.log_in_with(&app("acme"));
    acme.run("SET acme:x 1").expect_ok();
    assert_eq!(acme.run("PUBLISH acme.news x").number(), 0);
    expect_refused(
        &mut acme,
        &[
            "GETDEL acme:x",
            "GET shared:x",
            "CONFIG GET *",
            "KEYS *",
            "INFO",
        ],
    );
    let mut beta = scene.log_in_with(&app("beta"));
    assert!(beta.run("GET beta:x").is_nil());
    expect_refused(
        &mut beta,
        &["SET beta:x 1", "GET acme:x", "PUBLISH beta.news x"],
    );
    // Exempt of the policy is not exempt of the ceiling.
    let mut operator = scene.log_in_with(&operator());
    operator.run("GET acme:x").expect_text("1");
    expect_refused(
        &mut operator,
        &[
            "GET gamma:x",
            "SET beta:x 1",
            "GETDEL acme:x",
            "KEYS *",
            "SCAN 0",
            "DBSIZE",
            "FLUSHALL",
            "MONITOR",
            "CLIENT TRACKING ON",
            "CONFIG GET *",
            "PUBLISH beta.news x",
        ],
    );
}

fn a_restriction_that_comes_later_bounds_live_sessions(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut acme = scene.log_in_with(&app("acme"));
    let mut nobody = scene.log_in_with(&Claims::of("x").groups(&["apps"]));
    acme.run("SET beta:x 1").expect_ok();
    add(&scene, "tenant", TENANT);
    eventually("the live session is bounded", || {
        acme.run("GET beta:x").is_error("NOPERM").then_some(())
    });
    acme.run("SET acme:x 1").expect_ok();
    acme.run("KEYS *").expect_error("NOPERM");
    assert!(nobody.closes_within(Duration::from_secs(10)));
    // A broken restriction changes nothing: the bounds stay.
    scene.policies.replace("tenant.toml", "claim = '/tenant'\n");
    eventually("the error shows", || {
        let errors = scene.policies_state().field("errors").items();
        (!errors.is_empty()).then_some(())
    });
    acme.run("GET beta:x").expect_error("NOPERM");
    let mut later = scene.log_in_with(&app("acme"));
    later.run("GET beta:x").expect_error("NOPERM");
}
