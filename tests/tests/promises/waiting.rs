//! The end of a session reaches a client in whichever state it waits: each test
//! first makes sure, by the server's own numbers, that its clients are in it.

use std::time::Duration;

use warden_tests::patience::until;
use warden_tests::{Claims, Connection, Line, Scene, eventually, on_both_lines, unix_now};

use crate::info;

on_both_lines!(
    clients_blocked_on_keys_are_closed,
    clients_that_wait_for_replicas_are_closed,
    clients_that_listen_or_track_are_closed,
    a_paused_client_is_closed,
    clients_inside_transactions_and_scripts_to_come_are_closed,
    clients_that_take_no_replies_or_gave_themselves_privileges_are_closed,
    the_operators_bound_reaches_clients_that_wait,
    a_removed_authenticator_reaches_clients_that_wait,
);

/// Everything, so that a client can be in any state.
const ROLES: &str = "[roles.all]\nmembers = ['group:corp/apps']\nrules = ['+@all', '~*', '&*']\n";

/// How long after its time a session may linger on a busy machine.
const LATE: Duration = Duration::from_secs(10);

/// Seconds until the sessions' end: enough to get everybody into their states.
const SOON: u64 = 4;

fn exact(line: Line) -> Scene {
    Scene::builder(line)
        .roles(ROLES)
        .authenticator_lines("leeway_seconds = 0\n")
        .start()
}

fn app() -> Claims {
    Claims::of("app").groups(&["apps"])
}

/// Sessions that end at the same time, and what each of them is waiting for.
struct Waiting {
    end: u64,
    clients: Vec<(&'static str, Connection)>,
}

impl Waiting {
    fn new() -> Self {
        Self {
            end: unix_now() + SOON,
            clients: Vec::new(),
        }
    }

    /// A session that speaks this version of the protocol.
    #[track_caller]
    fn log_in(&self, scene: &Scene, version: u8) -> Connection {
        let mut client = scene.log_in_with(&app().set("exp", self.end));
        client.call(["HELLO", &version.to_string()]);
        client
    }

    /// A session that sends this last command and waits.
    #[track_caller]
    fn add(&mut self, scene: &Scene, version: u8, before: &[&str], last: &'static str) {
        let mut client = self.log_in(scene, version);
        for command in before {
            let reply = client.run(command);
            assert!(reply.error().is_none(), "{command}: {reply}");
        }
        client.send(last.split(' '));
        self.clients.push((last, client));
    }

    /// Passes when all are closed at their end and not before.
    #[track_caller]
    fn expect_closed(mut self) {
        for (what, client) in &mut self.clients {
            assert!(
                client.closes_within(until(self.end) + LATE),
                "still open after its end: {what}"
            );
            assert!(until(self.end).is_zero(), "closed before its end: {what}");
        }
    }
}

/// Waits until a number of INFO clients is this.
#[track_caller]
fn wait_for_clients(scene: &Scene, field: &str, number: usize) {
    eventually(&format!("{field} is {number}"), || {
        (scene.server.info("clients").get(field)? == &number.to_string()).then_some(())
    });
}

fn clients_blocked_on_keys_are_closed(line: Line) {
    let scene = exact(line);
    let mut admin = scene.server.admin();
    admin
        .run("XGROUP CREATE stream group $ MKSTREAM")
        .expect_ok();
    let mut waiting = Waiting::new();
    for command in [
        "XREAD BLOCK 0 STREAMS stream $",
        "XREADGROUP GROUP group me BLOCK 0 STREAMS stream >",
        "BRPOPLPUSH queue done 0",
        "BLMOVE queue done LEFT RIGHT 0",
        "BLMPOP 0 1 queue LEFT",
        "BZPOPMIN board 0",
        "BRPOP queue 0",
    ] {
        waiting.add(&scene, 2, &[], command);
    }
    wait_for_clients(&scene, "blocked_clients", 7);
    waiting.expect_closed();
    wait_for_clients(&scene, "blocked_clients", 0);
    // Nobody takes what comes now.
    admin.run("LPUSH queue job");
    admin.run("ZADD board 1 job");
    admin.run("XADD stream * a 1");
    assert_eq!(admin.run("LLEN queue").number(), 1);
    assert_eq!(admin.run("ZCARD board").number(), 1);
    assert_eq!(admin.run("EXISTS done").number(), 0);
    let pending = admin.run("XPENDING stream group").items();
    assert_eq!(pending[0].number(), 0, "{pending:?}");
}

fn clients_that_wait_for_replicas_are_closed(line: Line) {
    let scene = exact(line);
    let mut waiting = Waiting::new();
    waiting.add(&scene, 2, &["SET key 1"], "WAIT 1 0");
    waiting.add(&scene, 2, &["SET key 2"], "WAITAOF 0 1 0");
    wait_for_clients(&scene, "blocked_clients", 2);
    waiting.expect_closed();
    wait_for_clients(&scene, "blocked_clients", 0);
}

fn clients_that_listen_or_track_are_closed(line: Line) {
    let scene = exact(line);
    let mut waiting = Waiting::new();
    waiting.add(&scene, 2, &[], "PSUBSCRIBE news.*");
    waiting.add(&scene, 3, &[], "SSUBSCRIBE news.eu");
    waiting.add(
        &scene,
        3,
        &["SUBSCRIBE news.eu"],
        "CLIENT TRACKING ON BCAST",
    );
    waiting.add(&scene, 3, &["CLIENT TRACKING ON"], "GET key");
    waiting.add(
        &scene,
        3,
        &["CLIENT TRACKING ON OPTIN"],
        "CLIENT CACHING YES",
    );
    let mut target = waiting.log_in(&scene, 2);
    let redirect = format!("CLIENT TRACKING ON REDIRECT {}", target.id());
    waiting.add(&scene, 2, &[&redirect], "GET key");
    target.run("SUBSCRIBE __redis__:invalidate");
    waiting.clients.push(("SUBSCRIBE of a redirection", target));
    wait_for_clients(&scene, "tracking_clients", 4);
    wait_for_clients(&scene, "pubsub_clients", 4);
    waiting.expect_closed();
    wait_for_clients(&scene, "tracking_clients", 0);
    let mut admin = scene.server.admin();
    assert_eq!(admin.run("PUBLISH news.eu x").number(), 0);
    assert_eq!(admin.run("SPUBLISH news.eu x").number(), 0);
    admin.run("SET key 3").expect_ok();
    scene.server.expect_healthy();
}

fn a_paused_client_is_closed(line: Line) {
    let scene = exact(line);
    let mut waiting = Waiting::new();
    waiting.add(&scene, 2, &[], "PING");
    let (_, client) = &mut waiting.clients[0];
    client.receive().expect_text("PONG");
    // Longer than the session lasts, and than this test does.
    scene
        .server
        .admin()
        .run("CLIENT PAUSE 60000 ALL")
        .expect_ok();
    client.send(["SET", "key", "1"]);
    waiting.expect_closed();
    assert!(scene.server.is_running());
}

fn clients_inside_transactions_and_scripts_to_come_are_closed(line: Line) {
    let scene = exact(line);
    let mut waiting = Waiting::new();
    waiting.add(
        &scene,
        2,
        &["WATCH key", "MULTI", "SET key 1"],
        "BLPOP queue 0",
    );
    waiting.add(
        &scene,
        2,
        &["MULTI"],
        "EVAL return(redis.call('SET','key','2')) 0",
    );
    waiting.add(&scene, 3, &["MULTI"], "SUBSCRIBE news.eu");
    waiting.add(&scene, 2, &["WATCH key"], "PING");
    waiting.expect_closed();
    let mut admin = scene.server.admin();
    assert!(admin.run("GET key").is_nil());
    // Nobody watches any more, and nothing of it hurts whoever comes.
    admin.run("SET key 3").expect_ok();
    drop(admin);
    scene.server.wait_for_quiet();
}

fn clients_that_take_no_replies_or_gave_themselves_privileges_are_closed(line: Line) {
    let scene = exact(line);
    let mut waiting = Waiting::new();
    waiting.add(&scene, 2, &[], "CLIENT REPLY OFF");
    waiting.add(&scene, 2, &[], "CLIENT NO-EVICT ON");
    waiting.add(&scene, 2, &[], "CLIENT NO-TOUCH ON");
    waiting.add(&scene, 3, &[], "READONLY");
    waiting.add(&scene, 3, &[], "MONITOR");
    scene.wait_for_info(info::SESSIONS, "5");
    waiting.expect_closed();
    scene.wait_for_info(info::SESSIONS, "0");
}

fn the_operators_bound_reaches_clients_that_wait(line: Line) {
    let scene = Scene::builder(line)
        .roles(ROLES)
        .module_args(["session_max_seconds", "2"])
        .start();
    let mut waiting = Waiting::new();
    // Their tokens would last for minutes.
    let tokens_end = unix_now() + 300;
    waiting.end = tokens_end;
    waiting.add(&scene, 2, &[], "BLPOP queue 0");
    waiting.add(&scene, 2, &[], "MONITOR");
    waiting.add(&scene, 3, &["MULTI"], "SET key 1");
    waiting.add(&scene, 3, &["CLIENT TRACKING ON"], "SUBSCRIBE news.eu");
    for (what, client) in &mut waiting.clients {
        assert!(
            client.closes_within(Duration::from_secs(2) + LATE),
            "still open beyond the operator's bound: {what}"
        );
    }
    scene.wait_for_info(info::SESSIONS, "0");
}

fn a_removed_authenticator_reaches_clients_that_wait(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut waiting = Waiting::new();
    waiting.end = unix_now() + 300;
    waiting.add(&scene, 2, &[], "XREAD BLOCK 0 STREAMS stream $");
    waiting.add(&scene, 2, &[], "MONITOR");
    waiting.add(&scene, 3, &["MULTI"], "SET key 1");
    waiting.add(
        &scene,
        3,
        &["CLIENT TRACKING ON BCAST"],
        "SSUBSCRIBE news.eu",
    );
    waiting.add(&scene, 2, &[], "WAIT 1 0");
    scene.authenticators.remove("10-corp.toml");
    for (what, client) in &mut waiting.clients {
        assert!(
            client.closes_within(warden_tests::server::PATIENCE),
            "still open: {what}"
        );
    }
    scene.wait_for_info(info::SESSIONS, "0");
}
