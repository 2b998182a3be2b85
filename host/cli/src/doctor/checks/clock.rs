//! The server's clock, against which the dates in tokens are held.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static CLOCK: Check = Check {
    name: "clock",
    why: "Tokens begin and end by the server's clock; leeway_seconds, 30 unless an authenticator says otherwise, forgives only so much.",
    look: clock,
};

/// Small enough for anybody's `leeway_seconds`.
const GOOD_MS: u64 = 5_000;

/// The default of `leeway_seconds`.
const LEEWAY_MS: u64 = 30_000;

fn clock(facts: &Facts) -> Result<Outcome, Untold> {
    let reading = facts.clock.as_ref().map_err(Clone::clone)?;
    // The answer was made somewhere in the round trip, at most half of it from its middle.
    let off = reading
        .server_ms
        .abs_diff(reading.here_ms)
        .saturating_sub(reading.round_trip_ms / 2);
    let direction = if reading.server_ms > reading.here_ms {
        "ahead of"
    } else {
        "behind"
    };
    let seen = format!(
        "the server's clock is {}.{:03} s {direction} this machine's",
        off / 1000,
        off % 1000
    );
    let advice = "find out which of the two is wrong (timedatectl), and run a time service there";
    Ok(if off <= GOOD_MS {
        Outcome::good(seen)
    } else if off <= LEEWAY_MS {
        Outcome::warning(seen, advice)
    } else {
        Outcome::problem(seen, advice)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::facts::ClockReading;
    use crate::doctor::finding::Rank;

    fn off(server_ms: u64, here_ms: u64, round_trip_ms: u64) -> Facts {
        Facts {
            clock: Ok(ClockReading {
                server_ms,
                here_ms,
                round_trip_ms,
            }),
            ..Facts::sound()
        }
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off_on_either_side() {
        const NOW: u64 = 1_700_000_000_000;
        expect(&CLOCK, &off(NOW + 5_000, NOW, 0), Rank::Ok, "5.000 s ahead");
        expect(
            &CLOCK,
            &off(NOW + 5_001, NOW, 0),
            Rank::Warning,
            "5.001 s ahead",
        );
        expect(&CLOCK, &off(NOW, NOW + 30_000, 0), Rank::Warning, "behind");
        expect(&CLOCK, &off(NOW, NOW + 30_001, 0), Rank::Problem, "behind");
        expect(&CLOCK, &off(NOW, NOW + 30_001, 60_000), Rank::Ok, "0.001 s");
    }
}
