//! Who gets what: principals × authenticators, compared with a committed table.
//!
//! In: `golden/roles.toml`. Out: `golden/verdicts.txt`; after a change that is
//! meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_rbac::Rbac;
use warden_sdk::testing::Table;
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

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let data = File::new("rbac.toml", include_str!("../golden/roles.toml"));
    let policy = Rbac::configure(&[data])?;
    let mut table = Table::new(&policy);
    for (what, principal) in principals() {
        table.section(what);
        let request = Request::new(principal.clone());
        table.ask("one of several authenticators", &request);
        let request = Request::new(principal.with_sole_authenticator());
        table.ask("the only authenticator", &request);
    }
    assert_eq!(table.untouched(), [], "each role is held by somebody");
    Ok(table.compare("golden/verdicts.txt")?)
}

#[test]
fn the_policy_reads_nothing_but_the_principal() {
    assert_eq!(Rbac::DESCRIPTION.name, "rbac");
    assert_eq!(Rbac::DESCRIPTION.claims, ClaimSelection::None);
    assert!(Rbac::DESCRIPTION.inputs.is_empty());
}
