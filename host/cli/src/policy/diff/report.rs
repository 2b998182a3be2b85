//! What `warden policy diff` answers: JSON, or lines as diff(1) writes them.

use std::fmt::Write;

use serde_json::{Value, json};
use warden_core::{Reason, Server};
use warden_policy::Outcome;

use super::Told;
use crate::style::{Paint, counted};

/// All that was found.
pub(super) struct Report<'a> {
    pub(super) server: &'a Server,
    /// How many requests were asked about.
    pub(super) requests: usize,
    /// The gravest changes first.
    pub(super) told: Vec<Told>,
    /// What keeps the answer from being sure.
    pub(super) warnings: Vec<String>,
}

impl Report<'_> {
    /// Requests with this outcome.
    fn count(&self, outcome: Outcome) -> usize {
        let told = self.told.iter();
        let alike = told.filter(|told| told.change.outcome == outcome);
        alike.map(|told| told.lines.len()).sum()
    }

    fn unchanged(&self) -> usize {
        let changed: usize = self.told.iter().map(|told| told.lines.len()).sum();
        self.requests.saturating_sub(changed)
    }

    /// The names of `WARDEN.POLICIES PREVIEW`, where both tell the same.
    pub(super) fn json(&self) -> Value {
        json!({
            "server": self.server.version,
            "requests": self.requests,
            "unchanged": self.unchanged(),
            "refused": self.count(Outcome::Refused),
            "losing": self.count(Outcome::Loses),
            "gaining": self.count(Outcome::Gains),
            "admitted": self.count(Outcome::Admitted),
            "changes": self.told.iter().map(document).collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }

    /// The same for people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        let mut line = |words: &str| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{words}");
        };
        for told in &self.told {
            let outcome = format!("{:8}", told.change.outcome.as_str());
            let outcome = match told.change.outcome {
                Outcome::Refused | Outcome::Loses => paint.bad(&outcome),
                Outcome::Gains | Outcome::Admitted => paint.good(&outcome),
            };
            line(&format!(
                "{outcome}  {}  {}",
                paint.head(told.user.as_str()),
                places(&told.lines)
            ));
            if let Some(reason) = &told.change.reason {
                line(&format!("  {}", reason.detail()));
            }
            for rules in &told.change.loses {
                line(&paint.bad(&format!("- {rules}")));
            }
            for rules in &told.change.gains {
                line(&paint.good(&format!("+ {rules}")));
            }
        }
        for warning in &self.warnings {
            line(&format!("{}  {warning}", paint.doubtful("warning")));
        }
        line(&format!(
            "{}: {} refused, {} losing, {} gaining, {} admitted, {} unchanged",
            counted(self.requests, "request"),
            self.count(Outcome::Refused),
            self.count(Outcome::Loses),
            self.count(Outcome::Gains),
            self.count(Outcome::Admitted),
            self.unchanged()
        ));
        text
    }
}

/// `line 3`, `lines 3, 4`, and of very many the first.
fn places(lines: &[usize]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = lines.iter().take(SHOWN).map(ToString::to_string).collect();
    let plural = if lines.len() == 1 { "" } else { "s" };
    let more = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("line{plural} {}{more}", shown.join(", "))
}

fn document(told: &Told) -> Value {
    let [before, after] = &told.rules;
    json!({
        "user": told.user.as_str(),
        "authenticator": told.authenticator,
        "lines": told.lines,
        "outcome": told.change.outcome.as_str(),
        "reason": told.change.reason.as_ref().map(Reason::detail),
        "loses": told.change.loses,
        "gains": told.change.gains,
        "before": before,
        "after": after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_the_first_are_named() {
        assert_eq!(places(&[3]), "line 3");
        assert_eq!(places(&[3, 4]), "lines 3, 4");
        let many: Vec<usize> = (1..=10).collect();
        assert_eq!(places(&many), "lines 1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
    }
}
