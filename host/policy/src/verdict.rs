//! A guest's verdict, checked: what comes out can be composed without doubt.
//!
//! In comes the record as the contract has it, out goes an [`Opinion`] whose
//! rules are parsed permissions, or the [`Failure`] that refuses the log-in. A
//! verdict is taken whole or not at all.

use std::time::Duration;

use warden_core::permissions::{Grant, Restriction};

use crate::bindings::policy::warden::policy::types as wit;
use crate::error::{Failure, gist};

/// Grants, and restrictions, of one verdict: each grant becomes a selector.
pub(crate) const MAX_GRANTS: usize = 64;
/// Rules of one grant: the server compares the keys of a selector with one another.
pub(crate) const MAX_GRANT_RULES: usize = 256;
/// Denials of one restriction, or its bounds of one kind.
pub(crate) const MAX_RULES: usize = 1024;
/// Rules and parts of all grants and restrictions of one verdict: what the server's
/// main thread does with them grows faster than their number.
pub(crate) const MAX_ALL_RULES: usize = 4096;
/// Labels of one verdict.
pub(crate) const MAX_LABELS: usize = 32;
/// Longest text of a label.
pub(crate) const MAX_LABEL_BYTES: usize = 256;

/// What one policy thinks of one request: its verdict, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// Each one selector of rights.
    pub grants: Vec<Grant>,
    /// Laid over every grant of every policy.
    pub restrictions: Vec<Restriction>,
    /// Refuses, whatever others say.
    pub denial: Option<Denial>,
    /// How long it may be relied on.
    pub valid_for: Option<Duration>,
    /// The longest a session may last.
    pub session_ttl: Option<Duration>,
    /// For log and audit.
    pub labels: Vec<(String, String)>,
}

/// A refusal by a policy, in its words: one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Told to the client.
    pub public: Option<String>,
    /// For the operator.
    pub internal: Option<String>,
}

/// Checks a verdict.
///
/// # Errors
/// When it is beyond a bound, holds a rule that is not a permission, or comes
/// from a policy that reads the clock and sets no `valid-for`.
pub(crate) fn check(verdict: wit::Verdict, reads_clock: bool) -> Result<Opinion, Failure> {
    if reads_clock && verdict.valid_for.is_none() {
        return Err(Failure::NoValidFor);
    }
    bound(verdict.grants.len(), MAX_GRANTS, "grants")?;
    bound(verdict.restrictions.len(), MAX_GRANTS, "restrictions")?;
    bound(verdict.labels.len(), MAX_LABELS, "labels")?;
    bound(
        all_rules(&verdict),
        MAX_ALL_RULES,
        "rules in all grants and restrictions",
    )?;
    Ok(Opinion {
        grants: verdict.grants.iter().map(grant).collect::<Result<_, _>>()?,
        restrictions: verdict
            .restrictions
            .into_iter()
            .map(restriction)
            .collect::<Result<_, _>>()?,
        denial: verdict.denial.map(|denial| Denial {
            public: denial.public.as_deref().map(gist),
            internal: denial.internal.as_deref().map(gist),
        }),
        valid_for: verdict.valid_for.map(Duration::from_secs),
        session_ttl: verdict.session_ttl.map(Duration::from_secs),
        labels: verdict
            .labels
            .into_iter()
            .map(label)
            .collect::<Result<_, _>>()?,
    })
}

fn all_rules(verdict: &wit::Verdict) -> usize {
    let listed = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
    let grants = verdict.grants.iter().map(|grant| grant.rules.len());
    let restrictions = verdict.restrictions.iter().flat_map(|restriction| {
        [
            restriction.denials.len(),
            listed(&restriction.keys),
            listed(&restriction.channels),
            restriction.databases.as_ref().map_or(0, Vec::len),
        ]
    });
    grants.chain(restrictions).fold(0, usize::saturating_add)
}

fn grant(grant: &wit::Grant) -> Result<Grant, Failure> {
    bound(grant.rules.len(), MAX_GRANT_RULES, "rules in a grant")?;
    Grant::parse(&grant.rules).map_err(|e| Failure::Rule(gist(&e.to_string())))
}

fn restriction(restriction: wit::Restriction) -> Result<Restriction, Failure> {
    let lists = [
        Some(&restriction.denials),
        restriction.keys.as_ref(),
        restriction.channels.as_ref(),
    ];
    for list in lists.into_iter().flatten() {
        bound(list.len(), MAX_RULES, "parts of a restriction")?;
    }
    bound(
        restriction.databases.as_ref().map_or(0, Vec::len),
        MAX_RULES,
        "databases",
    )?;
    Restriction::from_parts(
        &restriction.denials,
        restriction.keys.as_deref(),
        restriction.channels.as_deref(),
        restriction.databases.as_deref(),
    )
    .map_err(|e| Failure::Rule(gist(&e.to_string())))
}

/// A label, as it may be shown.
///
/// # Errors
/// When it is empty, longer than [`MAX_LABEL_BYTES`] or not one line.
pub(crate) fn label((key, value): (String, String)) -> Result<(String, String), Failure> {
    let fits = |text: &str| text.len() <= MAX_LABEL_BYTES && !text.chars().any(char::is_control);
    if key.is_empty() || !fits(&key) || !fits(&value) {
        return Err(Failure::Answer(format!(
            "a label that is empty, over {MAX_LABEL_BYTES} bytes, or holds control characters"
        )));
    }
    Ok((key, value))
}

fn bound(count: usize, most: usize, what: &str) -> Result<(), Failure> {
    if count > most {
        return Err(Failure::Answer(format!(
            "{count} {what}, the bound is {most}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> wit::Verdict {
        wit::Verdict {
            grants: vec![],
            restrictions: vec![],
            denial: None,
            valid_for: None,
            session_ttl: None,
            labels: vec![],
        }
    }

    fn granting(rules: &[&str]) -> wit::Verdict {
        wit::Verdict {
            grants: vec![wit::Grant {
                rules: rules.iter().map(|r| (*r).to_owned()).collect(),
            }],
            ..verdict()
        }
    }

    #[test]
    fn a_rule_that_is_no_permission_refuses_the_whole_verdict() {
        for bad in [
            "nopass",
            ">secret",
            "on",
            "reset",
            "~a b",
            "~x)",
            "+@all\n~*",
            "",
            "%Q~x",
        ] {
            let failure = check(granting(&["+get", bad]), false).unwrap_err();
            assert!(matches!(failure, Failure::Rule(_)), "{bad:?}: {failure}");
        }
        check(granting(&["+@read", "~cache:*"]), false).unwrap();
    }

    #[test]
    fn a_policy_that_reads_the_clock_must_say_for_how_long_it_holds() {
        assert_eq!(check(verdict(), true).unwrap_err(), Failure::NoValidFor);
        let timed = wit::Verdict {
            valid_for: Some(60),
            ..verdict()
        };
        assert_eq!(
            check(timed, true).unwrap().valid_for,
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn more_than_the_bounds_is_refused_rather_than_cut() {
        let many = wit::Verdict {
            grants: vec![
                wit::Grant {
                    rules: vec!["+get".into()]
                };
                MAX_GRANTS + 1
            ],
            ..verdict()
        };
        assert!(matches!(check(many, false), Err(Failure::Answer(_))));
        assert!(matches!(
            check(granting(&["+get"; MAX_GRANT_RULES + 1]), false),
            Err(Failure::Answer(_))
        ));
        let spread = wit::Verdict {
            grants: vec![
                wit::Grant {
                    rules: vec!["+get".into(); MAX_GRANT_RULES]
                };
                MAX_ALL_RULES / MAX_GRANT_RULES
            ],
            ..verdict()
        };
        check(spread.clone(), false).unwrap();
        let one_more = wit::Verdict {
            restrictions: vec![wit::Restriction {
                denials: vec!["-get".into()],
                keys: None,
                channels: None,
                databases: None,
            }],
            ..spread
        };
        assert!(matches!(check(one_more, false), Err(Failure::Answer(_))));
        let labelled = wit::Verdict {
            labels: vec![("team".into(), "a\nb".into())],
            ..verdict()
        };
        assert!(matches!(check(labelled, false), Err(Failure::Answer(_))));
    }
}
