//! What the benchmarks share. Inside one process: [`rooms`]. End to end: [`pairs`] of
//! rounds taken in turn, so that a drifting machine moves both sides of a ratio, and
//! the questions of [`e2e`]. It never compares figures of different runs.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark reads the clock and has nobody to return an error to"
)]

pub mod e2e;
pub mod pairs;
pub mod rooms;
pub mod storm;

use warden_tests::Connection;

/// Clients at once.
pub const CLIENTS: usize = 20;

/// Sends `commands`, waiting for `depth` replies at a time, and answers how many.
/// Panics when a reply is an error.
pub fn drive(connection: &mut Connection, commands: &[Vec<String>], depth: usize) -> usize {
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

/// A count as a float; counts here are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub fn count(number: usize) -> f64 {
    number as f64
}
