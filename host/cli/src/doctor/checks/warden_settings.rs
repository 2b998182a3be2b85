//! Settings of warden's that let more happen than the careful default.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static REQUIRE_EXPIRY: Check = Check {
    name: "require-expiry",
    why: "A session lives as long as its token: without expiry, until somebody closes it.",
    look: require_expiry,
};

fn require_expiry(facts: &Facts) -> Result<Outcome, Untold> {
    if facts.warden_setting("require_expiry")? == "yes" {
        return Ok(Outcome::good("yes"));
    }
    let advice = "CONFIG SET warden.require_expiry yes, or in valkey.conf; or bound sessions: CONFIG SET warden.session_max_seconds 86400";
    Ok(match facts.warden_setting("session_max_seconds")? {
        "0" => Outcome::problem(
            "no, and session_max_seconds is 0: a token without `exp` never ends",
            advice,
        ),
        seconds => Outcome::warning(
            format!(
                "no: a token without `exp` is taken again and again, for {seconds} seconds each"
            ),
            advice,
        ),
    })
}

pub(super) static CEILING: Check = Check {
    name: "ceiling",
    why: "The ceiling holds whatever a policy grants by mistake: it is the last word of the operator.",
    look: ceiling,
};

fn ceiling(facts: &Facts) -> Result<Outcome, Untold> {
    Ok(match facts.warden_setting("ceiling")?.trim() {
        "" => Outcome::warning(
            "empty: policies may grant anything, FLUSHALL and CONFIG among it",
            "a line `warden.ceiling \"-@dangerous -@admin\"` in valkey.conf",
        ),
        ceiling => Outcome::good(ceiling),
    })
}

pub(super) static POLICY_KEYS: Check = Check {
    name: "policy-keys",
    why: "Signed policies come into force as they were signed; unsigned ones as they lie there.",
    look: policy_keys,
};

fn policy_keys(facts: &Facts) -> Result<Outcome, Untold> {
    Ok(match facts.warden_setting("policy_keys")?.trim() {
        "" => Outcome::warning(
            "empty: any file that is put into policy_dir decides, and an old one put back does",
            "warden policy keygen, sign the directory, and a line `warden.policy_keys RW…` in valkey.conf",
        ),
        keys => Outcome::good(keys),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;

    #[test]
    fn tokens_without_expiry_are_a_problem_unless_sessions_are_bounded() {
        let lax = || Facts::sound().with("warden.require_expiry", "no");
        expect(&REQUIRE_EXPIRY, &lax(), Rank::Problem, "never ends");
        let bounded = lax().with("warden.session_max_seconds", "60");
        expect(&REQUIRE_EXPIRY, &bounded, Rank::Warning, "60 seconds");
    }

    #[test]
    fn policies_that_nobody_signs_are_a_warning() {
        let facts = Facts::sound().with("warden.policy_keys", "");
        expect(&POLICY_KEYS, &facts, Rank::Warning, "empty: any file");
    }

    #[test]
    fn an_empty_ceiling_is_a_warning() {
        let facts = Facts::sound().with("warden.ceiling", " ");
        expect(&CEILING, &facts, Rank::Warning, "empty");
    }
}
