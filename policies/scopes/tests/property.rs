//! For every scope and claim: what is granted lies inside what the data allows, and a
//! scope of ours that gives nothing refuses.
//!
//! In: generated scopes and claims, thick with what means something in a rule. Nothing
//! is judged by the policy's own narrowing: the model below says which names a rule may
//! reach, and every name over a small alphabet is tried.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use proptest::prelude::*;
use warden_policy_scopes::Scopes;
use warden_sdk::{AclRule, Claim, File, Policy, Principal, Request, Verdict};

const DATA: &str = r#"
prefix = "v."

[patterns.r]
rules = ["+get", "%R~{pattern}"]
within = ["a:*", "{tenant}:b*", "ab"]

[patterns.l]
rules = ["+subscribe", "&{tenant}:{pattern}"]
within = ["a*"]

[scopes.n]
rules = ["+set", "%W~b:{tenant}"]

[aliases]
"role x" = ["n", "r:a:*"]

[claims]
tenant = "/tenant"
"#;

fn verdict(scopes: &[String], tenant: Option<&str>) -> Verdict {
    let policy = Scopes::configure(&[File::new("scopes.toml", DATA)]).expect("sound data");
    let zoe = Principal::new("corp", "zoe").with_sole_authenticator();
    let holder = scopes.iter().fold(zoe, |zoe, scope| {
        zoe.with_scope(format!("corp/{}", encoded(scope)))
    });
    let request = Request::new(holder);
    let claim = tenant.map(|tenant| Claim::of("/tenant", tenant));
    policy.evaluate(&claim.into_iter().fold(request, Request::with_claim))
}

/// As the host writes names.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@:/+=,-".contains(&b);
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Every name of one to five of these characters.
fn names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut last = vec![String::new()];
    for _ in 0..5 {
        let longer = |name: &String| ["a", "b", ":", "*"].map(|end| [name, end].concat());
        last = last.iter().flat_map(longer).collect();
        names.extend(last.clone());
    }
    names
}

/// May this rule reach this name, by the data and the scopes alone?
fn allowed(rule: &AclRule, name: &str, scopes: &[String], tenant: &str) -> bool {
    let has = |scope: &str| scopes.iter().any(|s| s == scope);
    // A scope's own stars, without the server's matcher.
    let by = |word: &str, rest: &str| {
        let patterns = scopes.iter().filter_map(|scope| scope.strip_prefix(word));
        patterns.into_iter().any(|pattern| stars(pattern, rest))
    };
    match rule.to_string().as_bytes() {
        [b'%', b'R', ..] => {
            let inside =
                name.starts_with("a:") || name.starts_with(&format!("{tenant}:b")) || name == "ab";
            inside && (by("v.r:", name) || has("role x") && name.starts_with("a:"))
        }
        [b'%', b'W', ..] => (has("v.n") || has("role x")) && name == format!("b:{tenant}"),
        [b'&', ..] => name
            .strip_prefix(&format!("{tenant}:"))
            .is_some_and(|rest| rest.starts_with('a') && by("v.l:", rest)),
        _ => panic!("neither keys nor channels: {rule}"),
    }
}

/// Does a text match, where `*` is any text and all else itself?
fn stars(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && stars(after, &rest[at..]))
        }),
    }
}

fn scope() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab:*]{1,4}".prop_map(|pattern| format!("v.r:{pattern}")),
        2 => "[ab:*]{1,3}".prop_map(|pattern| format!("v.l:{pattern}")),
        1 => Just("v.n".to_owned()),
        1 => Just("role x".to_owned()),
        1 => Just("openid".to_owned()),
        1 => r#"v\.[rln]?:?[ab:*?\[\]\\"'() ~+@]{0,4}"#,
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_granted_lies_inside_what_the_data_and_the_scopes_allow(
        scopes in prop::collection::vec(scope(), 0..4),
        tenant in prop_oneof![4 => "[ab:*]{1,2}", 1 => any::<String>()],
    ) {
        let verdict = verdict(&scopes, Some(&tenant));
        prop_assert!(verdict.denial().is_none() || verdict.grants().is_empty());
        for grant in verdict.grants() {
            for rule in grant {
                let pattern = match rule {
                    AclRule::Keys(_, pattern) | AclRule::Channels(pattern) => pattern,
                    command => {
                        prop_assert!(["+get", "+set", "+subscribe"].contains(&command.to_string().as_str()));
                        continue;
                    }
                };
                for name in names().iter().filter(|name| pattern.matches(name.as_bytes())) {
                    prop_assert!(allowed(rule, name, &scopes, &tenant), "{rule} reaches {name:?}");
                }
            }
        }
    }

    #[test]
    fn a_scope_of_ours_gives_something_or_refuses(scope in scope(), tenant in "[ab]{1,2}") {
        let verdict = verdict(std::slice::from_ref(&scope), Some(&tenant));
        let ours = scope.starts_with("v.") || scope == "role x";
        prop_assert_eq!(ours, verdict.denial().is_some() == verdict.grants().is_empty());
        prop_assert!(ours || verdict == Verdict::new());
    }

    #[test]
    fn others_scopes_order_and_doubles_change_nothing(
        scopes in prop::collection::vec(scope(), 0..4), foreign in "[a-uw-z]{1,5}(:\\*)?",
    ) {
        let one = verdict(&scopes, Some("a"));
        let mut more: Vec<String> = scopes.iter().rev().chain(&scopes).cloned().collect();
        more.push(foreign);
        let two = verdict(&more, Some("a"));
        // Of several refusals the first is told.
        prop_assert_eq!(one.denial().is_some(), two.denial().is_some());
        prop_assert_eq!(one.grants(), two.grants());
    }

    #[test]
    fn a_claim_that_is_needed_and_missing_refuses(
        scope in prop::sample::select(vec!["v.n", "v.r:b", "v.r:x:b", "v.l:a", "role x"]),
    ) {
        let verdict = verdict(&[scope.to_owned()], None);
        prop_assert!(verdict.denial().is_some() && verdict.grants().is_empty());
    }
}
