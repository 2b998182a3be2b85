//! The server's own ACL and connection commands beside sessions: what they show,
//! what they save, and that a user of a session's name gives nobody anything.

use warden_tests::{ADMIN_PASSWORD, Claims, Connection, Line, Scene, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    a_local_user_made_later_ends_sessions_in_every_mode,
    a_local_user_deleted_at_once_changes_nothing,
    acl_load_ends_sessions_in_every_mode,
    what_the_server_lists_and_saves_never_names_a_session,
    what_the_server_rewrites_never_names_a_session,
    the_server_shows_sessions_by_their_principal,
    clients_are_killed_as_any_other,
    hello_without_credentials_keeps_the_session,
    a_client_that_takes_no_replies_authenticates_silently,
    refusals_in_the_acl_log_name_no_rights,
);

const ROLES: &str = "[roles.all]\nmembers = ['group:corp/apps']\nrules = ['+@all', '~*', '&*']\n\
     [roles.reader]\nmembers = ['group:corp/analysts', 'user:corp/alice']\nrules = ['+@read', '~reports:*']\n";

fn app(id: &str) -> Claims {
    Claims::of("app").groups(&["apps"]).id(id)
}

/// Sessions of one principal in every mode a client can be in.
fn in_every_mode(scene: &Scene) -> Vec<(&'static str, Connection)> {
    let modes = [
        "PING",
        "MONITOR",
        "SUBSCRIBE news.eu",
        "PSUBSCRIBE news.*",
        "SSUBSCRIBE news.eu",
        "BLPOP queue 0",
        "XREAD BLOCK 0 STREAMS stream $",
        "WAIT 1 0",
        "MULTI",
        "WATCH key",
        "CLIENT TRACKING ON BCAST",
        "CLIENT REPLY OFF",
    ];
    let clients: Vec<_> = modes
        .into_iter()
        .map(|mode| {
            let mut client = scene.log_in_with(&app(mode));
            client.call(["HELLO", "3"]);
            client.send(mode.split(' '));
            (mode, client)
        })
        .collect();
    eventually("three of them are blocked", || {
        (scene.server.info("clients")["blocked_clients"] == "3").then_some(())
    });
    clients
}

#[track_caller]
fn expect_closed(clients: Vec<(&'static str, Connection)>) {
    for (mode, mut client) in clients {
        assert!(
            client.closes_within(warden_tests::server::PATIENCE),
            "still open: {mode}"
        );
    }
}

fn a_local_user_made_later_ends_sessions_in_every_mode(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let clients = in_every_mode(&scene);
    let mut other = scene.log_in("alice");
    let mut admin = scene.server.admin();
    admin
        .run("ACL SETUSER corp/app on nopass ~* &* +@all")
        .expect_ok();
    expect_closed(clients);
    scene.attempt(&app("late")).expect_error("WRONGPASS");
    // A disabled user's name is taken, too.
    assert!(other.run("GET reports:q1").is_nil());
    admin.run("ACL SETUSER corp/alice off").expect_ok();
    assert!(other.closes_within(warden_tests::server::PATIENCE));
    for name in ["corp/app", "corp/alice"] {
        assert_eq!(admin.call(["ACL", "DELUSER", name]).number(), 1);
    }
    scene
        .log_in_with(&app("after"))
        .run("SET key 1")
        .expect_ok();
}

/// A user of a session's name comes and goes, with nobody looking in between.
fn a_local_user_deleted_at_once_changes_nothing(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut alice = scene.log_in("alice");
    let mut native = scene.server.connect();
    let mut admin = scene.server.admin();
    let replies = admin.pipeline(&[
        &[
            "ACL",
            "SETUSER",
            "corp/alice",
            "on",
            ">secret",
            "~*",
            "+@all",
        ],
        &["ACL", "DELUSER", "corp/alice"],
    ]);
    replies[0].expect_ok();
    native
        .auth("corp/alice", "secret")
        .expect_error("WRONGPASS");
    // The server kills the clients of the user it deletes, by what they run as.
    assert!(alice.run("GET reports:q1").is_nil());
    alice.run("SET reports:q1 x").expect_error("NOPERM");
}

fn acl_load_ends_sessions_in_every_mode(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let acl = directory.path().join("users.acl");
    let default = format!("user default on >{ADMIN_PASSWORD} ~* &* +@all\n");
    std::fs::write(&acl, &default).unwrap();
    let scene = Scene::builder(line)
        .roles(ROLES)
        .config([("aclfile", &acl.display().to_string())])
        .server(warden_tests::ServerBuilder::password_by_acl_file)
        .start();
    let mut admin = scene.server.admin();
    for (round, users) in ["", "user corp/app on nopass ~* &* +@all\n"]
        .into_iter()
        .enumerate()
    {
        let clients = in_every_mode(&scene);
        std::fs::write(&acl, format!("{default}{users}")).unwrap();
        admin.run("ACL LOAD").expect_ok();
        expect_closed(clients);
        eventually("nobody of them is left", || {
            (scene.info(info::SESSIONS) == "0").then_some(())
        });
        admin.run("PING").expect_text("PONG");
        let again = scene.attempt(&app(&round.to_string()));
        assert_eq!(again.is_ok(), users.is_empty(), "{again}");
    }
}

#[track_caller]
fn expect_no_session(text: &str) {
    for trace in ["corp/", "alice", "app on", "warden"] {
        assert!(!text.contains(trace), "{trace} in:\n{text}");
    }
}

fn what_the_server_lists_and_saves_never_names_a_session(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let acl = directory.path().join("users.acl");
    std::fs::write(
        &acl,
        format!("user default on >{ADMIN_PASSWORD} ~* &* +@all\n"),
    )
    .unwrap();
    let scene = Scene::builder(line)
        .config([("aclfile", &acl.display().to_string())])
        .server(warden_tests::ServerBuilder::password_by_acl_file)
        .start();
    let mut alice = scene.log_in("alice");
    let mut admin = scene.server.admin();
    expect_no_session(&admin.run("ACL LIST").texts().join("\n"));
    assert_eq!(admin.run("ACL USERS").texts(), ["default"]);
    assert!(admin.run("ACL GETUSER corp/alice").is_nil());
    admin
        .run("ACL DRYRUN corp/alice GET reports:q1")
        .expect_error("ERR");
    admin.run("ACL SAVE").expect_ok();
    expect_no_session(&std::fs::read_to_string(&acl).unwrap());
    assert!(alice.run("GET reports:q1").is_nil());
}

fn what_the_server_rewrites_never_names_a_session(line: Line) {
    let scene = Scene::start(line);
    let mut alice = scene.log_in("alice");
    let mut admin = scene.server.admin();
    admin
        .run("ACL SETUSER native on >secret ~native:* +get")
        .expect_ok();
    admin.run("CONFIG REWRITE").expect_ok();
    let users: Vec<String> = scene
        .server
        .config_file()
        .lines()
        .filter(|line| line.starts_with("user "))
        .map(str::to_owned)
        .collect();
    assert!(
        users.iter().any(|line| line.contains("native")),
        "{users:?}"
    );
    expect_no_session(&users.join("\n"));
    scene.server.restart();
    scene.wait_for_generation(1);
    assert!(!alice.is_open());
    scene.server.connect().auth("native", "secret").expect_ok();
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn the_server_shows_sessions_by_their_principal(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut client = scene.log_in_with(&app("1"));
    client.run("ACL WHOAMI").expect_text("corp/app");
    let id = client.id();
    let own = client.run("CLIENT INFO").text();
    assert!(own.contains(" user=corp/app "), "{own}");
    let mut admin = scene.server.admin();
    let listed = admin.call(["CLIENT", "LIST", "ID", &id.to_string()]).text();
    assert!(listed.contains(" user=corp/app "), "{listed}");
    // What it is refused stands in the ACL LOG under its name.
    let mut reader = scene.log_in("alice");
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    let log = admin.run("ACL LOG 1").items();
    log[0].field("username").expect_text("corp/alice");
    log[0].field("object").expect_text("set");
}

fn clients_are_killed_as_any_other(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut admin = scene.server.admin();
    let mut by_id = scene.log_in_with(&app("1"));
    let id = by_id.id().to_string();
    assert_eq!(admin.call(["CLIENT", "KILL", "ID", &id]).number(), 1);
    assert!(by_id.closes_within(warden_tests::server::PATIENCE));
    scene.wait_for_info(info::SESSIONS, "0");
    // The server looks for a user of its own: it knows none, and nobody is killed.
    let mut by_user = scene.log_in_with(&app("2"));
    admin
        .run("CLIENT KILL USER corp/app")
        .expect_error("ERR No such user");
    by_user.run("PING").expect_text("PONG");
    let mut by_type = scene.log_in_with(&app("3"));
    by_type.run("SUBSCRIBE news.eu");
    assert_eq!(admin.run("CLIENT KILL TYPE PUBSUB").number(), 1);
    assert!(by_type.closes_within(warden_tests::server::PATIENCE));
    // A session that may ends itself.
    let id = by_user.id().to_string();
    by_user.send(["CLIENT", "KILL", "ID", &id, "SKIPME", "no"]);
    assert!(by_user.closes_within(warden_tests::server::PATIENCE));
    scene.wait_for_info(info::SESSIONS, "0");
    scene.server.expect_healthy();
}

fn hello_without_credentials_keeps_the_session(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    for version in ["3", "2", "3"] {
        client
            .call(["HELLO", version])
            .field("proto")
            .expect_text(version);
        assert_eq!(client.user(), "corp/alice");
        client.run("SET reports:q1 x").expect_error("NOPERM");
    }
    client
        .run("HELLO 3 SETNAME myself")
        .field("proto")
        .expect_text("3");
    client.run("CLIENT GETNAME").expect_text("myself");
    let again = scene.issuer.token(&Claims::of("alice").id("again"));
    client
        .call(["HELLO", "2", "AUTH", "alice", &again, "SETNAME", "other"])
        .field("proto")
        .expect_text("2");
    client.run("CLIENT GETNAME").expect_text("other");
    // Nobody else's client is named before it is known.
    let mut stranger = scene.server.connect();
    let forged = scene.issuer.forged(&Claims::of("alice"));
    stranger
        .call(["HELLO", "3", "AUTH", "alice", &forged, "SETNAME", "alice"])
        .expect_error("WRONGPASS");
    stranger.call(["HELLO", "3"]).expect_error("NOAUTH");
}

fn a_client_that_takes_no_replies_authenticates_silently(line: Line) {
    let scene = Scene::start(line);
    let token = |id: &str| {
        scene
            .issuer
            .token(&Claims::of("alice").groups(&["editors"]).id(id))
    };
    let forged = scene.issuer.forged(&Claims::of("alice"));
    // Verified by a worker the first time, from the cache the second.
    for _ in 0..2 {
        let mut client = scene.log_in("alice");
        client.send(["CLIENT", "REPLY", "OFF"]);
        client.send(["AUTH", "alice", &token("silent")]);
        client.send(["SET", "reports:q1", "x"]);
        client.send(["AUTH", "alice", &forged]);
        client.send(["CLIENT", "REPLY", "ON"]);
        client.receive().expect_ok();
        client.run("SET reports:q1 y").expect_ok();
        let mut client = scene.log_in("alice");
        client.send(["CLIENT", "REPLY", "SKIP"]);
        client.send(["AUTH", "alice", &token("skipped")]);
        client.run("SET reports:q1 z").expect_ok();
    }
    scene.server.admin().run("GET reports:q1").expect_text("z");
}

fn refusals_in_the_acl_log_name_no_rights(line: Line) {
    let scene = Scene::start(line);
    let forged = scene.issuer.forged(&Claims::of("alice"));
    scene.expect_refused("alice", &forged, "WRONGPASS");
    let log = scene.server.admin().run("ACL LOG").items();
    let text: Vec<String> = log.iter().map(ToString::to_string).collect();
    log[0].field("reason").expect_text("auth");
    log[0].field("username").expect_text("alice");
    assert!(!text.concat().contains("+@"), "{text:?}");
    assert!(!text.concat().contains(&forged), "{text:?}");
}
