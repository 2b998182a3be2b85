//! How many log-ins a second: a native password, a cached token, a new RS256 token.
//!
//! One server, twenty clients; rounds in turn; requests a second with spread, and
//! each as a ratio to the native password of the same pair.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use warden_benches::{CLIENTS, PAIRS, round, spread};
use warden_tests::{Claims, Connection, Line, Scene};

/// Log-ins of each client in one round of a known credential.
const KNOWN: usize = 2000;

/// Log-ins of each client in one round of new tokens.
const NEW: usize = 250;

fn main() {
    let line = if std::env::args().any(|word| word == "8.0") {
        Line::V8_0
    } else {
        Line::V9_1
    };
    let scene = Scene::start(line);
    scene
        .server
        .admin()
        .run("ACL SETUSER native on >secret ~reports:* +@read")
        .expect_ok();
    let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| scene.server.connect()).collect();
    let token = scene.token("alice");
    println!(
        "Valkey {}, {CLIENTS} clients, a token of {} bytes, {PAIRS} pairs",
        line.number(),
        token.len()
    );

    let native = repeat(&["AUTH", "native", "secret"], KNOWN);
    let cached = repeat(&["AUTH", "alice", &token], KNOWN);
    for depth in [1, 16] {
        let mut rates = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            rates.0.push(round(&mut clients, &native, depth));
            // A native identity is not ours to keep: the session begins anew.
            rates.1.push(round(&mut clients, &cached, depth));
        }
        report(&format!("cached token, P{depth}"), &rates);
    }

    let mut rates = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let fresh = new_tokens(&scene, pair);
        rates.0.push(round(&mut clients, &native, 1));
        rates.1.push(round(&mut clients, &fresh, 1));
    }
    report("new RS256 token, P1", &rates);
}

/// The same command for every client.
fn repeat(words: &[&str], times: usize) -> Vec<Vec<Vec<String>>> {
    let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    vec![vec![command; times]; CLIENTS]
}

/// Tokens nobody has seen, all of alice: one class, so that verification is what counts.
fn new_tokens(scene: &Scene, pair: usize) -> Vec<Vec<Vec<String>>> {
    (0..CLIENTS)
        .map(|client| {
            (0..NEW)
                .map(|number| {
                    let claims =
                        Claims::of("alice").set("jti", format!("{pair}-{client}-{number}"));
                    vec![
                        "AUTH".to_owned(),
                        "alice".to_owned(),
                        scene.issuer.token(&claims),
                    ]
                })
                .collect()
        })
        .collect()
}

fn report(what: &str, (native, warden): &(Vec<f64>, Vec<f64>)) {
    let ratios = native
        .iter()
        .zip(warden)
        .map(|(native, warden)| warden / native)
        .collect();
    let (_, native, _) = spread(native.clone());
    let (low, middle, high) = spread(warden.clone());
    let (least, ratio, most) = spread(ratios);
    println!(
        "{what:22} {middle:9.0}/s ({low:.0}–{high:.0}), native password {native:9.0}/s, ratio {ratio:.2} ({least:.2}–{most:.2})"
    );
}
