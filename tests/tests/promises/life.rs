//! The server's own life goes on undisturbed: saving, rewriting, ACL LOAD, ending,
//! crashing.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;

use warden_tests::{
    ADMIN_PASSWORD, Claims, Connection, Line, Scene, Server, eventually, on_both_lines,
};

use crate::info;

on_both_lines!(
    bgsave_with_live_sessions,
    bgrewriteaof_with_live_sessions,
    sigterm_with_live_sessions_and_credentials_under_way,
    sigterm_during_a_storm_of_log_ins,
    sigterm_while_policies_are_compiled,
    a_server_killed_in_a_storm_comes_back_as_it_was,
    a_crash_report_is_complete,
    signal_handlers_are_as_without_the_module,
    acl_load_gains_nobody_any_right,
    a_debug_reload_keeps_sessions,
    while_the_server_loads_nobody_is_made_to_wait,
);

fn wait_for_persistence(scene: &Scene, field: &str) {
    eventually("the child has finished", || {
        (scene.server.info("persistence")[field] == "0").then_some(())
    });
}

fn bgsave_with_live_sessions(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let mut admin = scene.server.admin();
    for round in 0..5 {
        admin
            .call(["SET", "reports:q1", &round.to_string()])
            .expect_ok();
        admin.run("BGSAVE");
        scene.attempt(&Claims::of("alice").id(round)).expect_ok();
        wait_for_persistence(&scene, "rdb_bgsave_in_progress");
        assert_eq!(
            scene.server.info("persistence")["rdb_last_bgsave_status"],
            "ok"
        );
        client.run("GET reports:q1").expect_text(&round.to_string());
    }
}

fn bgrewriteaof_with_live_sessions(line: Line) {
    let scene = Scene::builder(line).config([("appendonly", "yes")]).start();
    let mut writer = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 x").expect_ok();
    scene.server.admin().run("BGREWRITEAOF");
    eventually("the rewrite has finished", || {
        let state = scene.server.info("persistence");
        (state["aof_rewrite_in_progress"] == "0" && state["aof_rewrite_scheduled"] == "0")
            .then_some(())
    });
    assert_eq!(
        scene.server.info("persistence")["aof_last_bgrewrite_status"],
        "ok"
    );
    writer.run("SET reports:q2 y").expect_ok();
    scene.server.restart();
    scene.wait_for_generation(1);
    let mut reader = scene.log_in("alice");
    reader.run("GET reports:q1").expect_text("x");
    reader.run("GET reports:q2").expect_text("y");
}

fn sigterm_with_live_sessions_and_credentials_under_way(line: Line) {
    let scene = Scene::start(line);
    let _sessions: Vec<_> = (0..5).map(|_| scene.log_in("alice")).collect();
    let mut waiting: Vec<_> = (0..50).map(|_| scene.server.connect()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send([
            "AUTH",
            "alice",
            &scene.issuer.token(&Claims::of("alice").id(number)),
        ]);
    }
    let log = scene.server.stop();
    assert!(!log.contains("BUG REPORT"), "{log}");
}

/// Log-ins on and on, each of a credential nobody has seen, until the server goes.
fn storm(scene: &Scene, name: usize) {
    for number in 0..100_000 {
        let Ok(mut client) = Connection::open(scene.server.address()) else {
            return;
        };
        let claims = Claims::of("alice").id(format!("{name}-{number}"));
        if client
            .try_send(["AUTH", "alice", &scene.issuer.token(&claims)])
            .is_err()
        {
            return;
        }
        // Some wait for their answer and some leave without.
        if number % 2 == 0
            && client
                .receive_within(warden_tests::server::PATIENCE)
                .is_err()
        {
            return;
        }
    }
}

/// Runs something in the middle of a storm.
fn in_a_storm(scene: &Scene, work: impl FnOnce()) {
    std::thread::scope(|scope| {
        for name in 0..3 {
            scope.spawn(move || storm(scene, name));
        }
        let before = scene.counter(info::VERIFICATIONS);
        eventually("the storm has begun", || {
            (scene.counter(info::VERIFICATIONS) >= before + 50).then_some(())
        });
        work();
    });
}

fn sigterm_during_a_storm_of_log_ins(line: Line) {
    let scene = Scene::start(line);
    let _sessions: Vec<_> = (0..20)
        .map(|n| scene.log_in_with(&Claims::of("alice").id(n)))
        .collect();
    in_a_storm(&scene, || {
        let log = scene.server.stop();
        assert!(!log.contains("BUG REPORT"), "{log}");
        assert!(log.contains("bye bye"), "{log}");
    });
}

fn sigterm_while_policies_are_compiled(line: Line) {
    for pause_ms in [0, 100, 300] {
        let scene = Scene::builder(line).own_state().start_unready();
        // However far the compilation has come by then.
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        let log = scene.server.stop();
        assert!(!log.contains("BUG REPORT"), "{log}");
    }
}

fn a_server_killed_in_a_storm_comes_back_as_it_was(line: Line) {
    let scene = Scene::builder(line).own_state().start();
    let mut session = scene.log_in("alice");
    in_a_storm(&scene, || scene.server.kill_and_restart());
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    scene.wait_for_generation(1);
    assert_eq!(scene.info(info::POLICY_ERROR), "");
    scene.wait_for_info(info::SESSIONS, "0");
    let mut session = scene.log_in("alice");
    assert!(session.run("GET reports:q1").is_nil());
    session.run("SET reports:q1 x").expect_error("NOPERM");
    scene.server.stop();
}

/// The headings of a crash report, without what differs by address.
fn headings(log: &str) -> BTreeSet<String> {
    log.lines()
        .filter(|line| line.starts_with("------ ") || line.starts_with("=== "))
        .map(str::to_owned)
        .collect()
}

fn crash(server: &Server) -> String {
    let mut admin = server.admin();
    admin.send(["DEBUG", "SEGFAULT"]);
    let status = server.wait_for_end();
    assert_eq!(status.signal(), Some(11), "ended by the signal: {status:?}");
    server.log()
}

fn a_crash_report_is_complete(line: Line) {
    let bare = crash(&Server::builder(line).start());
    let scene = Scene::start(line);
    let _session = scene.log_in("alice");
    scene.wait_for_info(info::SESSIONS, "1");
    let ours = crash(&scene.server);
    assert!(ours.contains("STACK TRACE"), "{ours}");
    let missing: Vec<_> = headings(&bare)
        .difference(&headings(&ours))
        .cloned()
        .collect();
    assert!(
        missing.is_empty(),
        "missing from the report: {missing:?}\n{ours}"
    );
    assert!(
        ours.contains(&format!("{}:1", info::SESSIONS)),
        "our section is in it:\n{ours}"
    );
    assert!(!ours.contains("panicked at"), "{ours}");
}

fn signal_handlers_are_as_without_the_module(line: Line) {
    let bare = Server::builder(line).start();
    let scene = Scene::start(line);
    // Loads, evaluations and a failed load have happened by then.
    scene.attempt(&Claims::of("alice")).expect_ok();
    scene.next_generation(|| {
        scene
            .policies
            .replace("rbac.toml", format!("{}\n", warden_tests::scene::ROLES))
    });
    for field in ["SigCgt", "SigIgn", "SigBlk"] {
        assert_eq!(
            scene.server.process_status(field),
            bare.process_status(field),
            "{field}"
        );
    }
}

fn acl_load_gains_nobody_any_right(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let acl = directory.path().join("users.acl");
    let file = acl.display().to_string();
    let default = format!("user default on >{ADMIN_PASSWORD} ~* &* +@all\n");
    std::fs::write(&acl, &default).unwrap();
    let scene = Scene::builder(line)
        .config([("aclfile", &file)])
        .server(warden_tests::ServerBuilder::password_by_acl_file)
        .start();
    let mut client = scene.log_in("alice");
    scene.server.admin().run("ACL LOAD").expect_ok();
    if client.is_open() {
        client.try_send(["SET", "secrets:q1", "x"]).ok();
        if let Ok(reply) = client.receive_within(std::time::Duration::from_secs(1)) {
            assert!(reply.error().is_some(), "{reply}");
        }
    }
    // A user of the session's own name appears in the file, with every right.
    let mut client = scene.log_in_with(&Claims::of("alice").id("second"));
    std::fs::write(
        &acl,
        format!("{default}user corp/alice on nopass ~* &* +@all\n"),
    )
    .unwrap();
    scene.server.admin().run("ACL LOAD").expect_ok();
    assert!(
        client.closes_within(warden_tests::server::PATIENCE),
        "the session does not live on as that user"
    );
    scene
        .attempt(&Claims::of("alice").id("third"))
        .expect_error("WRONGPASS");
    std::fs::write(&acl, &default).unwrap();
    scene.server.admin().run("ACL LOAD").expect_ok();
    scene.attempt(&Claims::of("alice").id("fourth")).expect_ok();
}

fn a_debug_reload_keeps_sessions(line: Line) {
    let scene = Scene::start(line);
    let mut writer = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 x").expect_ok();
    scene.server.admin().run("DEBUG RELOAD").expect_ok();
    writer.run("GET reports:q1").expect_text("x");
    writer.run("SET secrets:q1 x").expect_error("NOPERM");
}

/// A server that loads answers AUTH, but nobody who was made to wait for it.
fn while_the_server_loads_nobody_is_made_to_wait(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    admin.run("DEBUG POPULATE 2000").expect_ok();
    let (known, new) = (
        scene.token("alice"),
        scene.issuer.token(&Claims::of("alice").id("new")),
    );
    scene.server.connect().auth("alice", &known).expect_ok();
    let mut clients: Vec<Connection> = (0..2).map(|_| scene.server.connect()).collect();
    // Two seconds: a millisecond a key, and whoever asks is served now and then.
    admin.run("CONFIG SET key-load-delay 1000").expect_ok();
    admin
        .run("CONFIG SET loading-process-events-interval-bytes 1024")
        .expect_ok();
    let mut other = scene.server.admin();
    admin.send(["DEBUG", "RELOAD"]);
    eventually("it loads", || {
        other.run("PING").is_error("LOADING").then_some(())
    });
    clients[0]
        .auth("alice", &new)
        .expect_error("TRYAGAIN the server is loading its data.");
    clients[1].auth("alice", &known).expect_ok();
    admin.receive().expect_ok();
    clients[0].auth("alice", &new).expect_ok();
}
