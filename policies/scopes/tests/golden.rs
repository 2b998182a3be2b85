//! What scopes come to: scopes × claims, compared with a committed table.
//!
//! In: `golden/scopes.toml`. Out: `golden/verdicts.txt`; after a change that is meant,
//! run once with `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_scopes::Scopes;
use warden_sdk::testing::Table;
use warden_sdk::{Claim, File, Policy, Principal, Request};

/// Scopes as the host writes them: what is outside `A-Za-z0-9._@:/+=,-` is encoded.
const SCOPES: [(&str, &[&str]); 34] = [
    ("no scope", &[]),
    (
        "others' scopes",
        &["openid", "read:cache:%2A", "VALKEY.audit", "valkey"],
    ),
    ("one that is ignored", &["valkey.console"]),
    ("a named scope", &["valkey.audit"]),
    ("a named scope with claims", &["valkey.orders.submit"]),
    ("a named scope with the user", &["valkey.profile"]),
    ("a named scope with the id and the user", &["valkey.desk"]),
    ("an alias", &["api://shop/Clerk"]),
    ("an alias with the prefix", &["valkey.auditor"]),
    (
        "an alias and what it stands for",
        &["api://shop/Clerk", "valkey.orders.submit"],
    ),
    ("a pattern inside", &["valkey.read:cache:a:%2A"]),
    ("one name", &["valkey.read:cache:a"]),
    ("a star in the middle", &["valkey.read:cache:%2A:x"]),
    ("a pattern of the tenant", &["valkey.read:orders:acme:%2A"]),
    ("a pattern around the tenant", &["valkey.read:orders:%2A"]),
    ("a pattern around the bounds", &["valkey.read:%2A"]),
    (
        "two patterns of a word",
        &["valkey.read:cache:a", "valkey.read:cache:b"],
    ),
    (
        "two words",
        &["valkey.read:cache:%2A", "valkey.write:cache:%2A"],
    ),
    ("a channel", &["valkey.listen:eu.%2A"]),
    ("behind the tenant", &["valkey.shelf:%2A"]),
    ("a hash tag", &["valkey.read:cache:%7Buser%7D"]),
    (
        "everything",
        &[
            "valkey.read:%2A",
            "valkey.write:%2A",
            "valkey.listen:%2A",
            "valkey.audit",
        ],
    ),
    ("beyond the bounds", &["valkey.write:orders:acme:%2A"]),
    ("another tenant's", &["valkey.read:orders:beta:%2A"]),
    ("partly beyond the bounds", &["valkey.read:%2A:x"]),
    ("an unknown word", &["valkey.reed:cache:%2A"]),
    ("an unknown name", &["valkey.audits"]),
    ("the bare prefix", &["valkey."]),
    ("another wildcard", &["valkey.read:cache:%3F"]),
    ("a class", &["valkey.read:cache:%5Ba-z%5D"]),
    ("rules", &["valkey.read:cache:x%20%7E%2A%20+@all"]),
    ("no pattern", &["valkey.read:"]),
    ("encoded twice", &["valkey.read:cache:%252A"]),
    ("one good and one bad", &["valkey.audit", "valkey.admin"]),
];

fn principals() -> Vec<(&'static str, Principal, Vec<Claim>)> {
    let corp = || Principal::new("corp", "zoe");
    let client = || Claim::of("/client_id", "till-7");
    let tenant = |json| vec![Claim::new("/tenant", json), client()];
    vec![
        ("zoe of a tenant", corp(), tenant(r#""acme""#)),
        ("zoe of two tenants", corp(), tenant(r#"["beta", "acme"]"#)),
        ("zoe of no tenant", corp(), vec![client()]),
        ("zoe of a clever tenant", corp(), tenant(r#""*""#)),
        ("zoe of rules", corp(), tenant(r#""acme:* ~* +@all""#)),
        (
            "zoe of a partner",
            Principal::new("partner", "zoe"),
            tenant(r#""acme""#),
        ),
        (
            "zoe of somebody else",
            Principal::new("other", "zoe"),
            tenant(r#""acme""#),
        ),
    ]
}

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let data = File::new("scopes.toml", include_str!("../golden/scopes.toml"));
    let policy = Scopes::configure(&[data])?;
    let mut table = Table::new(&policy);
    for (who, principal, claims) in principals() {
        table.section(who);
        for (what, scopes) in SCOPES {
            let qualified = |scope: &&str| [principal.authenticator(), "/", scope].concat();
            let holder = scopes
                .iter()
                .fold(principal.clone(), |p, scope| p.with_scope(qualified(scope)));
            let request = Request::new(holder);
            let request = claims.iter().cloned().fold(request, Request::with_claim);
            table.ask(what, &request);
        }
    }
    assert_eq!(table.untouched(), [], "each scope is held by somebody");
    Ok(table.compare("golden/verdicts.txt")?)
}

#[test]
fn without_a_list_only_the_sole_authenticators_scopes_count() -> Result<(), Box<dyn Error>> {
    let text = include_str!("../golden/scopes.toml");
    let text = text.replace("authenticators = [\"corp\", \"partner\"]\n", "");
    let policy = Scopes::configure(&[File::new("scopes.toml", text)])?;
    let zoe = Principal::new("corp", "zoe").with_scope("corp/valkey.audit");
    let verdict = policy.evaluate(&Request::new(zoe.clone()));
    assert_eq!(verdict.to_string(), "no opinion");
    let verdict = policy.evaluate(&Request::new(zoe.with_sole_authenticator()));
    assert_eq!(
        verdict.to_string(),
        "grant +xrange %R~audit; label scopes=audit"
    );
    Ok(())
}
