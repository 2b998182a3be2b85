//! Which labels of a policy's verdicts the tests brought about, and which none did.
//!
//! In: a generation, and what its policies said while its tests were run. Out: for each policy what its
//! verdicts could carry (roles, rules, whatever it names), and what of that no test
//! touched. A label that lists several values, with commas, touches each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use warden_policy::{Generation, Opinion};

/// A label's name and value.
type Label = (String, String);

/// Untouched labels that a text shows.
const SHOWN: usize = 20;

/// What the tests touched of one policy.
pub(super) struct Coverage {
    pub(super) policy: String,
    /// Labels its verdicts could carry.
    pub(super) possible: usize,
    /// Those of them that no test brought about.
    pub(super) untouched: Vec<Label>,
    /// Why it does not tell which there are.
    pub(super) failure: Option<String>,
}

/// Labels that tests brought about, by policy.
#[derive(Default)]
pub(super) struct Touched(BTreeMap<String, BTreeSet<Label>>);

impl Touched {
    /// Notes what a policy said in a test: its labels, taken apart at commas too.
    pub(super) fn note(&mut self, policy: &str, opinion: &Opinion) {
        let of_policy = self.0.entry(policy.to_owned()).or_default();
        for (name, value) in &opinion.labels {
            let values = value.split(',').chain([value.as_str()]);
            of_policy.extend(values.map(|value| (name.clone(), value.to_owned())));
        }
    }
}

/// What was touched of each policy.
pub(super) fn of(generation: &Generation, touched: &Touched) -> Vec<Coverage> {
    let bundles = generation.bundles().iter();
    bundles
        .map(|bundle| {
            let none = BTreeSet::new();
            let touched = touched.0.get(bundle.name()).unwrap_or(&none);
            let (possible, failure) = match generation.labels_of(bundle) {
                Ok(possible) => (possible, None),
                Err(failure) => (BTreeSet::new(), Some(failure.to_string())),
            };
            Coverage {
                policy: bundle.name().to_owned(),
                possible: possible.len(),
                untouched: possible.difference(touched).cloned().collect(),
                failure,
            }
        })
        .collect()
}

impl Coverage {
    /// Whether every label it could carry was brought about.
    pub(super) fn is_whole(&self) -> bool {
        self.untouched.is_empty() && self.failure.is_none()
    }

    pub(super) fn touched(&self) -> usize {
        self.possible.saturating_sub(self.untouched.len())
    }

    pub(super) fn json(&self) -> Value {
        let untouched = self.untouched.iter();
        let untouched = untouched.map(|(name, value)| json!({ "name": name, "value": value }));
        json!({
            "policy": self.policy,
            "possible": self.possible,
            "touched": self.touched(),
            "untouched": untouched.collect::<Vec<_>>(),
            "failure": self.failure,
        })
    }

    /// In a line; nothing for a policy without labels.
    pub(super) fn text(&self) -> Option<String> {
        let policy = &self.policy;
        if let Some(failure) = &self.failure {
            return Some(format!("{policy}: does not tell its labels: {failure}"));
        }
        if self.possible == 0 {
            return None;
        }
        let counted = format!("{policy}: {} of {} touched", self.touched(), self.possible);
        if self.untouched.is_empty() {
            return Some(counted);
        }
        let shown = self.untouched.iter().take(SHOWN);
        let shown: Vec<String> = shown.map(written).collect();
        let more = self.untouched.len().saturating_sub(SHOWN);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!("{counted}; by no test: {}{more}", shown.join(", ")))
    }
}

/// `roles=reader`.
pub(super) fn written((name, value): &Label) -> String {
    format!("{name}={value}")
}
