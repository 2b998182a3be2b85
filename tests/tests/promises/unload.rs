//! MODULE UNLOAD and loading again: nothing dangles, nothing is left over.

use std::net::{Ipv4Addr, TcpListener};

use warden_tests::{Claims, Line, Scene, eventually, on_both_lines, parts};

use crate::info;
use crate::ldap::by_bind;

on_both_lines!(
    unloading_ends_every_session_and_the_server_lives_on,
    an_unload_of_many_sessions_lets_nobody_in_and_ends_them_first,
    an_unload_of_many_users_frees_them_first,
    loading_again_starts_from_nothing,
    unloading_while_credentials_are_under_way_is_refused_or_clean,
    unloading_while_a_directory_is_asked_gives_up_the_question,
    a_subscribed_and_a_blocked_session_end_with_the_module,
    an_unload_that_the_server_would_not_survive_is_refused,
    native_users_do_not_notice,
);

/// Unloads; the module may ask to be asked again while it reads its policies.
#[track_caller]
pub(crate) fn unload(scene: &Scene) {
    eventually("the module is unloaded", || {
        scene
            .server
            .admin()
            .run("MODULE UNLOAD warden")
            .is_ok()
            .then_some(())
    });
}

#[track_caller]
pub(crate) fn load(scene: &Scene) {
    let mut command = vec![
        "MODULE".to_owned(),
        "LOAD".to_owned(),
        parts::module().display().to_string(),
    ];
    command.extend(scene.load_arguments());
    scene.server.admin().call(&command).expect_ok();
    scene.wait_for_generation(1);
}

fn unloading_ends_every_session_and_the_server_lives_on(line: Line) {
    let scene = Scene::start(line);
    let mut clients: Vec<_> = (0..20).map(|_| scene.log_in("alice")).collect();
    unload(&scene);
    for client in &mut clients {
        assert!(client.closes_within(warden_tests::server::PATIENCE));
    }
    scene.server.expect_healthy();
    scene
        .server
        .connect()
        .auth("alice", &scene.token("alice"))
        .expect_error("WRONGPASS");
    scene
        .server
        .admin()
        .run("WARDEN.WHOAMI")
        .expect_error("ERR unknown command");
    assert!(
        !scene
            .server
            .admin()
            .run("INFO everything")
            .text()
            .contains("warden_")
    );
}

/// The first MODULE UNLOAD: too much is left to be ended for one turn of the server.
#[track_caller]
fn begin_unload(scene: &Scene) {
    eventually("the unload has begun", || {
        scene
            .server
            .admin()
            .run("MODULE UNLOAD warden")
            .expect_error("ERR Error unloading module");
        (scene.info(info::STATUS) == "draining").then_some(())
    });
    assert!(scene.server.log().contains("repeat MODULE UNLOAD"));
}

fn an_unload_of_many_sessions_lets_nobody_in_and_ends_them_first(line: Line) {
    let scene = Scene::start(line);
    let mut clients: Vec<_> = (0..120).map(|_| scene.log_in("alice")).collect();
    begin_unload(&scene);
    // Known or new, inside MULTI or not: nobody is let in any more.
    let mut stranger = scene.server.connect();
    stranger
        .auth("alice", &scene.token("alice"))
        .expect_error("TRYAGAIN");
    stranger
        .auth("carol", &scene.token("carol"))
        .expect_error("TRYAGAIN");
    scene
        .server
        .connect()
        .auth("default", "wrong")
        .expect_error("WRONGPASS");
    for client in &mut clients {
        assert!(client.closes_within(warden_tests::server::PATIENCE));
    }
    scene.wait_for_info(info::SESSIONS, "0");
    scene.wait_for_info(info::CLASSES, "0");
    assert_eq!(scene.info(info::STATUS), "draining");
    unload(&scene);
    scene.server.expect_healthy();
    load(&scene);
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn an_unload_of_many_users_frees_them_first(line: Line) {
    let scene = Scene::start(line);
    for number in 0..20 {
        let claims = Claims::of(&format!("user{number}")).groups(&["analysts"]);
        scene.attempt(&claims).expect_ok();
    }
    scene.wait_for_info(info::SESSIONS, "0");
    scene.wait_for_info(info::CLASSES, "20");
    begin_unload(&scene);
    scene.wait_for_info(info::CLASSES, "0");
    unload(&scene);
    scene.server.expect_healthy();
}

fn loading_again_starts_from_nothing(line: Line) {
    let scene = Scene::start(line);
    for round in 0..4 {
        let mut client = scene.log_in_with(&Claims::of("alice").id(round));
        assert!(client.run("GET reports:q1").is_nil());
        scene.wait_for_info(info::SESSIONS, "1");
        scene.expect_refused(
            "alice",
            &scene.issuer.forged(&Claims::of("alice").id(round)),
            "WRONGPASS",
        );
        unload(&scene);
        assert!(client.closes_within(warden_tests::server::PATIENCE));
        load(&scene);
        assert_eq!(scene.generation(), 1, "generations are counted anew");
        scene.wait_for_info(info::SESSIONS, "0");
        assert_eq!(scene.counter(info::REFUSALS), 0);
        assert_eq!(scene.counter(info::VERIFICATIONS), 0);
    }
    let modules = scene.server.admin().run("MODULE LIST").items();
    let ours = modules
        .iter()
        .filter(|module| module.field("name").text() == "warden");
    assert_eq!(ours.count(), 1, "{modules:?}");
    let log = scene.server.log();
    assert!(!log.contains("panicked at"), "{log}");
}

fn unloading_while_credentials_are_under_way_is_refused_or_clean(line: Line) {
    let scene = Scene::builder(line).module_args(["workers", "1"]).start();
    for round in 0..3 {
        let mut clients: Vec<_> = (0..50).map(|_| scene.server.connect()).collect();
        let tokens: Vec<_> = (0..50)
            .map(|n| {
                scene
                    .issuer
                    .token(&Claims::of("alice").id(format!("{round}-{n}")))
            })
            .collect();
        let mut admin = scene.server.admin();
        for (client, token) in clients.iter_mut().zip(&tokens) {
            client.send(["AUTH", "alice", token]);
        }
        let unloaded = admin.run("MODULE UNLOAD warden").is_ok();
        for client in &mut clients {
            // An answer of either kind, or the end of a session that was: never silence.
            let answer = client.receive_within(warden_tests::server::PATIENCE);
            assert_ne!(answer, Err(warden_tests::Ended::TimedOut));
        }
        scene.server.expect_healthy();
        if !unloaded {
            unload(&scene);
        }
        load(&scene);
    }
}

fn unloading_while_a_directory_is_asked_gives_up_the_question(line: Line) {
    // It takes connections and never says anything.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ldap://{}", silent.local_addr().unwrap());
    let file = by_bind(&url) + "timeout_connection = 60\ntimeout_ldap_operation = 60\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let mut clients: Vec<_> = (0..20).map(|_| scene.server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(["AUTH", "alice", &format!("guess {number}")]);
    }
    eventually("the directory is asked", || {
        (scene.counter(info::VERIFICATIONS) >= 20).then_some(())
    });
    unload(&scene);
    for client in &mut clients {
        let answer = client.receive_within(warden_tests::server::PATIENCE);
        assert_ne!(answer, Err(warden_tests::Ended::TimedOut));
    }
    scene.server.expect_healthy();
    drop(silent);
    load(&scene);
    scene.server.expect_healthy();
}

fn a_subscribed_and_a_blocked_session_end_with_the_module(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("carol").groups(&["listeners", "consumers", "watchers"]);
    let mut subscribed = scene.log_in_with(&claims);
    subscribed.run("SUBSCRIBE news.eu");
    let mut blocked = scene.log_in_with(&claims);
    blocked.send(["BLPOP", "queue:a", "0"]);
    let mut monitoring = scene.log_in_with(&claims);
    monitoring.run("MONITOR").expect_ok();
    let mut queued = scene.log_in_with(&claims);
    queued.run("MULTI").expect_ok();
    unload(&scene);
    for client in [&mut subscribed, &mut blocked, &mut monitoring, &mut queued] {
        assert!(client.closes_within(warden_tests::server::PATIENCE));
    }
    scene.server.expect_healthy();
}

/// 8.0 fails an assertion of its own when a command goes that a rule of its ACL names.
fn an_unload_that_the_server_would_not_survive_is_refused(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    for rule in ["+warden.whoami", "-WARDEN.kill", "(+warden.sessions)"] {
        admin
            .call(["ACL", "SETUSER", "ops", "on", "nopass", "+ping", rule])
            .expect_ok();
        let refused = admin.run("MODULE UNLOAD warden");
        assert!(refused.error().is_some(), "{rule}: {refused}");
        scene.log_in("alice").run("GET reports:q1");
        if line == Line::V8_0 {
            let log = "ACL user ops has a rule about a command of warden";
            scene
                .server
                .wait_for_log(log, warden_tests::patience::PATIENCE);
        }
        admin.run("ACL DELUSER ops");
    }
    unload(&scene);
    scene.server.expect_healthy();
}

fn native_users_do_not_notice(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    admin.run("ACL SETUSER app on >secret ~* +@all").expect_ok();
    let mut app = scene.server.connect();
    app.auth("app", "secret").expect_ok();
    unload(&scene);
    app.run("SET k v").expect_ok();
    admin.run("GET k").expect_text("v");
    load(&scene);
    app.run("GET k").expect_text("v");
}
