//! Who gets what: principals × authenticators, compared with a committed table.
//!
//! In: `golden/roles.toml`. Out: `golden/verdicts.txt`; after a change that is
//! meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::path::Path;

use warden_policy_rbac::Rbac;
use warden_sdk::{ClaimSelection, Describe, File, Policy, Principal, Request};

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = |name| Principal::new("corp", name);
    vec![
        ("nobody in particular", corp("zoe")),
        ("reader by group", corp("zoe").with_group("corp/analysts")),
        ("reader by scope", corp("zoe").with_scope("corp/cache.read")),
        ("reader by name", corp("alice")),
        (
            "reader by all three",
            corp("alice")
                .with_group("corp/analysts")
                .with_scope("corp/cache.read"),
        ),
        (
            "reader and writer",
            corp("zoe")
                .with_group("corp/analysts")
                .with_group("corp/editors"),
        ),
        ("bare group", corp("zoe").with_group("corp/auditors")),
        ("bare user", corp("bob")),
        (
            "a scope named like a group",
            corp("zoe").with_scope("corp/analysts"),
        ),
        (
            "a group named like a scope",
            corp("zoe").with_group("corp/cache.read"),
        ),
        (
            "the group elsewhere",
            Principal::new("other", "zoe").with_group("other/analysts"),
        ),
        ("the name elsewhere", Principal::new("other", "alice")),
        (
            "a group of a group",
            corp("zoe").with_group("corp/corp/analysts"),
        ),
        (
            "a longer group",
            corp("zoe").with_group("corp/analysts-emea"),
        ),
        ("another case", corp("Alice").with_group("corp/Analysts")),
    ]
}

fn table() -> Result<String, String> {
    let data = File::new("rbac.toml", include_str!("../golden/roles.toml"));
    let rbac = Rbac::configure(&[data])?;
    let mut table = String::new();
    for (what, principal) in principals() {
        let several = rbac.evaluate(&Request::new(principal.clone()));
        let sole = rbac.evaluate(&Request::new(principal.with_sole_authenticator()));
        table += &format!(
            "{what}\n  one of several authenticators: {several}\n  the only authenticator: {sole}\n"
        );
    }
    Ok(table)
}

#[test]
fn verdicts_are_those_of_the_golden_table() {
    let table = table().expect("the golden roles are valid");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/verdicts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).expect("the table is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the table is committed");
    assert_eq!(
        table, committed,
        "run with UPDATE_GOLDEN=1 if this is meant"
    );
}

#[test]
fn the_policy_reads_nothing_but_the_principal() {
    assert_eq!(Rbac::DESCRIPTION.name, "rbac");
    assert_eq!(Rbac::DESCRIPTION.claims, ClaimSelection::None);
    assert!(Rbac::DESCRIPTION.inputs.is_empty());
}
