//! Twenty thousand sessions that end together: by time, by their clients, by one who
//! changes the policies.
//!
//! Baseline: as many native clients that disconnect.

use std::time::{Duration, Instant};

use warden_tests::{ADMIN_PASSWORD, Scene, unix_now};

use super::crowd::{Credential, gather, scatter};
use super::probe::Probe;
use super::report::{NATIVE, ROUNDS, add_stalls, in_turn};
use super::stage::{MainThread, ROLES, scene, sessions_that_fit, tokens};
use crate::figures::{Aim, Question};
use crate::program::Run;

const PRINCIPALS: usize = 1_000;

/// Seconds in which all of them must have logged in.
const LOG_IN_SECONDS: u64 = 20;

/// All tokens end in the same second.
pub fn expiry(run: Run) -> Vec<Question> {
    let sessions = sessions_that_fit();
    let mut question = Question::new(format!("{sessions} sessions expire in the same second"));
    for _ in 0..run.rounds(ROUNDS) {
        let scene = scene(run.line);
        let until = unix_now() + LOG_IN_SECONDS;
        let tokens = tokens(&scene, PRINCIPALS, PRINCIPALS, Some(until));
        let open = gather(
            scene.server.address(),
            &Credential::tokens(&tokens),
            sessions,
        );
        assert!(unix_now() < until, "logging in took too long");
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        main.wait_until("the first is closed", |main| {
            main.warden("warden_closed") > 0.0
        });
        observe(&scene, main, probe, &mut question);
        drop(open);
    }
    vec![question.aim("slices over 1 ms, meanwhile", Aim::AtMost(0.0))]
}

/// Their policies refuse all of them.
pub fn refusal(Run { line, .. }: Run) -> Vec<Question> {
    let sessions = sessions_that_fit();
    let mut question = Question::new(format!("{sessions} sessions lose their role"));
    for _ in 0..ROUNDS {
        let scene = scene(line);
        let tokens = tokens(&scene, PRINCIPALS, PRINCIPALS, None);
        let open = gather(
            scene.server.address(),
            &Credential::tokens(&tokens),
            sessions,
        );
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        let roles = ROLES.replace("analysts", "nobody");
        scene.policies.replace("rbac.toml", roles);
        main.wait_until("the first is closed", |main| {
            main.warden("warden_closed") > 0.0
        });
        observe(&scene, main, probe, &mut question);
        drop(open);
    }
    vec![question]
}

/// Their clients disconnect.
pub fn disconnect(Run { line, .. }: Run) -> Vec<Question> {
    let sessions = sessions_that_fit();
    let mut question = Question::new(format!("{sessions} clients disconnect at once"));
    for round in 0..ROUNDS {
        let scene = scene(line);
        let native = vec![Credential::new("default", ADMIN_PASSWORD)];
        let tokens = Credential::tokens(&tokens(&scene, PRINCIPALS, PRINCIPALS, None));
        for (kind, credentials) in in_turn(round, [(NATIVE, native), ("sessions", tokens)]) {
            let open = gather(scene.server.address(), &credentials, sessions);
            leave(&scene, kind, open, &mut question);
        }
    }
    vec![question]
}

fn leave(scene: &Scene, kind: &str, open: Vec<std::net::TcpStream>, question: &mut Question) {
    let mut main = MainThread::watch(scene);
    let probe = Probe::start(scene);
    let start = Instant::now();
    scatter(open);
    main.wait_until("all are gone", |main| main.clients() <= 1.0);
    question.add(
        &format!("time until all are gone, {kind}"),
        "ms",
        millis(start),
    );
    std::thread::sleep(Duration::from_millis(200));
    probe.finish().add_to(question, &format!("GET, {kind}"));
    add_stalls(question, kind, main.stalls());
}

/// From the first closed to the last.
fn observe(scene: &Scene, mut main: MainThread, probe: Probe, question: &mut Question) {
    let start = Instant::now();
    main.wait_until("all are gone", |main| main.clients() <= 1.0);
    question.add("time from the first to the last", "ms", millis(start));
    main.wait_until("nobody is left", |main| {
        main.warden("warden_sessions") < 1.0
    });
    probe.finish().add_to(question, "GET meanwhile");
    Probe::idle(scene, Duration::from_secs(1)).add_to(question, "GET, idle after it");
    add_stalls(question, "meanwhile", main.stalls());
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
