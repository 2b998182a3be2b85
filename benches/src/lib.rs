//! What the benchmarks share. Inside one process: [`rooms`]. End to end: [`pairs`] of
//! rounds taken in turn, so that a drifting machine moves both sides of a ratio, and
//! the questions of [`e2e`] and [`storm`]. What comes of all of them: [`figures`], and the
//! [`report`] of a run. It never compares figures of different runs.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark reads the clock and has nobody to return an error to"
)]

pub mod bundles;
pub mod e2e;
pub mod figures;
pub mod latencies;
pub mod machine;
pub mod pairs;
pub mod program;
pub mod report;
pub mod rooms;
pub mod storm;

use std::time::Instant;

use latencies::micros;
use warden_tests::Connection;

/// Clients at once.
pub const CLIENTS: usize = 20;

/// Sends `commands`, waiting for `depth` replies at a time, and answers how many microseconds
/// each took. Panics when a reply is an error.
pub fn drive(connection: &mut Connection, commands: &[Vec<String>], depth: usize) -> Vec<f64> {
    let mut took = Vec::with_capacity(commands.len());
    for batch in commands.chunks(depth) {
        let start = Instant::now();
        for command in batch {
            connection.send(command);
        }
        for _ in batch {
            let reply = connection.receive();
            assert!(reply.error().is_none(), "an unexpected error: {reply:?}");
            took.push(micros(start.elapsed()));
        }
    }
    took
}

/// A number that a server tells as a float; they are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "what servers count here is far below 2^52"
)]
pub fn as_float(number: u64) -> f64 {
    number as f64
}

/// A count as a float; counts here are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub fn count(number: usize) -> f64 {
    number as f64
}
