//! What does warden's part of a log-in cost the processor: all threads of the server, less
//! what it takes to verify the token itself?
//!
//! Every token is a new one, each on a connection of its own that is open already. Of a
//! *known* class all are of one principal; of *new* ones each is of another. Beside it
//! stand the bare verification of the same tokens in this process, `AUTH` of a native
//! user whose password is as long as a token, and `AUTH` by a module that hands it to a
//! thread which decides nothing: what the server takes that is asked by any module whose
//! main thread verifies nothing.

use std::fmt;
use std::hint::black_box;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use warden_authn::{KeySet, verify_token};
use warden_core::clock::{Clock, SystemClock};
use warden_tests::native::hand_over_module;
use warden_tests::{Algorithm, Claims, Issuer, Line, Scene, SigningKey, scene};

use crate::pairs::{PAIRS, Spread, processor_time, spread};
use crate::storm::crowd::{Credential, authenticate, strangers};
use crate::storm::stage::{MainThread, builder};
use crate::{CLIENTS, count};

/// Log-ins of one round: half a second and more, since the system counts in steps of 10 ms.
const LOG_INS: usize = 6_000;

/// Log-ins before anything counts.
const WARM_UP: usize = 200;

/// What a log-in costs, and its parts, in microseconds of processor time.
pub struct Account {
    what: String,
    rounds: Vec<Parts>,
}

/// Those of one round.
#[derive(Clone, Copy, Debug)]
struct Parts {
    /// The whole process.
    total: f64,
    /// The token's signature and dates, and nothing else.
    verification: f64,
    /// The whole process, for a native user.
    native: f64,
    /// The whole process, for one whom another thread lets in unseen.
    handed_over: f64,
}

/// Of a known and of a new class, by algorithm.
pub fn log_ins(line: Line) -> Vec<Account> {
    [Algorithm::ES256, Algorithm::RS256]
        .into_iter()
        .flat_map(|algorithm| {
            let issuer = Issuer::corp().with_key(SigningKey::generate(algorithm, "corp-1"));
            let rounds: Vec<_> = (0..PAIRS).map(|_| round(line, &issuer)).collect();
            let account = |class: &str, rounds: Vec<Parts>| Account {
                what: format!("{} token, {class} class", algorithm.name()),
                rounds,
            };
            let (known, new) = rounds.into_iter().unzip();
            [account("known", known), account("new", new)]
        })
        .collect()
}

/// A known and a new class on a fresh server, so that no class of an earlier round is
/// freed meanwhile.
fn round(line: Line, issuer: &Issuer) -> (Parts, Parts) {
    let scene = builder(line)
        .issuer(issuer.clone())
        .roles(scene::ROLES)
        .start();
    scene.await_snapshots();
    let known = tokens(issuer, |_| "alice".to_owned());
    let new = tokens(issuer, |number| format!("user{number}"));
    let length = known.first().map_or(0, String::len);
    let password = "x".repeat(length);
    let rules = format!("ACL SETUSER native on >{password} ~reports:* +@read");
    scene.server.admin().run(&rules).expect_ok();
    let native = vec![Credential::new("native", &password); WARM_UP + LOG_INS];
    let handed_over = cost(&handing_over(line, &rules), &native);
    let native = cost(&scene, &native);
    let parts = |tokens: &[String]| Parts {
        verification: bare(issuer, tokens),
        total: cost(&scene, &Credential::tokens(tokens)),
        native,
        handed_over,
    };
    (parts(&known), parts(&new))
}

/// A server without warden, which lets everybody in when a thread has been asked.
fn handing_over(line: Line, user: &str) -> Scene {
    let scene = builder(line).without_module().start();
    let mut admin = scene.server.admin();
    let module = hand_over_module().display().to_string();
    admin.call(["MODULE", "LOAD", &module]).expect_ok();
    admin.run(user).expect_ok();
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

/// Processor time of the server for each of these log-ins but the first.
fn cost(scene: &Scene, credentials: &[Credential]) -> f64 {
    let mut main = MainThread::watch(scene);
    let mut open = strangers(scene.server.address(), credentials.len());
    let (warm_up, counted) = credentials.split_at(WARM_UP);
    let (first, others) = open.split_at_mut(WARM_UP);
    log_in(first, warm_up);
    let before = processor_time(scene.server.pid());
    log_in(others, counted);
    let took = processor_time(scene.server.pid()) - before;
    drop(open);
    main.wait_until("all are gone", |main| main.clients() < 1.0);
    per_log_in(took, counted.len())
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
    let now = SystemClock::new().now();
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

impl Account {
    /// The heading of the table.
    pub const HEADING: &str = "| log-in with a new token | process | bare verification | native `AUTH` | handed over | process less verification | less handing over, too |\n|---|---|---|---|---|---|---|";

    /// As JSON: medians with their spread.
    pub fn json(&self) -> Value {
        let spread = |spread: Spread| json!({ "median": spread.middle, "least": spread.least, "most": spread.most });
        json!({
            "question": self.what,
            "rounds": self.rounds.len(),
            "process_us": spread(self.of(|parts| parts.total)),
            "verification_us": spread(self.of(|parts| parts.verification)),
            "native_us": spread(self.of(|parts| parts.native)),
            "handed_over_us": spread(self.of(|parts| parts.handed_over)),
            "above_verification_us": spread(self.of(Parts::above_verification)),
            "above_both_us": spread(self.of(Parts::above_both)),
        })
    }

    fn of(&self, part: impl Fn(Parts) -> f64) -> Spread {
        spread(self.rounds.iter().copied().map(part))
    }
}

impl Parts {
    fn above_verification(self) -> f64 {
        self.total - self.verification
    }

    fn above_both(self) -> f64 {
        self.above_verification() - self.handed_over
    }
}

impl fmt::Display for Account {
    /// One row of the table of docs/benchmarks.md.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.what,
            self.of(|parts| parts.total),
            self.of(|parts| parts.verification),
            self.of(|parts| parts.native),
            self.of(|parts| parts.handed_over),
            self.of(Parts::above_verification),
            self.of(Parts::above_both),
        )
    }
}
