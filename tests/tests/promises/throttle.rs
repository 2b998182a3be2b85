//! What keeps being refused costs the service that is asked no more calls, and nobody is
//! locked out by it: on real servers, with clients of several addresses.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile, Request};
use warden_tests::{Authority, Directory, Line, Reply, Scene, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    a_pair_that_keeps_being_refused_is_asked_about_no_more,
    what_is_remembered_costs_no_call_and_does_not_count,
    a_pair_is_asked_about_again_after_a_while,
    clients_of_an_exempt_address_are_never_held_back,
    a_flood_locks_nobody_out,
    a_flood_is_served_behind_everybody_else,
    an_unknown_name_takes_the_same_way_as_a_wrong_password,
    a_token_that_keeps_being_refused_holds_back_no_other,
);

const REFUSED: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const HELD_BACK: &str = "TRYAGAIN too many attempts were refused.";

/// A server whose users are known to somebody else's service.
struct Asked {
    scene: Scene,
    service: Hostile,
    _authority: Authority,
}

/// Whom a request is about, and what proves it.
fn read(request: &Request) -> (String, String) {
    let text = request.text();
    let (password, name) = text.split_once('&').expect("a form of two");
    let value = |pair: &str| pair.split_once('=').expect("a value").1.to_owned();
    (value(name), value(password))
}

/// Alice, bob and carol have the password `right`; others are not known.
fn judge(request: &Request) -> Answer {
    let (name, password) = read(request);
    match (name.as_str(), password.as_str()) {
        ("alice" | "bob" | "carol", "right") => {
            Answer::json(json!({ "sub": name, "groups": ["analysts"] }))
        }
        ("alice" | "bob" | "carol", _) => Answer::status(401),
        _ => Answer::status(404),
    }
}

impl Asked {
    /// Three may fail in a minute, unless these lines of `[throttle]` say otherwise.
    fn about(line: Line, throttle: &str, endpoint: &str) -> Self {
        let authority = Authority::new("ca");
        let service = Hostile::start(&authority);
        service.answer_by("/check", judge);
        let throttle = if throttle.is_empty() {
            "failures = 3\nexempt = ['127.0.0.9']\n"
        } else {
            throttle
        };
        let file = format!(
            "type = 'userinfo'\nurl = '{}'\nusers = ['*']\ncache_seconds = 0\n\
             [request.form]\np = '{{credential}}'\nu = '{{user}}'\n[throttle]\n{throttle}\
             [endpoint]\nca_file = '{}'\n{endpoint}",
            service.url("/check"),
            authority.ca_file().display()
        );
        let scene = Scene::builder(line)
            .authenticator_file(&file)
            .module_args(["rejection_seconds", "60", "auth_timeout_ms", "60000"])
            .start();
        Self {
            scene,
            service,
            _authority: authority,
        }
    }

    /// The reply to a client of 127.0.0.`last`.
    #[track_caller]
    fn attempt(&self, last: u8, name: &str, password: &str) -> Reply {
        self.scene.server.connect_from(last).auth(name, password)
    }

    /// So many wrong passwords, each another one.
    #[track_caller]
    fn fail(&self, last: u8, name: &str, times: usize) {
        for time in 0..times {
            let password = format!("wrong-{last}-{time}");
            self.attempt(last, name, &password).expect_error(REFUSED);
        }
    }

    fn calls(&self) -> usize {
        self.service.requests("/check").len()
    }
}

fn a_pair_that_keeps_being_refused_is_asked_about_no_more(line: Line) {
    let asked = Asked::about(line, "", "");
    asked.fail(2, "alice", 3);
    for password in ["wrong", "right"] {
        asked.attempt(2, "alice", password).expect_error(HELD_BACK);
    }
    assert_eq!(asked.calls(), 3);
    // The pair alone: neither her name, nor the address.
    asked.attempt(3, "alice", "right").expect_ok();
    asked.attempt(2, "bob", "right").expect_ok();
    // And the operator sees it.
    let scene = &asked.scene;
    scene.wait_for_info(info::THROTTLED, "2");
    assert_eq!(scene.counter(info::REFUSALS), 3);
    let [state] = scene.authenticators_state().try_into().unwrap();
    assert_eq!(state.field("throttled").number(), 2);
    assert_eq!(state.field("unavailable").number(), 2);
    assert_eq!(state.field("status").text(), "ok");
    let health = scene.info("warden_authenticator_corp");
    assert!(health.contains(",unavailable=2,throttled=2,"), "{health}");
    let line = r#"refused "alice" from "127.0.0.2": refused too often from this address"#;
    assert!(scene.server.log().contains(line));
}

fn what_is_remembered_costs_no_call_and_does_not_count(line: Line) {
    let asked = Asked::about(line, "", "");
    for _ in 0..10 {
        asked.attempt(2, "alice", "wrong").expect_error(REFUSED);
    }
    assert_eq!(asked.calls(), 1);
    asked.fail(2, "alice", 2);
    asked.attempt(2, "alice", "right").expect_error(HELD_BACK);
    // Who is held back still reads what is remembered.
    asked.attempt(2, "alice", "wrong").expect_error(REFUSED);
    assert_eq!(asked.calls(), 3);
}

fn a_pair_is_asked_about_again_after_a_while(line: Line) {
    let asked = Asked::about(line, "failures = 2\nseconds = 2\n", "");
    asked.fail(2, "alice", 2);
    let mut held_back = 0;
    eventually("she is asked about", || {
        let reply = asked.attempt(2, "alice", "right");
        if reply.is_error(HELD_BACK) {
            held_back += 1;
        }
        reply.is_ok().then_some(())
    });
    assert_eq!(asked.calls(), 3, "asked about in vain {held_back} times");
    // What succeeds clears the pair.
    for password in ["another", "yet another"] {
        asked.attempt(2, "alice", password).expect_error(REFUSED);
    }
}

fn clients_of_an_exempt_address_are_never_held_back(line: Line) {
    let asked = Asked::about(line, "", "");
    asked.fail(9, "alice", 10);
    asked.attempt(9, "alice", "right").expect_ok();
    assert_eq!(asked.calls(), 11);
    assert_eq!(asked.scene.counter(info::THROTTLED), 0);
}

fn a_flood_locks_nobody_out(line: Line) {
    let asked = Asked::about(line, "", "");
    asked.attempt(2, "alice", "right").expect_ok();
    // Against her name from many addresses, and against many names from one.
    for last in 10..20 {
        asked.fail(last, "alice", 3);
    }
    asked.fail(2, "alice", 3);
    for number in 0..10 {
        asked.fail(2, &format!("guess{number}"), 3);
    }
    asked.attempt(2, "alice", "other").expect_error(HELD_BACK);
    // Her password was accepted there before.
    asked.attempt(2, "alice", "right").expect_ok();
    asked.attempt(3, "alice", "right").expect_ok();
    asked.attempt(2, "carol", "right").expect_ok();
    asked.attempt(3, "carol", "right").expect_ok();
}

fn a_flood_is_served_behind_everybody_else(line: Line) {
    let asked = Asked::about(line, "", "max_in_flight = 1\ntimeout_ms = 50000\n");
    for number in 0..3 {
        asked.fail(2, &format!("guess{number}"), 1);
    }
    asked.fail(10, "alice", 3);
    // One call is under way until the test lets it go.
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let waits = move |request: &Request| {
        if read(request).1 == "hold" {
            let _ended = gone.lock().expect("nobody panicked here").recv();
        }
        judge(request)
    };
    asked.service.answer_by("/check", waits);
    let send = |last: u8, name: &str, password: &str| {
        let mut client = asked.scene.server.connect_from(last);
        client.send(["AUTH", name, password]);
        client
    };
    let mut held = send(4, "bob", "hold");
    eventually("a call is under way", || (asked.calls() == 7).then_some(()));
    let mut flood: Vec<_> = (0..5)
        .map(|number| send(2, &format!("guess{number}"), "again"))
        .collect();
    let waiting = |most: i64| {
        eventually("all wait for the service", || {
            let [state] = asked.scene.authenticators_state().try_into().ok()?;
            (state.field("waiting").number() == most).then_some(())
        });
    };
    waiting(6);
    let mut alice = send(5, "alice", "right");
    let mut carol = send(3, "carol", "right");
    waiting(8);
    // They are on their way to the queue at most.
    std::thread::sleep(Duration::from_millis(300));
    go.send(()).unwrap();
    held.receive().expect_error(REFUSED);
    carol.receive().expect_ok();
    alice.receive().expect_ok();
    // The flood is served, too.
    for client in &mut flood {
        client.receive().expect_error(REFUSED);
    }
    let order = asked.service.requests("/check");
    let names: Vec<String> = order.iter().skip(6).map(|one| read(one).0).collect();
    assert_eq!(names.len(), 8);
    // Against her name there is a flood, too, but from her address there is none.
    assert_eq!(names[..3], ["bob", "carol", "alice"], "{names:?}");
}

/// The same words for the same attempts, none of them without its call and none with two.
fn an_unknown_name_takes_the_same_way_as_a_wrong_password(line: Line) {
    let asked = Asked::about(line, "", "");
    let delay = Duration::from_millis(100);
    asked
        .service
        .answer_by("/check", move |request| judge(request).delayed(delay));
    let way = |name: &str| {
        let replies = (0..5).map(|number| {
            let (before, begun) = (asked.calls(), Instant::now());
            let reply = asked.attempt(2, name, &format!("wrong-{number}"));
            let was_asked = asked.calls() > before;
            assert!(!was_asked || begun.elapsed() >= delay, "{name} {number}");
            (reply.error().expect("a refusal"), was_asked)
        });
        replies.collect::<Vec<_>>()
    };
    let known = way("alice");
    assert_eq!(known, way("nobody"));
    for (number, (reply, was_asked)) in known.iter().enumerate() {
        let expected = if number < 3 { REFUSED } else { HELD_BACK };
        assert!(reply.starts_with(expected), "{known:?}");
        assert_eq!(*was_asked, number < 3, "{known:?}");
    }
    assert_eq!(asked.calls(), 6);
}

/// Tokens name nobody: there the pair is the address and the token.
fn a_token_that_keeps_being_refused_holds_back_no_other(line: Line) {
    let authority = Authority::new("ca");
    let service = Hostile::start(&authority);
    let asked_about = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked_about);
    service.answer_by("/introspect", move |request| {
        let text = request.text();
        let token = text.split('&').next().expect("a form").to_owned();
        let is_good = token == "token=right";
        heard.lock().expect("nobody panicked here").push(token);
        let end = warden_tests::unix_now() + 300;
        Answer::json(match is_good {
            true => json!({ "active": true, "sub": "alice", "aud": "valkey", "exp": end }),
            false => json!({ "active": false }),
        })
    });
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("client.secret", "s");
    let file = format!(
        "type = 'introspection'\nintrospection_url = '{}'\nclient_id = 'c'\n\
         client_secret_file = '{}'\naudience = ['valkey']\n[throttle]\nfailures = 3\n\
         [endpoint]\nca_file = '{}'\n",
        service.url("/introspect"),
        secrets.file_text("client.secret"),
        authority.ca_file().display()
    );
    let scene = Scene::builder(line)
        .authenticator_file(&file)
        .module_args(["rejection_seconds", "0"])
        .start();
    let attempt = |last: u8, token: &str| scene.server.connect_from(last).auth("token", token);
    for number in 0..10 {
        let token = format!("bad-{number}");
        attempt(2, &token).expect_error(REFUSED);
    }
    for _ in 0..2 {
        attempt(2, "bad-0").expect_error(REFUSED);
    }
    attempt(2, "bad-0").expect_error(HELD_BACK);
    attempt(2, "right").expect_ok();
    attempt(3, "bad-0").expect_error(REFUSED);
    let asked = asked_about.lock().unwrap();
    let about_it = asked.iter().filter(|token| *token == "token=bad-0");
    assert_eq!((about_it.count(), asked.len()), (4, 14));
}
