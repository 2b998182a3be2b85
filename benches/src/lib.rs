//! What the end-to-end benchmarks share: rounds of work by many clients, taken
//! in turn, so that a drifting machine moves both sides of a ratio.
//!
//! In: named rounds. Out: requests a second for each, and the median of the ratios
//! pair by pair with their spread. It never compares figures of different runs.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark reads the clock and has nobody to return an error to"
)]

pub mod rooms;

use std::thread;
use std::time::Instant;

use warden_tests::Connection;

/// Clients at once.
pub const CLIENTS: usize = 20;

/// Pairs of rounds; the median is quoted.
pub const PAIRS: usize = 5;

/// Sends `commands` on each connection, waiting for `depth` replies at a time, and
/// answers requests a second. Panics when a reply is an error.
pub fn round(connections: &mut [Connection], commands: &[Vec<Vec<String>>], depth: usize) -> f64 {
    let start = Instant::now();
    let sent: usize = thread::scope(|scope| {
        let clients: Vec<_> = connections
            .iter_mut()
            .zip(commands)
            .map(|(connection, commands)| scope.spawn(move || drive(connection, commands, depth)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client ends"))
            .sum()
    });
    count(sent) / start.elapsed().as_secs_f64()
}

fn drive(connection: &mut Connection, commands: &[Vec<String>], depth: usize) -> usize {
    for batch in commands.chunks(depth) {
        for command in batch {
            connection.send(command);
        }
        for _ in batch {
            let reply = connection.receive();
            assert!(reply.error().is_none(), "an unexpected error: {reply:?}");
        }
    }
    commands.len()
}

/// The smallest, the middle and the largest.
pub fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    (
        at(0),
        at(figures.len() / 2),
        at(figures.len().saturating_sub(1)),
    )
}

/// A count as a float; counts here are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub fn count(number: usize) -> f64 {
    number as f64
}
