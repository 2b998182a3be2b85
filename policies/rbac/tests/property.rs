//! Whoever is looked up holds exactly the roles that name them.
//!
//! In: roles and principals over few names, so that they meet. Each role is judged alone,
//! member by member, as `Member::is` has it; the policy looks all of them up at once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use warden_policy_rbac::Rbac;
use warden_sdk::{File, Member, Policy, Principal, Request};

const KINDS: [&str; 3] = ["group", "scope", "user"];
const NAMES: [&str; 7] = [
    "corp/a",
    "corp/b",
    "other/a",
    "a",
    "b",
    "corp/corp/a",
    "corp//a",
];

fn members() -> impl Strategy<Value = Vec<String>> {
    let member = (0..KINDS.len(), 0..NAMES.len());
    vec(
        member.prop_map(|(kind, name)| format!("{}:{}", KINDS[kind], NAMES[name])),
        1..5,
    )
}

fn principals() -> impl Strategy<Value = Principal> {
    let some = || vec(0..NAMES.len(), 0..4);
    let user = prop::sample::select(vec!["a", "b", "corp/a", "/a"]);
    (some(), some(), user, any::<bool>()).prop_map(|(groups, scopes, user, sole)| {
        let principal = Principal::new("corp", user);
        let principal = groups
            .iter()
            .fold(principal, |principal, n| principal.with_group(NAMES[*n]));
        let principal = scopes
            .iter()
            .fold(principal, |principal, n| principal.with_scope(NAMES[*n]));
        if sole {
            principal.with_sole_authenticator()
        } else {
            principal
        }
    })
}

fn is_member(members: &[String], principal: &Principal) -> bool {
    let mut members = members.iter().map(|text| Member::parse(text));
    members.any(|member| member.expect("a member").is(principal))
}

proptest! {
    #[test]
    fn a_principal_holds_the_roles_that_name_it_and_no_other(
        roles in vec(members(), 1..8),
        principal in principals(),
    ) {
        let mut data = String::new();
        for (number, members) in roles.iter().enumerate() {
            let _infallible = write!(
                data,
                "[roles.r{number}]\nmembers = {members:?}\nrules = ['+get', '~{number}:*']\n"
            );
        }
        let rbac = Rbac::configure(&[File::new("rbac.toml", data)]).expect("the data is sound");
        let verdict = rbac.evaluate(&Request::new(principal.clone()));
        let named: Vec<String> = roles
            .iter()
            .enumerate()
            .filter(|(_, members)| is_member(members, &principal))
            .map(|(number, _)| format!("+get ~{number}:*"))
            .collect();
        let text = verdict.to_string();
        let granted: Vec<&str> = text
            .split("; ")
            .filter_map(|line| line.strip_prefix("grant "))
            .collect();
        prop_assert_eq!(granted, named);
    }
}
