//! Five thousand log-ins in a second, and as many at once: what does it cost those who
//! log in, and those who do not?
//!
//! Baseline: the same storm of native users with passwords, on the same server.

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::{Line, Scene};

use super::crowd::{Credential, all_at_once, authenticate, scatter, storm, strangers};
use super::probe::{Latencies, Probe};
use super::report::{Figures, ROUNDS};
use super::stage::{MainThread, scene, tokens};
use crate::count;

const LOG_INS: usize = 5_000;
const PRINCIPALS: usize = 1_000;
const FORGED: usize = 40_000;
const AFTERWARDS: usize = 500;

/// Longer than `rejection_seconds`.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(6);

/// Paced over a second.
pub fn run(line: Line) {
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        let scene = scene(line);
        let credentials = Credential::tokens(&tokens(&scene, LOG_INS, PRINCIPALS, None));
        figures.add_latencies("PING, idle", Probe::idle(&scene, Duration::from_secs(1)));
        unleash(&scene, "native", &natives(&scene), &mut figures);
        unleash(&scene, "token", &credentials, &mut figures);
    }
    figures.print(&format!(
        "{LOG_INS} log-ins in a second, each a new connection, {PRINCIPALS} principals, every token a new one"
    ));
}

/// All of them at once: every client has connected, and all credentials arrive before
/// the first is answered.
pub fn burst(line: Line) {
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        let scene = scene(line);
        let credentials = Credential::tokens(&tokens(&scene, LOG_INS, PRINCIPALS, None));
        for (kind, credentials) in [("native", natives(&scene)), ("token", credentials)] {
            let mut open = strangers(scene.server.address(), LOG_INS);
            let mut main = MainThread::watch(&scene);
            let probe = Probe::start(&scene);
            let started = Instant::now();
            all_at_once(&mut open, &credentials);
            let took = started.elapsed().as_secs_f64() * 1e3;
            figures.add(&format!("time until all are in, {kind}"), "ms", took);
            figures.add_latencies(&format!("PING, {kind}"), probe.finish());
            figures.add_stalls(kind, main.stalls());
            scatter(open);
            main.wait_until("all are gone", |main| main.clients() < 1.0);
        }
    }
    figures.print(&format!("{LOG_INS} new tokens on open connections at once"));
}

/// Tokens with wrong signatures, each another one, and then nobody until their refusals
/// are no longer remembered: what does the next log-in pay for?
pub fn forged(line: Line) {
    let mut figures = Figures::default();
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
        figures.add_latencies("PING meanwhile", probe.finish());
        figures.add_stalls("meanwhile", main.stalls());
        thread::sleep(FORGOTTEN_AFTER);
        let mut main = MainThread::watch(&scene);
        let probe = Probe::start(&scene);
        let all = tokens(&scene, AFTERWARDS, PRINCIPALS, None);
        let (_, failed) = storm(
            scene.server.address(),
            &Credential::tokens(&all),
            Duration::from_secs(1),
        );
        assert_eq!(failed, 0, "everybody else gets in");
        figures.add_latencies("PING afterwards", probe.finish());
        figures.add_stalls("afterwards", main.stalls());
    }
    figures.print(&format!(
        "{FORGED} tokens with wrong signatures, {} s of rest, {AFTERWARDS} log-ins",
        FORGOTTEN_AFTER.as_secs()
    ));
}

/// Users of the server's own ACL, as many as principals.
fn natives(scene: &Scene) -> Vec<Credential> {
    let mut admin = scene.server.admin();
    for number in 0..PRINCIPALS {
        let user = format!("native{number}");
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
        .map(|number| Credential::new(&format!("native{}", number % PRINCIPALS), "secret"))
        .collect()
}

fn unleash(scene: &Scene, kind: &str, credentials: &[Credential], figures: &mut Figures) {
    let mut main = MainThread::watch(scene);
    let probe = Probe::start(scene);
    let (took, failed) = storm(scene.server.address(), credentials, Duration::from_secs(1));
    figures.add_latencies(&format!("PING during {kind} log-ins"), probe.finish());
    figures.add_latencies(&format!("AUTH {kind}"), Latencies::of(took));
    figures.add(&format!("refused or broken, {kind}"), "", count(failed));
    figures.add_stalls(kind, main.stalls());
    main.wait_until("all are gone", |main| main.clients() < 1.0);
}
