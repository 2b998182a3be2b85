//! Five thousand log-ins in a second, and as many at once: what does it cost those who
//! log in, and those who do not?
//!
//! Baseline: the same storm of native users with passwords, on the same server.

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::{Line, Scene};

use super::crowd::{Credential, all_at_once, authenticate, scatter, storm, strangers};
use super::probe::Probe;
use super::report::{NATIVE, ROUNDS, add_stalls, in_turn};
use super::stage::{Apart, MainThread, scene, scene_with, tokens};
use crate::count;
use crate::figures::{Aim, Question};
use crate::latencies::Latencies;
use crate::program::Run;

const LOG_INS: usize = 5_000;
const PRINCIPALS: usize = 1_000;
const FORGED: usize = 40_000;
const AFTERWARDS: usize = 500;

/// Longer than `rejection_seconds`.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);

/// Paced over a second: all on whatever processors there are, and the server's main thread
/// with one of its own, where there are two.
pub fn run(run: Run) -> Vec<Question> {
    let asked = format!(
        "{LOG_INS} log-ins in a second, each a new connection, {PRINCIPALS} principals, every token a new one"
    );
    let mut beside = Question::new(&asked);
    let mut apart = Question::new(format!(
        "{asked}; the main thread has a processor of its own"
    ));
    for round in 0..run.rounds(ROUNDS) {
        paced(round, &scene_with_natives(run.line), &mut beside);
        let scene = scene_with_natives(run.line);
        if let Some(_apart) = Apart::of(&scene) {
            paced(round, &scene, &mut apart);
        }
    }
    let to_idle = "GET p99, token to idle";
    let beside = beside.aim(to_idle, Aim::AtMost(3.0));
    if apart.figures.is_empty() {
        return vec![beside];
    }
    vec![beside, apart.aim(to_idle, Aim::AtMost(1.5))]
}

fn paced(round: usize, scene: &Scene, question: &mut Question) {
    let credentials = Credential::tokens(&tokens(scene, LOG_INS, PRINCIPALS, None));
    let idle = Probe::idle(scene, Duration::from_secs(1));
    idle.add_to(question, "GET, idle");
    let kinds = [(NATIVE, natives(scene)), ("token", credentials)];
    for (kind, credentials) in in_turn(round, kinds) {
        let others = unleash(scene, kind, &credentials, question);
        let to_idle = others.p99 / idle.p99;
        question.add(&format!("GET p99, {kind} to idle"), "times", to_idle);
    }
}

/// All of them at once: every client has connected, and all credentials arrive before
/// the first is answered.
pub fn burst(Run { line, .. }: Run) -> Vec<Question> {
    let mut question = Question::new(format!("{LOG_INS} new tokens on open connections at once"));
    for round in 0..ROUNDS {
        let scene = scene_with_natives(line);
        let credentials = Credential::tokens(&tokens(&scene, LOG_INS, PRINCIPALS, None));
        let kinds = [(NATIVE, natives(&scene)), ("token", credentials)];
        for (kind, credentials) in in_turn(round, kinds) {
            let mut open = strangers(scene.server.address(), LOG_INS);
            let mut main = MainThread::watch(&scene);
            let probe = Probe::start(&scene);
            let started = Instant::now();
            all_at_once(&mut open, &credentials);
            let took = started.elapsed().as_secs_f64() * 1e3;
            question.add(&format!("time until all are in, {kind}"), "ms", took);
            probe
                .finish()
                .add_to(&mut question, &format!("GET, {kind}"));
            add_stalls(&mut question, kind, main.stalls());
            scatter(open);
            main.wait_until("all are gone", |main| main.clients() < 1.0);
        }
    }
    vec![question]
}

/// Tokens with wrong signatures, each another one, and then nobody until their refusals
/// are no longer remembered: what does the next log-in pay for?
pub fn forged(Run { line, .. }: Run) -> Vec<Question> {
    let mut question = Question::new(format!(
        "{FORGED} tokens with wrong signatures, {} s of rest, {AFTERWARDS} log-ins",
        FORGOTTEN_AFTER.as_secs()
    ));
    for _ in 0..ROUNDS {
        let scene = scene(line);
        let token = scene.token("alice");
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        let forged: Vec<Credential> = (0..FORGED)
            .map(|number| Credential::new("token", &format!("{signed}.{number:0>86}")))
            .collect();
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        thread::scope(|scope| {
            for part in forged.chunks(FORGED / 4) {
                let address = scene.server.address();
                scope.spawn(move || {
                    let mut stream = strangers(address, 1).pop().expect("a connection");
                    for credential in part {
                        let answer = authenticate(&mut stream, credential);
                        assert!(answer.is_err(), "nobody gets in with a wrong signature");
                    }
                });
            }
        });
        probe.finish().add_to(&mut question, "GET meanwhile");
        add_stalls(&mut question, "meanwhile", main.stalls());
        thread::sleep(FORGOTTEN_AFTER);
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        let all = tokens(&scene, AFTERWARDS, PRINCIPALS, None);
        let stormed = storm(
            scene.server.address(),
            &Credential::tokens(&all),
            Duration::from_secs(1),
        );
        assert_eq!(stormed.failed, 0, "everybody else gets in");
        probe.finish().add_to(&mut question, "GET afterwards");
        add_stalls(&mut question, "afterwards", main.stalls());
    }
    vec![question]
}

/// A server that judges natives itself.
fn scene_with_natives(line: Line) -> Scene {
    let names: Vec<String> = (0..PRINCIPALS).map(native).collect();
    scene_with(line, &["native_users", &names.join(" ")])
}

fn native(number: usize) -> String {
    format!("native{number}")
}

/// Users of the server's own ACL, as many as principals.
fn natives(scene: &Scene) -> Vec<Credential> {
    let mut admin = scene.server.admin();
    for number in 0..PRINCIPALS {
        let user = native(number);
        admin
            .call([
                "ACL",
                "SETUSER",
                &user,
                "on",
                ">secret",
                "~reports:*",
                "+@read",
            ])
            .expect_ok();
    }
    (0..LOG_INS)
        .map(|number| Credential::new(&native(number % PRINCIPALS), "secret"))
        .collect()
}

fn unleash(
    scene: &Scene,
    kind: &str,
    credentials: &[Credential],
    question: &mut Question,
) -> Latencies {
    let mut main = MainThread::watch(scene);
    let probe = Probe::start(scene);
    let stormed = storm(scene.server.address(), credentials, Duration::from_secs(1));
    let (others, stalls) = (probe.finish(), main.stalls());
    let failed = count(stormed.failed);
    others.add_to(question, &format!("GET during {kind} log-ins"));
    Latencies::of(stormed.took_us).add_to(question, &format!("AUTH {kind}"));
    question.add(&format!("refused or broken, {kind}"), "", failed);
    add_stalls(question, kind, stalls);
    scatter(stormed.open);
    main.wait_until("all are gone", |main| main.clients() < 1.0);
    others
}
