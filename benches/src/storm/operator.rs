//! What an operator does on a busy server: INFO, CONFIG SET of everything, MODULE UNLOAD.

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::{Connection, Reply, Scene};

use super::crowd::{Credential, gather, storm};
use super::probe::Probe;
use super::report::{LONG_ROUNDS, ROUNDS, add_stalls};
use super::stage::{MainThread, scene, scene_with, sessions_that_fit, tokens};
use crate::count;
use crate::figures::Question;
use crate::latencies::{Latencies, micros};
use crate::program::Run;

/// Log-ins in five seconds, meanwhile.
const LOG_INS: usize = 10_000;
const PRINCIPALS: usize = 1_000;

/// Every setting that can be changed, with another value and its default.
const SETTINGS: [(&str, &str, &str); 16] = [
    ("required_policies", "rbac", ""),
    ("ceiling", "-@dangerous", ""),
    ("base_rules", "+ping", "+ping +echo +select"),
    ("native_users", "default", "default"),
    ("fallback", "deny", "acl"),
    ("reauthentication", "any", "same-principal"),
    ("require_expiry", "no", "yes"),
    ("session_max_seconds", "3600", "0"),
    ("cache_entries", "50000", "100000"),
    ("cache_seconds", "200", "300"),
    ("rejection_seconds", "4", "5"),
    ("auth_timeout_ms", "50000", "60000"),
    ("max_pending", "90000", "100000"),
    ("policy_timeout_ms", "50", "20"),
    ("policy_memory_mb", "32", "64"),
    ("log_level", "warning", "notice"),
];

/// `INFO warden` and CONFIG SET while others log in.
pub fn commands(Run { line, .. }: Run) -> Vec<Question> {
    let mut question = Question::new(format!(
        "{} live sessions, 2,000 log-ins a second meanwhile",
        LOG_INS / 2
    ));
    for _ in 0..LONG_ROUNDS {
        // The operator is asked for with `fallback deny`, too.
        let scene = scene_with(line, &["native_users", "default"]);
        let tokens = tokens(&scene, LOG_INS, PRINCIPALS, None);
        let credentials = Credential::tokens(&tokens);
        let _open = gather(scene.server.address(), &credentials, LOG_INS / 2);
        for (name, value, default) in SETTINGS {
            for value in [value, default] {
                let mut main = MainThread::watch(&scene);
                let took = under_load(&scene, &credentials, |admin| {
                    let start = Instant::now();
                    let name = format!("warden.{name}");
                    admin.call(["CONFIG", "SET", &name, value]).expect_ok();
                    vec![micros(start.elapsed())]
                });
                question.add(&format!("CONFIG SET {name}"), "us", took.max);
                add_stalls(&mut question, "any CONFIG SET", main.stalls());
            }
        }
        let info = under_load(&scene, &credentials, |admin| {
            (0..1000)
                .map(|_| {
                    let start = Instant::now();
                    admin.call(["INFO", "warden"]).text();
                    micros(start.elapsed())
                })
                .collect()
        });
        info.add_to(&mut question, "INFO warden");
    }
    vec![question]
}

/// Runs `work` in the middle of log-ins of half a second.
fn under_load(
    scene: &Scene,
    credentials: &[Credential],
    work: impl FnOnce(&mut Connection) -> Vec<f64>,
) -> Latencies {
    let mut admin = scene.server.admin();
    let some = credentials.get(..LOG_INS / 10).unwrap_or(credentials);
    thread::scope(|scope| {
        scope.spawn(|| storm(scene.server.address(), some, Duration::from_millis(500)));
        thread::sleep(Duration::from_millis(200));
        Latencies::of(work(&mut admin))
    })
}

/// MODULE UNLOAD, repeated until it succeeds.
pub fn unload(Run { line, .. }: Run) -> Vec<Question> {
    let sessions = sessions_that_fit();
    let classes = sessions * 9 / 10;
    let mut question = Question::new(format!(
        "MODULE UNLOAD with {sessions} sessions of {classes} classes"
    ));
    for _ in 0..ROUNDS {
        let scene = scene(line);
        let credentials = Credential::tokens(&tokens(&scene, classes, classes, None));
        let open = gather(scene.server.address(), &credentials, sessions);
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        let mut admin = scene.server.admin();
        let start = Instant::now();
        let mut calls = Vec::new();
        let mut stalls;
        loop {
            let call = Instant::now();
            stalls = main.stalls();
            let reply: Reply = admin.run("MODULE UNLOAD warden");
            calls.push(micros(call.elapsed()));
            if reply.is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
            assert!(start.elapsed() < Duration::from_secs(120), "{reply}");
        }
        question.add(
            "time until it succeeded",
            "ms",
            start.elapsed().as_secs_f64() * 1e3,
        );
        question.add("times it was asked", "", count(calls.len()));
        question.add("last call", "us", calls.last().copied().unwrap_or(f64::NAN));
        question.add("longest call", "us", Latencies::of(calls).max);
        probe.finish().add_to(&mut question, "GET meanwhile");
        question.add(
            "longest turn, the last call included",
            "us",
            main.stalls().longest_turn_us,
        );
        add_stalls(&mut question, "while it drained", stalls);
        drop(open);
    }
    vec![question]
}
