//! Who is bounded to what: principals × claims, compared with a committed table.
//!
//! In: `golden/tenant.toml`. Out: `golden/verdicts.txt`; after a change that is
//! meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::path::Path;

use warden_policy_tenant::Tenant;
use warden_sdk::{Claim, File, Policy, Principal, Request};

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = |name| Principal::new("corp", name);
    let customer = || corp("zoe").with_group("corp/customers");
    vec![
        ("a customer", customer()),
        ("a partner", corp("zoe").with_group("corp/partners")),
        ("an operator", customer().with_group("corp/operators")),
        ("root", corp("root").with_group("corp/customers")),
        ("nobody in particular", corp("zoe")),
        (
            "a customer of somebody else",
            Principal::new("other", "zoe").with_group("other/customers"),
        ),
        (
            "the only authenticator's customer",
            customer().with_sole_authenticator(),
        ),
    ]
}

const CLAIMS: [(&str, Option<&str>); 19] = [
    ("no claim", None),
    ("one tenant", Some(r#""acme""#)),
    ("a number", Some("42")),
    ("two tenants", Some(r#"["beta", "acme"]"#)),
    ("no tenant in a list", Some("[]")),
    ("an empty text", Some(r#""""#)),
    ("null", Some("null")),
    ("an object", Some(r#"{"acme": {}}"#)),
    ("a wrong element", Some(r#"["acme", null]"#)),
    ("everything", Some(r#""*""#)),
    ("a class", Some(r#""[a-z]""#)),
    ("an escape", Some(r#""\\""#)),
    ("rules", Some(r#""acme:* ~* +@all""#)),
    ("quotes", Some(r#""acme\"""#)),
    ("a parenthesis", Some(r#""acme)""#)),
    ("a new line", Some(r#""acme\n""#)),
    ("the separator", Some(r#""acme:eu""#)),
    ("what is shared", Some(r#""shared""#)),
    ("a placeholder", Some(r#""{tenant}""#)),
];

fn table() -> Result<String, String> {
    let data = File::new("tenant.toml", include_str!("../golden/tenant.toml"));
    let policy = Tenant::configure(&[data])?;
    let mut table = String::new();
    for (who, principal) in principals() {
        table += &format!("{who}\n");
        for (what, json) in CLAIMS {
            let request = Request::new(principal.clone());
            let request = match json {
                Some(json) => request.with_claim(Claim::new("/tenant", json)),
                None => request.with_claim(Claim::new("/org", r#""acme""#)),
            };
            table += &format!("  {what}: {}\n", policy.evaluate(&request));
        }
    }
    Ok(table)
}

#[test]
fn verdicts_are_those_of_the_golden_table() {
    let table = table().expect("the golden data is valid");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/verdicts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).expect("the table is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the table is committed");
    assert_eq!(
        table, committed,
        "read the difference, then run with UPDATE_GOLDEN=1"
    );
}
