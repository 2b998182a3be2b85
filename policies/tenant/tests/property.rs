//! For every claim: it never widens a bound, two tenants never share a name, and
//! nobody who is concerned stays unbounded.
//!
//! In: generated tenants, thick with what means something in a rule. Nothing is
//! judged by the policy's own escaping: bounds are read back by the rules' parser.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use proptest::prelude::*;
use warden_policy_tenant::Tenant;
use warden_rules::Tail;
use warden_sdk::{AclRule, Claim, File, Policy, Principal, Request, Verdict};

const DATA: &str = r#"
claim = "/tenant"
keys = ["~a/{tenant}:*", "%R~a/{tenant}/x*", "~b/{{tenant}}x*"]
channels = ["&{tenant}", "&{tenant}.*"]
"#;

fn policy() -> Tenant {
    Tenant::configure(&[File::new("tenant.toml", DATA)]).expect("the data is sound")
}

fn verdict(json: &str) -> Verdict {
    let request = Request::new(Principal::new("corp", "alice"));
    policy().evaluate(&request.with_claim(Claim::new("/tenant", json)))
}

fn json(tenant: &str) -> String {
    serde_json::Value::from(tenant).to_string()
}

/// The bounds of a verdict as literals and tails; `None` for a refusal.
///
/// No rule holds white space, so words are rules.
fn bounds(verdict: &Verdict) -> Option<Vec<(char, String, Tail)>> {
    if verdict.denial().is_some() {
        return None;
    }
    let [restriction] = verdict.restrictions() else {
        panic!("one restriction: {verdict}");
    };
    let text = restriction.to_string();
    let bound = |word: &str| match AclRule::parse(word).expect("a rule") {
        AclRule::Keys(_, pattern) => ('~', pattern.shape()),
        AclRule::Channels(pattern) => ('&', pattern.shape()),
        rule => panic!("not a bound: {rule}"),
    };
    let rules = text.split(' ').filter(|word| !word.starts_with('-'));
    let bounds = rules.map(bound).map(|(kind, shape)| {
        let literal = String::from_utf8(shape.literal).expect("text");
        (kind, literal, shape.tail)
    });
    Some(bounds.collect())
}

/// Could one name lie in both?
fn overlap(a: &(char, String, Tail), b: &(char, String, Tail)) -> bool {
    let begins = |long: &str, short: &(char, String, Tail)| {
        long == short.1 || short.2 == Tail::Any && long.starts_with(short.1.as_str())
    };
    a.0 == b.0 && (begins(&a.1, b) || begins(&b.1, a))
}

/// Text of what means something to a rule, a glob or a template.
fn tenant() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,3}",
        3 => r#"[*?\[\]\\^{}:/.x~&%+@()"' -]"#,
        1 => Just("{tenant}".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_claim_never_widens_a_bound(tenant in tenant()) {
        if let Some(bounds) = bounds(&verdict(&json(&tenant))) {
            let expected = vec![
                ('~', format!("a/{tenant}:"), Tail::Any),
                ('~', format!("a/{tenant}/x"), Tail::Any),
                ('~', format!("b/{{{tenant}}}x"), Tail::Any),
                ('&', tenant.clone(), Tail::Exact),
                ('&', format!("{tenant}."), Tail::Any),
            ];
            prop_assert_eq!(bounds, expected);
            prop_assert!(!tenant.is_empty());
        }
    }

    #[test]
    fn what_two_tenants_may_reach_never_meets(one in tenant(), rest in tenant(), longer: bool) {
        // Half of the time one begins with the other.
        let other = if longer { [one.as_str(), &rest].concat() } else { rest };
        prop_assume!(one != other);
        let (one, other) = (bounds(&verdict(&json(&one))), bounds(&verdict(&json(&other))));
        if let (Some(one), Some(other)) = (one, other) {
            for a in &one {
                for b in &other {
                    prop_assert!(!overlap(a, b), "{:?} {:?}", a, b);
                }
            }
        }
    }

    #[test]
    fn several_tenants_are_each_of_them_and_no_more(several in prop::collection::btree_set(tenant(), 1..4)) {
        let list = serde_json::to_string(&several).expect("JSON");
        let together = bounds(&verdict(&list));
        let alone: Option<Vec<_>> = several.iter().map(|t| bounds(&verdict(&json(t)))).collect();
        let sorted = |mut bounds: Vec<(char, String, Tail)>| {
            bounds.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            bounds
        };
        prop_assert_eq!(together.map(sorted), alone.map(|all| sorted(all.concat())));
    }

    #[test]
    fn whatever_the_claim_is_nobody_stays_unbounded(text in r#"[\[\]{}",:a-c0-9 \\]{0,12}|null|true|-?[0-9]{1,40}"#) {
        let verdict = verdict(&text);
        prop_assert!(verdict.grants().is_empty());
        match bounds(&verdict) {
            None => prop_assert!(verdict.restrictions().is_empty()),
            Some(bounds) => prop_assert!(bounds.len() >= 5),
        }
    }
}
