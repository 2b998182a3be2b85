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
    /// nothing changes. In doubt something does. Costs milliseconds, some ten at most.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction};
    use warden_core::{ClassKey, ReasonKind};

    /// What a generation would decide, with these grants.
    fn decision(grants: &[&str], ceiling: &str) -> Decision {
        let server = Arc::new(Server::of_release("9.1").unwrap());
        let grants = grants.iter().map(|rules| {
            let rules: Vec<&str> = rules.split(' ').collect();
            Grant::parse(&rules).unwrap()
        });
        let ceiling = Restriction::parse(ceiling).unwrap();
        let base = BaseRules::default();
        let permissions = Permissions::compose(&base, grants.collect(), vec![ceiling]);
        Decision {
            class: ClassKey::new([0; 32]),
            generation: 1,
            rendered: Arc::new(permissions.render(&server).unwrap()),
            permissions,
            server,
            valid_until: None,
            session_ttl: None,
            labels: Vec::new(),
        }
    }

    fn between(
        before: Result<&Decision, &Reason>,
        after: Result<&Decision, &Reason>,
    ) -> Option<Change> {
        Change::between(before, after, &Server::of_release("9.1").unwrap())
    }

    #[test]
    fn the_outcome_is_the_gravest_that_happens() {
        let some = decision(&["+get ~a"], "");
        let other = decision(&["+set ~a"], "");
        let more = decision(&["+get +set ~a"], "");
        let none = Reason::new(ReasonKind::NoGrant, "no policy grants anything");
        let denied = Reason::new(ReasonKind::Denied, "on a list");
        let told = |before, after| {
            let change = between(before, after)?;
            Some((change.outcome, change.loses.len(), change.gains.len()))
        };
        assert_eq!(told(Ok(&some), Ok(&more)), Some((Outcome::Gains, 0, 1)));
        assert_eq!(told(Ok(&more), Ok(&some)), Some((Outcome::Loses, 1, 0)));
        assert_eq!(told(Ok(&some), Ok(&other)), Some((Outcome::Loses, 1, 1)));
        assert_eq!(told(Ok(&some), Ok(&some)), None);
        assert_eq!(told(Err(&none), Err(&denied)), None, "refused is refused");
        let refused = between(Ok(&some), Err(&denied)).unwrap();
        assert_eq!(refused.outcome, Outcome::Refused);
        assert_eq!(
            refused.reason.as_ref().map(Reason::detail),
            Some("on a list")
        );
        assert!(refused.gains.is_empty() && refused.loses.contains(&"+get ~a".to_owned()));
        let admitted = between(Err(&denied), Ok(&some)).unwrap();
        assert_eq!(
            (admitted.outcome, admitted.reason),
            (Outcome::Admitted, None)
        );
        assert_eq!(admitted.gains, refused.loses);
    }

    #[test]
    fn what_is_no_right_is_no_change() {
        let one = decision(&["+get ~a"], "");
        let other = Decision {
            generation: 2,
            labels: vec![("role".to_owned(), "reader".to_owned())],
            ..decision(&["+get ~a", "+get ~a"], "")
        };
        assert_eq!(between(Ok(&one), Ok(&other)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_further_grant_takes_nothing_away(
            picks in proptest::collection::vec(0..6_usize, 0..6),
            further in 0..6_usize,
            ceiling in proptest::sample::select(vec!["", "-@dangerous", "~a*"]),
        ) {
            let grants = ["+get ~a", "+@read ~a:*", "+@all -@admin ~*", "+subscribe &n", "+set ~b db=1", "+config"];
            let before: Vec<&str> = picks.iter().map(|pick| grants[*pick]).collect();
            let after = [before.as_slice(), &[grants[further]]].concat();
            let (one, more) = (decision(&before, ceiling), decision(&after, ceiling));
            if let Some(change) = between(Ok(&one), Ok(&more)) {
                prop_assert_eq!(change.outcome, Outcome::Gains);
                prop_assert!(change.loses.is_empty() && !change.gains.is_empty(), "{:?}", change);
            }
            if let Some(change) = between(Ok(&more), Ok(&one)) {
                prop_assert_eq!(change.outcome, Outcome::Loses);
                prop_assert!(change.gains.is_empty() && !change.loses.is_empty(), "{:?}", change);
            }
        }
    }
}
