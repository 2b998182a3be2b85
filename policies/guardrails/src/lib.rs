//! Denials and bounds by member, address and hour.
//!
//! In: every `*.toml` file of the bundle, a principal, the client's address and
//! the time. Out: for each rule that applies, a restriction or a refusal of the
//! log-in, and until when all of that holds. It never grants anything.
//!
//! ```toml
//! [[rules]]
//! name = "operators-from-inside"
//! members = ["group:corp/operators"]
//! not_addresses = ["10.0.0.0/8", "unix"]
//! deny_login = "operators log in from the office network"
//!
//! [[rules]]
//! name = "quiet-night"
//! hours = ["22:00-06:00"]
//! denials = ["-@dangerous", "-@write"]
//! ```
//!
//! - A rule applies when all its conditions hold: `members`, `not_members`,
//!   `addresses`, `not_addresses`, `hours` with `days`. What is not written is no
//!   condition. Hours are UTC and begin on the day they are named for.
//! - It refuses the log-in (`deny_login`), or takes away: `denials` of commands and
//!   categories, and bounds on `keys`, `channels` and `databases`. Rules that apply
//!   together all take away.
//! - Where a condition cannot be judged, it holds: an unknown address lies in every
//!   range and in none.
//!
//! The answer is valid until the next hour at which one of the rules begins or
//! ceases to apply, and for a day at most.

#![forbid(unsafe_code)]

mod data;
mod effect;
mod error;
mod rule;
mod window;

use std::time::Duration;

use warden_sdk::{File, Policy, Request, Verdict, policy};

use crate::effect::Effect;
use crate::rule::Rule;

/// Longest time an answer holds. A clock that is set is noticed within it.
const MAX_VALIDITY: Duration = Duration::from_secs(86_400);
/// How long an answer holds that had to be given without a clock.
const WITHOUT_CLOCK: Duration = Duration::from_secs(1);

/// The policy: checked rules in the order of their files.
#[derive(Clone, Debug, PartialEq)]
pub struct Guardrails {
    rules: Vec<Rule>,
}

#[policy(
    name = "guardrails",
    summary = "Denials and bounds by member, address and hour.",
    schema = "schema.json",
    inputs(client_address, clock)
)]
impl Policy for Guardrails {
    fn configure(files: &[File]) -> Result<Self, String> {
        let rules = data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))?;
        Ok(Self { rules })
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        let now = window::unix_seconds(request);
        let mut verdict = Verdict::new().valid_for(MAX_VALIDITY);
        for rule in self.rules.iter().filter(|rule| rule.concerns(request)) {
            if rule.reads_the_clock() {
                verdict = verdict.valid_for(match now {
                    Some(now) => rule.next_change(now).unwrap_or(MAX_VALIDITY),
                    None => WITHOUT_CLOCK,
                });
            }
            if !now.is_none_or(|now| rule.is_on(now)) {
                continue;
            }
            verdict = match rule.effect() {
                // Of several refusals the first is told.
                Effect::Refuse(_) if verdict.denial().is_some() => verdict,
                Effect::Refuse(public) => verdict
                    .deny(public)
                    .deny_internally(format!("rule {:?}", rule.name())),
                Effect::Restrict(restriction) => verdict.restrict(restriction.clone()),
            };
            verdict = verdict.label("guardrail", rule.name());
        }
        verdict
    }

    fn labels(&self) -> Vec<(String, String)> {
        let names = self.rules.iter().map(Rule::name);
        names
            .map(|name| ("guardrail".to_owned(), name.to_owned()))
            .collect()
    }
}
