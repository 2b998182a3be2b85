//! A primary and its replica, warden on both: replication is none of warden's
//! business, and what depends on the server's role follows it.

use std::time::Duration;

use warden_tests::scene::ROLES;
use warden_tests::{
    ADMIN_PASSWORD, Claims, Connection, Line, Reply, Scene, SceneBuilder, Server, eventually,
    on_both_lines, parts, unix_now,
};

use crate::info;

on_both_lines!(
    a_replicas_link_outlives_whatever_happens_to_sessions,
    a_replica_logs_in_by_native_users_and_by_fallback,
    sessions_on_a_replica_are_its_own,
    rights_by_the_servers_role_follow_a_promotion_and_back,
    rights_by_the_servers_role_follow_a_failover,
    a_full_resynchronisation_leaves_sessions_alone,
);

/// The user as whom replicas log in, on either server.
const LINK: [&str; 8] = [
    "ACL",
    "SETUSER",
    "link",
    "on",
    ">of-the-replicas",
    "+psync",
    "+replconf",
    "+ping",
];

fn builder(line: Line) -> SceneBuilder {
    Scene::builder(line).config([
        ("masteruser", "link"),
        ("masterauth", "of-the-replicas"),
        ("repl-diskless-sync-delay", "0"),
        ("repl-timeout", "20"),
    ])
}

/// Two servers, the second a replica of the first.
fn pair(primary: SceneBuilder, replica: SceneBuilder) -> (Scene, Scene) {
    let (primary, replica) = (primary.start(), replica.start());
    for scene in [&primary, &replica] {
        scene.server.admin().call(LINK).expect_ok();
    }
    follow(&replica.server, &primary.server);
    (primary, replica)
}

/// Makes one server a replica of another and waits until it is in step.
fn follow(replica: &Server, primary: &Server) {
    let (host, port) = (
        primary.address().ip().to_string(),
        primary.address().port().to_string(),
    );
    replica
        .admin()
        .call(["REPLICAOF", &host, &port])
        .expect_ok();
    wait_for_link(replica, primary);
}

fn wait_for_link(replica: &Server, primary: &Server) {
    eventually("the replica is in step", || {
        let below = replica.info("replication");
        let above = primary.info("replication");
        (below.get("master_link_status")? == "up" && above.get("slave0")?.contains("state=online"))
            .then_some(())
    });
}

/// The number of the one replica's connection to its primary.
fn link_of(primary: &Server) -> String {
    let list = primary.admin().run("CLIENT LIST TYPE REPLICA").text();
    let ids: Vec<&str> = list
        .split(' ')
        .filter(|word| word.contains("id="))
        .collect();
    ids.first().expect("a replica is connected").to_string()
}

/// What is written to the primary arrives at the replica.
#[track_caller]
fn expect_in_step(primary: &Server, replica: &Server, value: &str) {
    primary.admin().call(["SET", "in-step", value]).expect_ok();
    eventually("the replica has what was written", || {
        (replica.admin().run("GET in-step").as_text()? == value).then_some(())
    });
}

/// Sessions come and go in every way there is, twice for each: the link is the same
/// connection afterwards.
fn a_replicas_link_outlives_whatever_happens_to_sessions(line: Line) {
    let primary = builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .authenticator_lines("leeway_seconds = 0\n");
    let (primary, replica) = pair(primary, builder(line));
    let link = link_of(&primary.server);
    let exp = unix_now() + 2;
    let claims = Claims::of("carol").groups(&["watchers", "listeners", "editors"]);
    let mut ends = primary.log_in_with(&claims.clone().set("exp", exp));
    let mut monitor = primary.log_in_with(&claims);
    monitor.run("MONITOR").expect_ok();
    // Every right is taken away, also those to monitor and to replicate.
    primary.next_generation(|| {
        primary.policies.replace(
            "rbac.toml",
            "[roles.x]\nmembers = ['group:corp/nobody']\nrules = ['+get', '~x']\n",
        )
    });
    assert!(monitor.closes_within(warden_tests::server::PATIENCE));
    assert!(ends.closes_within(warden_tests::server::PATIENCE));
    primary.next_generation(|| primary.policies.replace("rbac.toml", ROLES));
    for ceiling in ["-@read -@admin", "-sync -psync -replconf", ""] {
        primary
            .server
            .config_set("warden.ceiling", ceiling)
            .expect_ok();
    }
    // A user of a session's name, and the sweep for it.
    let mut session = primary.log_in_with(&claims.clone().id("again"));
    let mut admin = primary.server.admin();
    admin
        .run("ACL SETUSER corp/carol on nopass +@all")
        .expect_ok();
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    admin.run("ACL DELUSER corp/carol");
    // The authenticators go, and warden itself goes and comes.
    primary.authenticators.remove("10-corp.toml");
    eventually("the module is unloaded", || {
        admin.run("MODULE UNLOAD warden").is_ok().then_some(())
    });
    expect_in_step(&primary.server, &replica.server, "without");
    let mut load = vec!["MODULE".to_owned(), "LOAD".to_owned()];
    load.push(parts::module().display().to_string());
    load.extend(primary.load_arguments());
    admin.call(&load).expect_ok();
    expect_in_step(&primary.server, &replica.server, "again");
    assert_eq!(
        link_of(&primary.server),
        link,
        "the same connection as before"
    );
    assert_eq!(primary.server.info("stats")["sync_full"], "1");
}

fn a_replica_logs_in_by_native_users_and_by_fallback(line: Line) {
    let strict = builder(line).module_args(["fallback", "deny", "native_users", "default link"]);
    let (primary, replica) = pair(strict, builder(line));
    expect_in_step(&primary.server, &replica.server, "native");
    // Its connection ends and it logs in again, warden's refusal being no obstacle.
    let before = link_of(&primary.server);
    let mut admin = primary.server.admin();
    admin.run("CLIENT KILL TYPE REPLICA");
    eventually("another connection of the replica", || {
        let list = admin.run("CLIENT LIST TYPE REPLICA").text();
        (list.contains("id=") && !list.contains(&format!("{before} "))).then_some(())
    });
    expect_in_step(&primary.server, &replica.server, "again");
    // The twin: with a password that is none it stays away.
    replica.server.config_set("masterauth", "wrong").expect_ok();
    admin.run("CLIENT KILL TYPE REPLICA");
    eventually("the replica is refused", || {
        replica
            .server
            .log()
            .contains("Unable to AUTH")
            .then_some(())
    });
    replica
        .server
        .config_set("masterauth", "of-the-replicas")
        .expect_ok();
    wait_for_link(&replica.server, &primary.server);
}

fn sessions_on_a_replica_are_its_own(line: Line) {
    let (primary, replica) = pair(builder(line), builder(line));
    let token = primary.token("alice");
    primary.server.admin().run("SET reports:q1 up").expect_ok();
    let mut here = primary.server.connect();
    here.auth("alice", &token).expect_ok();
    replica.wait_for_info(info::SESSIONS, "0");
    let mut there = replica.server.connect();
    there.auth("alice", &replica.token("alice")).expect_ok();
    eventually("the key has arrived", || {
        there
            .run("GET reports:q1")
            .as_text()
            .filter(|text| text == "up")
    });
    there.run("SET reports:q1 down").expect_error("NOPERM");
    let mut writer = replica.log_in_with(&Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 down").expect_error("READONLY");
    // What a session may write is written on the replica, whoever wrote it.
    let mut writer = primary.log_in_with(&Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 down").expect_ok();
    eventually("the write of the session has arrived", || {
        there
            .run("GET reports:q1")
            .as_text()
            .filter(|text| text == "down")
    });
}

/// A scene whose only policy reads the server's role.
fn by_role(line: Line) -> SceneBuilder {
    builder(line).without_policy()
}

fn with_role_policy(scene: &Scene) {
    scene.wait_for_generation(1);
    scene.next_generation(|| {
        scene
            .policies
            .replace("role.wasm", parts::policy("tests/role"))
    });
}

fn is_nil(reply: &Reply) -> bool {
    reply.is_nil()
}

/// Waits until the session has a primary's rights, or a replica's, and never both.
#[track_caller]
fn wait_for_rights(client: &mut Connection, role: &str) {
    let other = if role == "primary" {
        "replica"
    } else {
        "primary"
    };
    eventually(&format!("the rights of a {role}"), || {
        let replies = client.pipeline(&[
            &["GET", &format!("{role}:x")],
            &["GET", &format!("{other}:x")],
        ]);
        let both = replies.iter().all(is_nil);
        assert!(!both, "the rights of either role at once");
        (replies[0].is_nil() && replies[1].is_error("NOPERM")).then_some(())
    });
}

fn rights_by_the_servers_role_follow_a_promotion_and_back(line: Line) {
    let (primary, replica) = pair(by_role(line), by_role(line));
    with_role_policy(&primary);
    with_role_policy(&replica);
    let mut above = primary.log_in("alice");
    let mut below = replica.log_in("alice");
    wait_for_rights(&mut above, "primary");
    wait_for_rights(&mut below, "replica");
    let id = below.id();
    for _ in 0..2 {
        replica.server.admin().run("REPLICAOF NO ONE").expect_ok();
        wait_for_rights(&mut below, "primary");
        below.run("SET primary:y 1").expect_ok();
        let mut late = replica.log_in_with(&Claims::of("late"));
        wait_for_rights(&mut late, "primary");
        follow(&replica.server, &primary.server);
        wait_for_rights(&mut below, "replica");
        wait_for_rights(&mut late, "replica");
    }
    assert_eq!(below.id(), id, "the session lives on");
    wait_for_rights(&mut above, "primary");
}

fn rights_by_the_servers_role_follow_a_failover(line: Line) {
    let (primary, replica) = pair(by_role(line), by_role(line));
    with_role_policy(&primary);
    with_role_policy(&replica);
    let mut first = primary.log_in("alice");
    let mut second = replica.log_in("alice");
    wait_for_rights(&mut first, "primary");
    wait_for_rights(&mut second, "replica");
    primary.server.admin().run("FAILOVER").expect_ok();
    wait_for_rights(&mut second, "primary");
    wait_for_rights(&mut first, "replica");
    wait_for_link(&primary.server, &replica.server);
    second.run("SET primary:x 1").expect_ok();
    first.run("SET primary:x 2").expect_error("NOPERM");
    let admin = primary.server.admin().run("GET primary:x");
    assert!(admin.is_nil() || admin.text() == "1", "{admin}");
    // Credentials of either server are worth the same on the other, then as before.
    let mut late = primary.server.connect();
    late.auth("alice", &replica.token("alice")).expect_ok();
    wait_for_rights(&mut late, "replica");
}

fn a_full_resynchronisation_leaves_sessions_alone(line: Line) {
    let (primary, replica) = pair(builder(line), builder(line));
    let claims = Claims::of("carol").groups(&["listeners", "analysts"]);
    let mut reader = replica.log_in("alice");
    let mut subscriber = replica.log_in_with(&claims);
    subscriber.run("SUBSCRIBE news.eu");
    let id = reader.id();
    primary.server.admin().run("SET reports:q1 up").expect_ok();
    let full = primary.server.info_number("stats", "sync_full");
    // Its history is another from here on, so that it must take everything anew.
    let mut admin = replica.server.admin();
    admin.run("REPLICAOF NO ONE").expect_ok();
    admin.run("DEBUG CHANGE-REPL-ID").expect_ok();
    admin.run("SET only-here 1").expect_ok();
    follow(&replica.server, &primary.server);
    assert!(primary.server.info_number("stats", "sync_full") > full);
    assert!(admin.run("GET only-here").is_nil());
    assert_eq!(reader.id(), id);
    reader.run("GET reports:q1").expect_text("up");
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    primary.server.admin().run("PUBLISH news.eu x");
    let message = subscriber.receive_within(Duration::from_secs(10));
    assert!(message.is_ok(), "still subscribed: {message:?}");
    for scene in [&primary, &replica] {
        scene.server.admin().run("DEBUG RELOAD").expect_ok();
    }
    reader.run("GET reports:q1").expect_text("up");
    replica
        .attempt(&Claims::of("alice").id("after"))
        .expect_ok();
    let mut native = replica.server.connect();
    native.auth("default", ADMIN_PASSWORD).expect_ok();
}
