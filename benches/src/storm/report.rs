//! What storms add to a question: what the main thread went through.

use super::stage::Stalls;
use crate::figures::Question;

/// Rounds of one question; the middle is quoted.
pub const ROUNDS: usize = 3;

/// Adds what the main thread went through.
pub fn add_stalls(question: &mut Question, what: &str, stalls: Stalls) {
    for (name, unit, figure) in [
        (
            format!("longest turn, {what}"),
            "us",
            stalls.longest_turn_us,
        ),
        (
            format!("longest slice of the last 20 s, {what}"),
            "us",
            stalls.longest_slice_us,
        ),
        (format!("slices over 1 ms, {what}"), "", stalls.over_1ms),
        (format!("slices over 2 ms, {what}"), "", stalls.over_2ms),
    ] {
        question.add(&name, unit, figure);
    }
}
