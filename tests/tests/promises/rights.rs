//! A session can do exactly what the policies granted.

use warden_tests::{Claims, Line, Scene, on_both_lines};

on_both_lines!(
    a_reader_reads_and_does_nothing_else,
    a_writer_writes_its_keys_and_no_others,
    a_scope_grants_as_a_group_does,
    a_name_grants_as_a_group_does,
    two_roles_never_cross,
    what_a_client_library_needs_is_granted_to_everybody,
    the_ceiling_bounds_every_grant,
    scripts_have_no_more_rights_than_their_caller,
);

fn a_reader_reads_and_does_nothing_else(line: Line) {
    let scene = Scene::start(line);
    scene.server.admin().run("SET reports:q1 up").expect_ok();
    let mut reader = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]));
    reader.run("GET reports:q1").expect_text("up");
    for refused in [
        "SET reports:q1 down",
        "DEL reports:q1",
        "GET secrets:q1",
        "GET report",
        "MGET reports:q1 secrets:q1",
        "FLUSHALL",
        "CONFIG GET *",
        "ACL WHOAMI",
        "ACL SETUSER x on nopass +@all ~*",
        "SUBSCRIBE news.eu",
        "PUBLISH news.eu x",
        "MODULE LIST",
        "DEBUG SLEEP 0",
        "WARDEN.SESSIONS",
        "WARDEN.POLICIES",
        "WARDEN.AUTHENTICATORS",
    ] {
        reader.run(refused).expect_error("NOPERM");
    }
    scene.server.admin().run("GET reports:q1").expect_text("up");
}

fn a_writer_writes_its_keys_and_no_others(line: Line) {
    let scene = Scene::start(line);
    let mut writer = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 up").expect_ok();
    writer.run("GET reports:q1").expect_text("up");
    writer.run("SET secrets:q1 up").expect_error("NOPERM");
    writer.run("HSET reports:h f v").expect_error("NOPERM");
    writer
        .run("COPY reports:q1 secrets:q1")
        .expect_error("NOPERM");
    assert_eq!(writer.run("DEL reports:q1").number(), 1);
}

fn a_scope_grants_as_a_group_does(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in_with(&Claims::of("service").scope("openid cache.read"));
    assert!(reader.run("GET reports:q1").is_nil());
    scene
        .attempt(&Claims::of("service").scope("openid cache.readX"))
        .expect_error("WRONGPASS no policy");
    scene
        .attempt(&Claims::of("service").groups(&["cache.read"]))
        .expect_error("WRONGPASS no policy");
}

fn a_name_grants_as_a_group_does(line: Line) {
    let scene = Scene::start(line);
    assert!(scene.log_in("alice").run("GET reports:q1").is_nil());
    scene
        .attempt(&Claims::of("alice2"))
        .expect_error("WRONGPASS no policy");
    scene
        .attempt(&Claims::of("x").groups(&["alice"]))
        .expect_error("WRONGPASS no policy");
}

fn two_roles_never_cross(line: Line) {
    let scene = Scene::start(line);
    let mut both = scene.log_in_with(&Claims::of("carol").groups(&["analysts", "consumers"]));
    assert!(both.run("GET reports:q1").is_nil());
    assert_eq!(both.run("LPUSH queue:a job").number(), 1);
    both.run("LPUSH reports:q1 job").expect_error("NOPERM");
    both.run("LRANGE queue:a 0 -1").expect_error("NOPERM");
    both.run("BLPOP queue:a reports:q1 0.01")
        .expect_error("NOPERM");
}

fn what_a_client_library_needs_is_granted_to_everybody(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    reader.run("PING").expect_text("PONG");
    reader.run("ECHO hello").expect_text("hello");
    reader.run("SELECT 0").expect_ok();
    reader.run("CLIENT SETNAME app").expect_ok();
    reader.run("CLIENT SETINFO LIB-NAME app").expect_ok();
    assert!(reader.run("CLIENT ID").number() > 0);
    assert!(reader.run("COMMAND COUNT").number() > 100);
    reader.run("CLIENT KILL ID 1").expect_error("NOPERM");
    reader.run("CLIENT LIST").expect_error("NOPERM");
}

fn the_ceiling_bounds_every_grant(line: Line) {
    let roles = "[roles.all]\nmembers = [\"user:corp/alice\"]\nrules = [\"+@read\", \"+@admin\", \"+@write\", \"~*\"]\n";
    let scene = Scene::builder(line)
        .roles(roles)
        .module_args(["ceiling", "-@dangerous -@admin"])
        .start();
    let mut alice = scene.log_in("alice");
    alice.run("SET anything x").expect_ok();
    for refused in [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET *",
        "ACL LIST",
        "CLIENT LIST",
        "WARDEN.SESSIONS",
    ] {
        alice.run(refused).expect_error("NOPERM");
    }
}

fn scripts_have_no_more_rights_than_their_caller(line: Line) {
    let roles = "[roles.script]\nmembers = [\"user:corp/alice\"]\nrules = [\"+eval\", \"+get\", \"~reports:*\"]\n";
    let scene = Scene::builder(line).roles(roles).start();
    let mut alice = scene.log_in("alice");
    assert!(
        alice
            .call([
                "EVAL",
                "return redis.call('GET', 'reports:q1')",
                "1",
                "reports:q1"
            ])
            .is_nil()
    );
    let set = alice.call([
        "EVAL",
        "return redis.call('SET', 'reports:q1', 'x')",
        "1",
        "reports:q1",
    ]);
    assert!(
        set.error()
            .is_some_and(|text| text.contains("ACL failure") || text.contains("NOPERM")),
        "{set}"
    );
    let auth = alice.call(["EVAL", "return redis.call('AUTH', 'x', 'y')", "0"]);
    assert!(auth.error().is_some(), "{auth}");
    scene.server.expect_healthy();
}
