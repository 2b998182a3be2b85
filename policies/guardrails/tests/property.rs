//! For every set of hours and every second: an answer is valid exactly until it
//! changes, never longer than a day, and nothing it says is a grant.
//!
//! In: generated windows and times. What a window means is written here a second
//! time, minute by minute, and the two must agree.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use proptest::prelude::*;
use warden_policy_guardrails::Guardrails;
use warden_sdk::{File, Policy, Principal, Request, Verdict};

const DAY: u64 = 86_400;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One rule's window: begin and end in minutes of a day, days of the week.
#[derive(Clone, Debug)]
struct Model {
    hours: Vec<(u64, u64)>,
    days: Vec<usize>,
}

fn model() -> impl Strategy<Value = Model> {
    let hours = (0..1440u64, 0..=1440u64).prop_filter("not the same", |(a, b)| a != b);
    let days = prop::collection::btree_set(0..7usize, 0..=7);
    (prop::collection::vec(hours, 0..3), days)
        .prop_filter("a condition", |(hours, days)| {
            !hours.is_empty() || !days.is_empty()
        })
        .prop_map(|(hours, days)| Model {
            hours,
            days: days.into_iter().collect(),
        })
}

impl Model {
    fn toml(&self, name: &str) -> String {
        let clock = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let hours: Vec<String> = self
            .hours
            .iter()
            .map(|(a, b)| format!("'{}-{}'", clock(*a), clock(*b)))
            .collect();
        let days: Vec<String> = self
            .days
            .iter()
            .map(|d| format!("'{}'", DAYS[*d]))
            .collect();
        let mut text = format!("[[rules]]\nname = '{name}'\ndenials = ['-@write']\n");
        if !hours.is_empty() {
            text += &format!("hours = [{}]\n", hours.join(","));
        }
        if !days.is_empty() {
            text += &format!("days = [{}]\n", days.join(","));
        }
        text
    }

    /// Whether a day's hours, begun on that day or the one before, hold this minute.
    fn holds(&self, now: u64) -> bool {
        let minute = now % DAY / 60;
        // 1970-01-01 was a Thursday.
        let today = usize::try_from((now / DAY + 3) % 7).expect("a day");
        let on = |day: usize| self.days.is_empty() || self.days.contains(&day);
        let whole = vec![(0, 1440)];
        let hours = if self.hours.is_empty() {
            &whole
        } else {
            &self.hours
        };
        hours.iter().any(|(begin, end)| {
            if begin < end {
                on(today) && (*begin..*end).contains(&minute)
            } else {
                on(today) && minute >= *begin || on((today + 6) % 7) && minute < *end
            }
        })
    }
}

fn verdict(rules: &[Model], now: u64) -> Verdict {
    let text: String = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| rule.toml(&format!("r{index}")))
        .collect();
    let policy = Guardrails::configure(&[File::new("guardrails.toml", text.clone())]);
    let policy = policy.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let request = Request::new(Principal::new("corp", "alice")).with_now(now);
    policy.evaluate(&request)
}

/// For how long a verdict holds, and the rest of what it says.
fn parts(verdict: &Verdict) -> (u64, String) {
    let text = verdict.to_string();
    let (mut valid, mut rest) = (None, Vec::new());
    for part in text.split("; ") {
        match part
            .strip_prefix("valid ")
            .and_then(|t| t.strip_suffix('s'))
        {
            Some(seconds) => valid = seconds.parse().ok(),
            None => rest.push(part),
        }
    }
    (
        valid.expect("a verdict that read the clock"),
        rest.join("; "),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_is_valid_exactly_until_it_changes(
        rules in prop::collection::vec(model(), 1..4),
        now in 0..4_000_000_000u64,
        near_boundary: bool,
        within: u64,
    ) {
        // Half of the time the last second of a minute, where things happen.
        let now = if near_boundary { now / 60 * 60 + 59 } else { now };
        let verdict_now = verdict(&rules, now);
        prop_assert!(verdict_now.grants().is_empty() && verdict_now.denial().is_none());
        let (valid, said) = parts(&verdict_now);
        prop_assert!((1..=DAY).contains(&valid));
        // It says what the model says.
        let applied = rules.iter().filter(|rule| rule.holds(now)).count();
        prop_assert_eq!(verdict_now.restrictions().len(), applied);
        // It holds at any time within, and at the last second.
        let some_time = within % valid;
        for later in [some_time, valid - 1] {
            let (left, same) = parts(&verdict(&rules, now + later));
            prop_assert_eq!(&same, &said);
            // A day at most may begin anew; otherwise the end is one and the same.
            prop_assert!(left == valid - later || valid == DAY);
        }
        // And not a second longer.
        if valid < DAY {
            let (_, other) = parts(&verdict(&rules, now + valid));
            prop_assert_ne!(other, said);
        }
    }

    #[test]
    fn no_time_overflows(rule in model(), now: u64) {
        let (valid, _) = parts(&verdict(&[rule], now));
        prop_assert!((1..=DAY).contains(&valid));
    }
}
