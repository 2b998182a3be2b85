//! Who is bounded to what: principals × claims, compared with a committed table.
//!
//! In: `golden/tenant.toml`. Out: `golden/verdicts.txt`; after a change that is
//! meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_tenant::Tenant;
use warden_sdk::testing::Table;
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

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let data = File::new("tenant.toml", include_str!("../golden/tenant.toml"));
    let policy = Tenant::configure(&[data])?;
    let mut table = Table::new(&policy);
    for (who, principal) in principals() {
        table.section(who);
        for (what, json) in CLAIMS {
            let request = Request::new(principal.clone());
            let claim = match json {
                Some(json) => Claim::new("/tenant", json),
                None => Claim::of("/org", "acme"),
            };
            table.ask(what, &request.with_claim(claim));
        }
    }
    Ok(table.compare("golden/verdicts.txt")?)
}
