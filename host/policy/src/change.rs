//! What other policies would mean for somebody.
//!
//! In: two answers to one request, of two generations. Out: nothing, or who loses and
//! gains what, in rules that people read. `WARDEN.POLICIES PREVIEW` and
//! `warden policy diff` both tell this and no other.

use warden_core::{Decision, Reason, Server};

/// What becomes of somebody. The gravest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Was let in, and would be refused.
    Refused,
    /// Would lose rights, and may gain others.
    Loses,
    /// Would only gain rights.
    Gains,
    /// Was refused, and would be let in.
    Admitted,
}

impl Outcome {
    /// The word for it in replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Loses => "loses",
            Self::Gains => "gains",
            Self::Admitted => "admitted",
        }
    }
}

/// The difference between two answers. Equal rights in other words are none, and neither
/// is a refusal for another reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What becomes of them.
    pub outcome: Outcome,
    /// Why they would be refused.
    pub reason: Option<Reason>,
    /// What they would no longer be allowed, each the rules of a grant.
    pub loses: Vec<String>,
    /// What they would be allowed in addition.
    pub gains: Vec<String>,
}

impl Change {
    /// From one answer to another, by what both come to on this server; `None` when
    /// nothing changes. In doubt something does. Costs milliseconds.
    pub fn between(
        before: Result<&Decision, &Reason>,
        after: Result<&Decision, &Reason>,
        server: &Server,
    ) -> Option<Self> {
        let (reason, outcome) = match (&before, &after) {
            (Err(_), Err(_)) => return None,
            (Ok(before), Ok(after)) if before.permissions == after.permissions => return None,
            (Ok(_), Err(reason)) => (Some((*reason).clone()), Some(Outcome::Refused)),
            (Err(_), Ok(_)) => (None, Some(Outcome::Admitted)),
            (Ok(_), Ok(_)) => (None, None),
        };
        let (before, after) = (before.ok(), after.ok());
        let loses = beyond(before, after, server);
        let gains = beyond(after, before, server);
        let outcome = match outcome {
            Some(outcome) => outcome,
            None if !loses.is_empty() => Outcome::Loses,
            None if !gains.is_empty() => Outcome::Gains,
            None => return None,
        };
        Some(Self {
            outcome,
            reason,
            loses,
            gains,
        })
    }
}

fn beyond(these: Option<&Decision>, others: Option<&Decision>, server: &Server) -> Vec<String> {
    let others = others.map(|decision| &decision.permissions);
    these.map_or_else(Vec::new, |these| these.permissions.beyond(others, server))
}
