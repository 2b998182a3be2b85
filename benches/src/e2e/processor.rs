//! What does warden's part of a log-in cost the processor: all threads of the server, less
//! what it takes to verify the token itself?
//!
//! Every token is a new one, each on a connection of its own that is open already and has had an
//! answer: the first one on a connection costs the server fresh memory, whoever asks. Of a
//! *known* class all are of one principal; of *new* ones each is of another. Beside it
//! stand the bare verification of the same tokens in this process, `AUTH` of a native
//! user whose password is as long as a token, and `AUTH` by a module that hands it to a
//! thread which decides nothing and is busy for as long as the verification takes: what
//! the server takes that is asked by any module whose main thread verifies nothing.

use std::hint::black_box;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use warden_authn::{KeySet, verify_token};
use warden_core::clock::{Clock, SystemClock};
use warden_tests::native::hand_over_module;
use warden_tests::{Algorithm, Claims, Issuer, Line, Scene, SigningKey, scene};

use crate::figures::{Aim, Question};
use crate::pairs::{PAIRS, processor_time, switches, threads, used_since};
use crate::program::Run;
use crate::storm::crowd::{Credential, authenticate, reset, strangers};
use crate::storm::stage::{MainThread, builder};
use crate::{CLIENTS, as_float, count};

/// Log-ins of one round: half a second and more, since the system counts in steps of 10 ms.
const LOG_INS: usize = 6_000;

/// Log-ins before anything counts.
const WARM_UP: usize = 200;

/// Those of one round.
#[derive(Clone, Copy, Debug)]
struct Parts {
    total: Cost,
    /// The token's signature and dates, and nothing else, in microseconds.
    verification: f64,
    /// For a native user.
    native: Cost,
    /// For one whom another thread lets in unseen, after as long as a verification.
    handed_over: Cost,
}

/// What a log-in takes of the whole process.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Processor time, in microseconds.
    us: f64,
    /// How often a thread gave the processor away to wait, or was put off it.
    switches: f64,
}

/// Of a known and of a new class, by algorithm.
pub fn log_ins(run: Run) -> Vec<Question> {
    [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA]
        .into_iter()
        .flat_map(|algorithm| {
            let issuer = Issuer::corp().with_key(SigningKey::generate(algorithm, "corp-1"));
            let rounds = 0..run.rounds(PAIRS);
            let rounds: Vec<_> = rounds.map(|_| round(run.line, &issuer)).collect();
            let (known, new): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
            [("known", 25.0, known), ("new", 70.0, new)].map(|(class, most_us, rounds)| {
                let asked = format!("{} token, {class} class", algorithm.name());
                question(&asked, most_us, &rounds)
            })
        })
        .collect()
}

/// A known and a new class on a fresh server, so that no class of an earlier round is
/// freed meanwhile.
fn round(line: Line, issuer: &Issuer) -> (Parts, Parts) {
    let scene = builder(line)
        .issuer(issuer.clone())
        .roles(scene::ROLES)
        .module_args(["native_users", "native"])
        .start();
    scene.await_snapshots();
    let known = tokens(issuer, |_| "alice".to_owned());
    let new = tokens(issuer, |number| format!("user{number}"));
    let length = known.first().map_or(0, String::len);
    let password = "x".repeat(length);
    let rules = format!("ACL SETUSER native on >{password} ~reports:* +@read");
    scene.server.admin().run(&rules).expect_ok();
    let native = vec![Credential::new("native", &password); WARM_UP + LOG_INS];
    let verification = bare(issuer, &known);
    let other = handing_over(line, verification);
    other.server.admin().run(&rules).expect_ok();
    let handed_over = cost(&other, &native);
    let native = cost(&scene, &native);
    let parts = |tokens: &[String]| Parts {
        verification: bare(issuer, tokens),
        total: cost(&scene, &Credential::tokens(tokens)),
        native,
        handed_over: Cost {
            us: handed_over.us - verification,
            ..handed_over
        },
    };
    (parts(&known), parts(&new))
}

/// A server without warden, which lets everybody in when a thread has been busy for so long.
pub(super) fn handing_over(line: Line, busy_us: f64) -> Scene {
    let scene = builder(line).without_module().start();
    let module = hand_over_module().display().to_string();
    let busy_ns = format!("{:.0}", busy_us * 1e3);
    let words = ["MODULE", "LOAD", &module, &busy_ns];
    scene.server.admin().call(words).expect_ok();
    scene
}

fn tokens(issuer: &Issuer, subject: impl Fn(usize) -> String) -> Vec<String> {
    (0..WARM_UP + LOG_INS)
        .map(|number| {
            issuer.token(
                &Claims::of(&subject(number))
                    .groups(&["analysts"])
                    .id(number),
            )
        })
        .collect()
}

/// What the server takes for each of these log-ins but the first.
fn cost(scene: &Scene, credentials: &[Credential]) -> Cost {
    let mut main = MainThread::watch(scene);
    let mut open = strangers(scene.server.address(), credentials.len());
    for stream in &mut open {
        reset(stream).expect("an answer to a stranger");
    }
    let (warm_up, counted) = credentials.split_at(WARM_UP);
    let (first, others) = open.split_at_mut(WARM_UP);
    log_in(first, warm_up);
    let pid = scene.server.pid();
    let switched = || threads(pid).map(|thread| switches(&thread)).sum::<u64>();
    let before = (processor_time(pid), switched());
    log_in(others, counted);
    let took = used_since(pid, before.0);
    let switched = switched().checked_sub(before.1);
    let switched = switched.expect("no thread of the server ended meanwhile");
    drop(open);
    main.wait_until("all are gone", |main| main.clients() < 1.0);
    Cost {
        us: per_log_in(took, counted.len()),
        switches: as_float(switched) / count(counted.len()),
    }
}

/// Each on its connection, some at a time.
fn log_in(streams: &mut [TcpStream], credentials: &[Credential]) {
    let share = credentials.len().div_ceil(CLIENTS);
    thread::scope(|scope| {
        for (streams, credentials) in streams.chunks_mut(share).zip(credentials.chunks(share)) {
            scope.spawn(move || {
                for (stream, credential) in streams.iter_mut().zip(credentials) {
                    authenticate(stream, credential).expect("it gets in");
                }
            });
        }
    });
}

/// Processor time of this thread for each token.
fn bare(issuer: &Issuer, tokens: &[String]) -> f64 {
    let keys = KeySet::from_jwks(issuer.key_set().as_bytes()).expect("keys of our own making");
    let now = SystemClock.now();
    let before = thread_time();
    for token in tokens {
        let verified = verify_token(
            black_box(token.as_bytes()),
            &keys,
            Duration::from_secs(30),
            now,
        );
        assert!(verified.is_ok());
    }
    per_log_in(thread_time().saturating_sub(before), tokens.len())
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a clock that began at nought")
}

fn per_log_in(time: Duration, log_ins: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count(log_ins)
}

/// With all its figures; `most_us` is what a log-in may cost above bare verification.
fn question(asked: &str, most_us: f64, rounds: &[Parts]) -> Question {
    const ABOVE: &str = "above verification";
    let mut question = Question::new(format!("processor time of a log-in, {asked}"));
    for parts in rounds {
        let above = parts.total.us - parts.verification;
        for (name, figure) in [
            (ABOVE, above),
            (
                "above verification and handing over",
                above - parts.handed_over.us,
            ),
            ("process", parts.total.us),
            ("bare verification", parts.verification),
            ("native AUTH", parts.native.us),
            ("handed over", parts.handed_over.us),
        ] {
            question.add(name, "us", figure);
        }
        question.add("switches", "", parts.total.switches);
        question.add("switches, native AUTH", "", parts.native.switches);
        question.add("switches, handed over", "", parts.handed_over.switches);
    }
    question.aim(ABOVE, Aim::AtMost(most_us))
}
