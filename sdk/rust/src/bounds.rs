//! What the host takes of one verdict.
//!
//! In: a verdict, for the test kit. Out: why the host would refuse it. The host has the last
//! word (`host/policy/src/verdict.rs`), and a test holds these numbers to it. A policy that
//! may come to more looks itself, and refuses in words that say what to do.

/// Grants, and restrictions, of one verdict.
pub const MAX_GRANTS: usize = 64;
/// Rules of one grant.
pub const MAX_GRANT_RULES: usize = 256;
/// Denials of one restriction, or its bounds of one kind.
pub const MAX_RULES: usize = 1024;
/// Rules and parts of all grants and restrictions of one verdict.
pub const MAX_ALL_RULES: usize = 4096;
/// Labels of one verdict.
pub const MAX_LABELS: usize = 32;
/// The longest name of a label, and its longest value, in bytes.
pub const MAX_LABEL_BYTES: usize = 256;

/// Why the host would refuse this verdict, of a policy that reads the clock or does not.
#[cfg(feature = "testing")]
pub(crate) fn refused(verdict: &crate::Verdict, reads_clock: bool) -> Option<String> {
    if reads_clock && verdict.valid_for.is_none() {
        return Some("it reads the clock and does not say for how long it holds".to_owned());
    }
    let grants = verdict.grants.iter().map(Vec::len);
    let parts: Vec<[usize; 4]> = verdict
        .restrictions
        .iter()
        .map(|restriction| {
            let counted = |rules: &Option<Vec<_>>| rules.as_ref().map_or(0, Vec::len);
            [
                restriction.denials.len(),
                counted(&restriction.keys),
                counted(&restriction.channels),
                restriction.databases.as_ref().map_or(0, |all| all.len()),
            ]
        })
        .collect();
    let parts = || parts.iter().flatten().copied();
    let counts = [
        (verdict.grants.len(), MAX_GRANTS, "grants"),
        (verdict.restrictions.len(), MAX_GRANTS, "restrictions"),
        (verdict.labels.len(), MAX_LABELS, "labels"),
        (
            grants.clone().max().unwrap_or_default(),
            MAX_GRANT_RULES,
            "rules in a grant",
        ),
        (
            parts().max().unwrap_or_default(),
            MAX_RULES,
            "parts of a restriction",
        ),
        (
            grants.chain(parts()).sum(),
            MAX_ALL_RULES,
            "rules in all grants and restrictions",
        ),
    ];
    let beyond = counts.into_iter().find(|(count, most, _)| count > most);
    if let Some((count, most, what)) = beyond {
        return Some(format!("{count} {what}, the bound is {most}"));
    }
    let fits = |text: &str| text.len() <= MAX_LABEL_BYTES && !text.contains(char::is_control);
    let taken = |(key, value): &(String, String)| !key.is_empty() && fits(key) && fits(value);
    (!verdict.labels.iter().all(taken)).then(|| {
        format!("a label that is empty, over {MAX_LABEL_BYTES} bytes, or holds control characters")
    })
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{AclRule, Restriction, Verdict};

    fn rules(count: usize) -> Vec<AclRule> {
        let rule = AclRule::parse("+get");
        (0..count).filter_map(|_| rule.clone().ok()).collect()
    }

    fn grants(count: usize, each: usize) -> Verdict {
        (0..count).fold(Verdict::new(), |verdict, _| verdict.grant(rules(each)))
    }

    fn denials(count: usize) -> Restriction {
        let denials = Restriction::parse((0..count).map(|n| format!("-c{n}")));
        denials.unwrap_or_else(|_| Restriction::new())
    }

    #[test]
    fn what_is_within_the_bounds_is_taken() {
        let labels = (0..MAX_LABELS).fold(grants(MAX_GRANTS, 1), |verdict, _| {
            verdict.label("k", "v".repeat(MAX_LABEL_BYTES))
        });
        for verdict in [
            Verdict::new(),
            labels,
            grants(16, MAX_GRANT_RULES),
            grants(1, 1).restrict(denials(MAX_RULES)),
        ] {
            assert_eq!(refused(&verdict, false), None);
            let timed = verdict.valid_for(Duration::from_secs(60));
            assert_eq!(refused(&timed, true), None);
        }
    }

    #[test]
    fn what_is_beyond_one_is_told_with_the_bound() {
        let labels =
            |count: usize| (0..count).fold(Verdict::new(), |verdict, _| verdict.label("k", "v"));
        for (verdict, said) in [
            (grants(65, 1), "65 grants, the bound is 64"),
            (grants(1, 257), "257 rules in a grant, the bound is 256"),
            (
                grants(16, 256).restrict(denials(1)),
                "4097 rules in all grants and restrictions, the bound is 4096",
            ),
            (
                Verdict::new().restrict(denials(1025)),
                "1025 parts of a restriction, the bound is 1024",
            ),
            (labels(33), "33 labels, the bound is 32"),
            (
                Verdict::new().label("k", "v".repeat(257)),
                "a label that is",
            ),
            (Verdict::new().label("", "v"), "a label that is empty"),
            (Verdict::new().label("k", "a\nb"), "a label that is"),
        ] {
            let why = refused(&verdict, false).unwrap();
            assert!(why.starts_with(said), "{why}");
        }
        let why = refused(&Verdict::new(), true).unwrap();
        assert!(why.contains("for how long it holds"), "{why}");
    }
}
