//! Two nodes of a cluster, warden on both: a slot moves from one to the other, and
//! sessions on either go on as clients of a cluster do.

use warden_tests::ports::free_port;
use warden_tests::{
    ADMIN_PASSWORD, Claims, Connection, Line, Scene, Server, eventually, on_both_lines,
};

use crate::info;

on_both_lines!(
    a_slot_moves_and_sessions_follow_it,
    a_slot_moved_whole_leaves_sessions_alone,
    a_client_library_finds_its_way_by_the_base_rules,
);

/// The slot of `{reports}`, as CLUSTER KEYSLOT tells it.
const KEY: &str = "reports:{q}";

fn node(line: Line) -> Scene {
    let port = free_port().to_string();
    Scene::builder(line)
        .config([
            ("cluster-enabled", "yes"),
            ("cluster-port", &port),
            ("cluster-node-timeout", "5000"),
            // What moves slots logs in as the default user.
            ("masterauth", ADMIN_PASSWORD),
        ])
        .start()
}

fn id(server: &Server) -> String {
    server.admin().run("CLUSTER MYID").text()
}

/// Two nodes that know each other; the first has every slot.
fn cluster(line: Line) -> (Scene, Scene) {
    let (first, second) = (node(line), node(line));
    first
        .server
        .admin()
        .run("CLUSTER ADDSLOTSRANGE 0 16383")
        .expect_ok();
    let address = second.server.address();
    let bus = second.server.config_get("cluster-port").unwrap();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    first
        .server
        .admin()
        .call(["CLUSTER", "MEET", &host, &port, &bus])
        .expect_ok();
    let ids = [id(&first.server), id(&second.server)];
    for scene in [&first, &second] {
        eventually("the nodes know each other and all slots", || {
            let mut admin = scene.server.admin();
            let state = admin.run("CLUSTER INFO").text();
            let nodes = admin.run("CLUSTER NODES").text();
            let known = ids.iter().all(|id| nodes.contains(id.as_str()));
            (known
                && state.contains("cluster_state:ok")
                && nodes.contains("0-16383")
                && !nodes.contains("handshake"))
            .then_some(())
        });
    }
    (first, second)
}

fn slot(server: &Server) -> String {
    server
        .admin()
        .call(["CLUSTER", "KEYSLOT", KEY])
        .number()
        .to_string()
}

fn sessions(scene: &Scene) -> (Connection, Connection) {
    let reader = scene.log_in("alice");
    let writer = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    (reader, writer)
}

/// The older way: key by key, clients being asked to try the other node meanwhile.
fn a_slot_moves_and_sessions_follow_it(line: Line) {
    let (first, second) = cluster(line);
    let (mut reader, mut writer) = sessions(&first);
    let (mut asking, _other) = sessions(&second);
    writer.call(["SET", KEY, "up"]).expect_ok();
    asking.call(["GET", KEY]).expect_error("MOVED");
    let slot = slot(&first.server);
    let (from, to) = (id(&first.server), id(&second.server));
    let set_slot = |scene: &Scene, words: &[&str]| {
        let mut command = vec!["CLUSTER", "SETSLOT", &slot];
        command.extend(words);
        scene.server.admin().call(command).expect_ok();
    };
    set_slot(&second, &["IMPORTING", &from]);
    set_slot(&first, &["MIGRATING", &to]);
    let address = second.server.address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    first
        .server
        .admin()
        .call([
            "MIGRATE",
            &host,
            &port,
            "",
            "0",
            "5000",
            "AUTH2",
            "default",
            ADMIN_PASSWORD,
            "KEYS",
            KEY,
        ])
        .expect_ok();
    reader.call(["GET", KEY]).expect_error("ASK");
    // A client of a cluster says ASKING and is served.
    asking.run("ASKING").expect_ok();
    asking.call(["GET", KEY]).expect_text("up");
    asking.call(["GET", KEY]).expect_error("MOVED");
    asking.run("ASKING").expect_ok();
    asking.call(["SET", KEY, "x"]).expect_error("NOPERM");
    set_slot(&second, &["NODE", &to]);
    set_slot(&first, &["NODE", &to]);
    reader.call(["GET", KEY]).expect_error("MOVED");
    asking.call(["GET", KEY]).expect_text("up");
    first.wait_for_info(info::SESSIONS, "2");
    second.wait_for_info(info::SESSIONS, "2");
    first.attempt(&Claims::of("alice").id("after")).expect_ok();
}

/// The way of 9: the node itself moves the slot, by a connection of its own.
fn a_slot_moved_whole_leaves_sessions_alone(line: Line) {
    if line == Line::V8_0 {
        // This line has no such command; the twin is that nobody is granted it.
        let scene = node(line);
        let mut reader = scene.log_in("alice");
        reader
            .run("CLUSTER MIGRATESLOTS SLOTSRANGE 0 0 NODE x")
            .expect_error("");
        return;
    }
    let (first, second) = cluster(line);
    let (mut reader, mut writer) = sessions(&first);
    let (mut there, _other) = sessions(&second);
    writer.call(["SET", KEY, "up"]).expect_ok();
    let slot = slot(&first.server);
    let to = id(&second.server);
    reader
        .call([
            "CLUSTER",
            "MIGRATESLOTS",
            "SLOTSRANGE",
            &slot,
            &slot,
            "NODE",
            &to,
        ])
        .expect_error("NOPERM");
    first
        .server
        .admin()
        .call([
            "CLUSTER",
            "MIGRATESLOTS",
            "SLOTSRANGE",
            &slot,
            &slot,
            "NODE",
            &to,
        ])
        .expect_ok();
    eventually("the slot has moved", || {
        there
            .call(["GET", KEY])
            .as_text()
            .filter(|text| text == "up")
    });
    eventually("the first node knows", || {
        reader.call(["GET", KEY]).is_error("MOVED").then_some(())
    });
    there.call(["SET", KEY, "x"]).expect_error("NOPERM");
    first.wait_for_info(info::SESSIONS, "2");
    second.wait_for_info(info::SESSIONS, "2");
}

fn a_client_library_finds_its_way_by_the_base_rules(line: Line) {
    let scene = node(line);
    scene
        .server
        .admin()
        .run("CLUSTER ADDSLOTSRANGE 0 16383")
        .expect_ok();
    let mut client = scene.log_in("alice");
    for command in [
        "CLUSTER SLOTS",
        "CLUSTER SHARDS",
        "CLUSTER NODES",
        "CLUSTER MYID",
        "READONLY",
        "READWRITE",
        "ASKING",
        "COMMAND COUNT",
    ] {
        let reply = client.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
    }
    for command in [
        "CLUSTER ADDSLOTS 1",
        "CLUSTER RESET",
        "CLUSTER FAILOVER",
        "CLUSTER FORGET x",
    ] {
        client.run(command).expect_error("NOPERM");
    }
}
