//! Which labels of a policy's verdicts the tests brought about, and which none did.
//!
//! In: a generation, and how many of its tests were run. Out: for each policy what its
//! verdicts could carry (roles, rules, whatever it names), and what of that no test
//! touched. A label that lists several values, with commas, touches each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use warden_core::Now;
use warden_policy::Generation;

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

/// Asks every policy again about everybody whom a test that was run is about.
pub(super) fn of(generation: &Generation, run: usize, now: Now) -> Vec<Coverage> {
    let touched = touched(generation, run, now);
    let bundles = generation.bundles().iter();
    bundles
        .map(|bundle| {
            let none = BTreeSet::new();
            let touched = touched.get(bundle.name()).unwrap_or(&none);
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

/// By policy, the labels of its verdicts, taken apart at commas too.
fn touched(generation: &Generation, run: usize, now: Now) -> BTreeMap<String, BTreeSet<Label>> {
    let mut touched: BTreeMap<String, BTreeSet<Label>> = BTreeMap::new();
    for test in generation.rehearsals().take(run) {
        let wall = test.now.unwrap_or(now.wall);
        let told = generation.explain_made_up(test.principal, test.client, Now { wall, ..now });
        for (bundle, opinion) in &told.opinions {
            let labels = opinion.iter().flat_map(|opinion| &opinion.labels);
            let of_bundle = touched.entry(bundle.name().to_owned()).or_default();
            for (name, value) in labels {
                let values = value.split(',').chain([value.as_str()]);
                of_bundle.extend(values.map(|value| (name.clone(), value.to_owned())));
            }
        }
    }
    touched
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
