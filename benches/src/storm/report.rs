//! What storms add to a question: what the main thread went through.

use super::stage::Stalls;
use crate::figures::Question;

/// Rounds of one question; the middle is quoted.
pub const ROUNDS: usize = 5;

/// Rounds of a question that nobody has asked a figure of and that takes minutes.
pub const LONG_ROUNDS: usize = 3;

/// A baseline and what is held against it, in turn first and last.
pub fn in_turn<T>(round: usize, [baseline, ours]: [T; 2]) -> [T; 2] {
    if round.is_multiple_of(2) {
        [baseline, ours]
    } else {
        [ours, baseline]
    }
}

/// What a baseline of native log-ins is called.
pub const NATIVE: &str = "native";

/// Adds what the main thread went through. Of a baseline nothing of warden's is told: its
/// longest slice of late would be that of the round before.
pub fn add_stalls(question: &mut Question, what: &str, stalls: Stalls) {
    let turn = format!("longest turn, {what}");
    question.add(&turn, "us", stalls.longest_turn_us);
    if what == NATIVE {
        return;
    }
    for (name, unit, figure) in [
        (
            "longest slice of the last 20 s",
            "us",
            stalls.longest_slice_us,
        ),
        ("slices over 1 ms", "", stalls.over_1ms),
        ("slices over 2 ms", "", stalls.over_2ms),
    ] {
        question.add(&format!("{name}, {what}"), unit, figure);
    }
}
