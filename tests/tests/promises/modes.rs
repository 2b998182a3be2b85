//! A client in a mode needs no further command: when its class loses the right to
//! enter the mode, or is told apart, it is closed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use warden_tests::{Claims, Connection, Line, Scene, ServerBuilder, eventually, on_both_lines};

use crate::info;
use crate::restrictions::{ROLES as EVERYTHING, add, app};

on_both_lines!(
    tracking_clients_end_when_they_lose_the_right_to_track,
    subscribers_end_when_they_lose_a_channel,
    replicating_clients_end_when_they_lose_the_right_to_replicate,
    a_ceiling_ends_modes_as_a_policy_does,
    a_generation_that_tells_members_apart_closes_those_who_differ,
    a_native_user_who_takes_a_connection_over_keeps_no_mode_of_its_session,
    a_session_keeps_no_mode_of_the_native_user_it_takes_a_connection_over_from,
);

const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/all"]
rules = ["+@read", "~reports:*"]

[roles.tracker]
members = ["group:corp/all"]
rules = ["+client|tracking", "~none"]

[roles.listener]
members = ["group:corp/all"]
rules = ["+@pubsub", "&news.*", "&chat.*"]

[roles.copier]
members = ["group:corp/all"]
rules = ["+sync", "+psync", "+replconf", "~none"]
"#;

fn start(line: Line) -> Scene {
    Scene::builder(line)
        .roles(ROLES)
        .config([("repl-diskless-sync-delay", "0")])
        .server(ServerBuilder::protected_configs)
        .start()
}

fn log_in(scene: &Scene, commands: &[&str]) -> Connection {
    let mut client = scene.log_in_with(&Claims::of("carol").groups(&["all"]));
    client.call(["HELLO", "3"]);
    for command in commands {
        let reply = client.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
    }
    client
}

/// Takes one role away.
fn without(scene: &Scene, role: &str) {
    let head = format!("[roles.{role}]\nmembers = [\"group:corp/all\"]");
    let data = ROLES.replace(&head, &head.replace("all", "nobody"));
    assert_ne!(data, ROLES);
    scene.next_generation(|| scene.policies.replace("rbac.toml", data));
}

#[track_caller]
fn expect_closed(client: &mut Connection) {
    assert!(
        client.closes_within(warden_tests::server::PATIENCE),
        "still open"
    );
}

fn tracking_clients_end_when_they_lose_the_right_to_track(line: Line) {
    let scene = start(line);
    let mut by_key = log_in(&scene, &["CLIENT TRACKING ON", "GET reports:q1"]);
    let mut by_prefix = log_in(&scene, &["CLIENT TRACKING ON BCAST PREFIX reports:"]);
    let mut idle = log_in(&scene, &["CLIENT TRACKING ON", "CLIENT TRACKING OFF"]);
    without(&scene, "tracker");
    expect_closed(&mut by_key);
    expect_closed(&mut by_prefix);
    assert!(idle.run("GET reports:q1").is_nil());
    idle.run("CLIENT TRACKING ON").expect_error("NOPERM");
    assert_eq!(scene.server.info("clients")["tracking_clients"], "0");
}

fn subscribers_end_when_they_lose_a_channel(line: Line) {
    let scene = start(line);
    let mut exact = log_in(&scene, &["SUBSCRIBE chat.eu"]);
    let mut pattern = log_in(&scene, &["PSUBSCRIBE chat.*"]);
    let mut sharded = log_in(&scene, &["SSUBSCRIBE chat.eu"]);
    let mut both = log_in(&scene, &["SUBSCRIBE news.eu", "SUBSCRIBE chat.eu"]);
    let mut stays = log_in(&scene, &["SUBSCRIBE news.eu", "PSUBSCRIBE news.*"]);
    let narrow = ROLES.replace(", \"&chat.*\"", "");
    scene.next_generation(|| scene.policies.replace("rbac.toml", narrow));
    for client in [&mut exact, &mut pattern, &mut sharded, &mut both] {
        expect_closed(client);
    }
    let mut admin = scene.server.admin();
    assert_eq!(admin.run("PUBLISH chat.eu x").number(), 0);
    assert_eq!(admin.run("SPUBLISH chat.eu x").number(), 0);
    assert_eq!(admin.run("PUBLISH news.eu x").number(), 2);
    stays.receive();
    stays.receive();
    without(&scene, "listener");
    expect_closed(&mut stays);
}

/// A session that copies everything, as a replica does.
fn copy(scene: &Scene) -> TcpStream {
    let token = scene.issuer.token(&Claims::of("carol").groups(&["all"]));
    let mut stream = TcpStream::connect(scene.server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    write!(stream, "AUTH token {token}\r\n").unwrap();
    let mut reply = [0; 5];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+OK\r\n");
    write!(stream, "SYNC\r\n").unwrap();
    eventually("the copy is on its way", || {
        (scene.server.info("replication")["connected_slaves"] == "1").then_some(())
    });
    stream
}

/// Whether the server ends the stream; what it still sends is thrown away.
fn ends(stream: &mut TcpStream) -> bool {
    let mut some = [0; 4096];
    let start = std::time::Instant::now();
    while start.elapsed() < warden_tests::server::PATIENCE {
        match stream.read(&mut some) {
            Ok(0) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
            Ok(_) | Err(_) => {}
        }
    }
    false
}

fn replicating_clients_end_when_they_lose_the_right_to_replicate(line: Line) {
    let scene = start(line);
    let mut stream = copy(&scene);
    let mut reader = log_in(&scene, &["GET reports:q1"]);
    without(&scene, "copier");
    assert!(ends(&mut stream), "it still copies everything");
    assert!(reader.run("GET reports:q1").is_nil());
    assert_eq!(scene.server.info("replication")["connected_slaves"], "0");
}

fn a_ceiling_ends_modes_as_a_policy_does(line: Line) {
    let scene = start(line);
    let mut tracking = log_in(&scene, &["CLIENT TRACKING ON"]);
    let mut subscriber = log_in(&scene, &["SUBSCRIBE news.eu"]);
    let mut stream = copy(&scene);
    let mut reader = log_in(&scene, &["GET reports:q1"]);
    let ceiling = "-client|tracking -@pubsub -sync -psync";
    scene
        .server
        .config_set("warden.ceiling", ceiling)
        .expect_ok();
    expect_closed(&mut tracking);
    expect_closed(&mut subscriber);
    assert!(ends(&mut stream));
    assert!(reader.run("GET reports:q1").is_nil());
}

/// One class as long as no policy reads the claim in which its members differ.
fn a_generation_that_tells_members_apart_closes_those_who_differ(line: Line) {
    let scene = Scene::builder(line).roles(EVERYTHING).start();
    let mut acme = [
        scene.log_in_with(&app("acme")),
        scene.log_in_with(&app("acme")),
    ];
    let mut beta = scene.log_in_with(&app("beta"));
    scene.wait_for_info(info::CLASSES, "1");
    let ids: Vec<i64> = acme.iter_mut().map(Connection::id).collect();
    let tenants = "claim = '/tenant'\nkeys = ['~{tenant}:*']\nchannels = ['&{tenant}.*']\n";
    add(&scene, "tenant", tenants);
    expect_closed(&mut beta);
    for (client, id) in acme.iter_mut().zip(ids) {
        eventually("the bound holds", || {
            client.run("SET beta:x 1").is_error("NOPERM").then_some(())
        });
        client.run("SET acme:x 1").expect_ok();
        assert_eq!(client.id(), id, "the session lives on");
    }
    let mut beta = scene.log_in_with(&app("beta"));
    beta.run("SET beta:x 1").expect_ok();
    beta.run("GET acme:x").expect_error("NOPERM");
}

/// A native user may subscribe, too, but what it stays subscribed to was granted to a
/// session that is over, and would be heard after its token has ended.
fn a_native_user_who_takes_a_connection_over_keeps_no_mode_of_its_session(line: Line) {
    let scene = start(line);
    native(&scene);
    for commands in [
        &["SUBSCRIBE news.eu"][..],
        &["PSUBSCRIBE news.*"],
        &["CLIENT TRACKING ON"],
    ] {
        let mut client = log_in(&scene, commands);
        client.auth("app", "secret").expect_ok();
        expect_closed(&mut client);
    }
    for commands in [
        &["GET reports:q1"][..],
        &["CLIENT TRACKING ON", "CLIENT TRACKING OFF"],
        &["SUBSCRIBE news.eu", "RESET"],
    ] {
        let mut client = log_in(&scene, commands);
        client.auth("app", "secret").expect_ok();
        assert!(Scene::stays_open(&mut client), "{commands:?}");
        client.run("ACL WHOAMI").expect_text("app");
    }
}

fn a_session_keeps_no_mode_of_the_native_user_it_takes_a_connection_over_from(line: Line) {
    let scene = start(line);
    native(&scene);
    let token = scene.issuer.token(&Claims::of("carol").groups(&["all"]));
    // A subscriber cannot be made to wait: the token must be known.
    scene.server.connect().auth("token", &token).expect_ok();
    let taken_over = |command: &str| {
        let mut client = scene.server.connect();
        client.hello_auth(3, "app", "secret");
        let reply = client.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
        client.send(["AUTH", "token", &token]);
        client
    };
    for command in ["SUBSCRIBE secret", "MONITOR"] {
        expect_closed(&mut taken_over(command));
    }
    if line != Line::V8_0 {
        // 8.0 does not say of the default user whether it has authenticated or monitors.
        let mut admin = scene.server.admin();
        admin.run("MONITOR").expect_ok();
        admin.send(["AUTH", "token", &token]);
        expect_closed(&mut admin);
    }
    // What its own rules allow it may go on with.
    for command in ["GET reports:q1", "CLIENT TRACKING ON"] {
        let mut client = taken_over(command);
        client.receive().expect_ok();
        assert!(Scene::stays_open(&mut client), "{command}");
        assert!(client.run("GET reports:q1").is_nil());
    }
}

fn native(scene: &Scene) {
    scene
        .server
        .admin()
        .run("ACL SETUSER app on >secret ~* &* +@all")
        .expect_ok();
}
