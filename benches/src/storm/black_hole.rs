//! A provider that takes connections and never answers, and a thousand log-ins a second
//! that need it: what do those notice who do not?
//!
//! Baselines: the same server at rest, and as many log-ins a second of a native user,
//! which cost the machine about the same and need nobody's answer. Every limit is at its
//! default.

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::hostile_provider::{Handshake, Hostile};
use warden_tests::{ADMIN_PASSWORD, Authority, Scene};

use super::crowd::{Credential, authenticate, strangers};
use super::flood::Flood;
use super::probe::Probe;
use super::report::{LONG_ROUNDS, NATIVE, add_stalls, in_turn};
use super::stage::{MainThread, builder, start, tokens};
use crate::figures::Question;
use crate::program::Run;
use crate::{CLIENTS, count};

/// Between two log-ins of the flood.
const EVERY: Duration = Duration::from_millis(1);

/// Longer than `auth_timeout_ms` and the endpoint's `timeout_ms`: from then on as many
/// leave as come.
const SETTLED_AFTER: Duration = Duration::from_secs(6);

const PROBED: Duration = Duration::from_secs(4);

/// Log-ins that need no provider, of one round of [`throughput`].
const LOG_INS: usize = 20_000;

/// GET of a native client, and log-ins at an authenticator with keys of its own.
pub fn run(Run { line, .. }: Run) -> Vec<Question> {
    let mut question =
        Question::new("a provider that never answers, 1,000 log-ins a second that need it");
    for round in 0..LONG_ROUNDS {
        let authority = Authority::new("hole");
        let hole = Hostile::start(&authority);
        hole.handshake(Handshake::Silence);
        let scene = start(builder(line));
        add_authenticator(&scene, &hole, &authority);
        let mut fresh = Fresh::new(&scene, 4);
        throughput(&scene, &fresh.next());

        let idle = Probe::idle(&scene, PROBED);
        idle.add_to(&mut question, "GET, idle");
        let alone = throughput(&scene, &fresh.next());
        question.add("log-ins at the other authenticator, alone", "/s", alone);
        for kind in in_turn(round, [NATIVE, "black hole"]) {
            let mut main = MainThread::watch(&scene);
            let credentials = (0_usize..).map(move |number| match kind {
                NATIVE => Credential::new("default", ADMIN_PASSWORD),
                _ => Credential::new("token", &format!("opaque-{number:024}")),
            });
            let flood = Flood::start(scene.server.address(), EVERY, credentials);
            thread::sleep(SETTLED_AFTER);
            question.add(&format!("connections, {kind}"), "", main.clients());
            let probe = Probe::idle(&scene, PROBED);
            probe.add_to(&mut question, &format!("GET, {kind}"));
            question.add(
                &format!("GET p99, {kind} to idle"),
                "%",
                100.0 * probe.p99 / idle.p99,
            );
            let beside = throughput(&scene, &fresh.next());
            question.add(
                &format!("log-ins at the other authenticator, {kind}"),
                "/s",
                beside,
            );
            question.add(
                &format!("the same, {kind} to alone"),
                "%",
                100.0 * beside / alone,
            );
            add_stalls(&mut question, kind, main.stalls());
            let answers = flood.finish();
            question.add(&format!("arrived in a second, {kind}"), "", answers.rate);
            question.add(
                &format!("answered TRYAGAIN, {kind}"),
                "%",
                100.0 * count(answers.undecided) / count(answers.all()),
            );
            question.add(
                &format!("refused or broken, {kind}"),
                "",
                count(answers.refused + answers.broken),
            );
            main.wait_until("all are gone", |main| main.clients() < 1.0);
        }
    }
    vec![question]
}

/// A user-information service that is the black hole, behind the authenticator with keys
/// of its own.
fn add_authenticator(scene: &Scene, hole: &Hostile, authority: &Authority) {
    let file = format!(
        "type = 'userinfo'\nurl = '{}'\n[endpoint]\nca_file = '{}'\n",
        hole.url("/userinfo"),
        authority.ca_file().display()
    );
    scene.authenticators.replace("20-hole.toml", file);
    scene.server.admin().call(["WARDEN.RELOAD"]);
    assert_eq!(scene.authenticators_state().len(), 2, "it is taken");
}

/// Tokens nobody has seen, of one principal.
struct Fresh {
    rounds: Vec<Vec<Credential>>,
}

impl Fresh {
    /// Of so many rounds.
    fn new(scene: &Scene, rounds: usize) -> Self {
        let all = Credential::tokens(&tokens(scene, rounds * LOG_INS, 1, None));
        Self {
            rounds: all.chunks(LOG_INS).map(<[Credential]>::to_vec).collect(),
        }
    }

    fn next(&mut self) -> Vec<Credential> {
        self.rounds.pop().expect("as many rounds as were made")
    }
}

/// Log-ins a second that succeeded, of some clients one after the other.
fn throughput(scene: &Scene, credentials: &[Credential]) -> f64 {
    let start = Instant::now();
    let share = credentials.len().div_ceil(CLIENTS);
    let granted: usize = thread::scope(|scope| {
        let clients: Vec<_> = credentials
            .chunks(share)
            .map(|credentials| {
                let address = scene.server.address();
                scope.spawn(move || {
                    let mut stream = strangers(address, 1).pop().expect("a connection");
                    let log_ins = credentials.iter();
                    let answers = log_ins.map(|credential| authenticate(&mut stream, credential));
                    answers.filter(Result::is_ok).count()
                })
            })
            .collect();
        let granted = clients
            .into_iter()
            .map(|client| client.join().expect("a client ends"));
        granted.sum()
    });
    count(granted) / start.elapsed().as_secs_f64()
}
