//! Who gets what: principals × claims and addresses, compared with a committed table.
//!
//! In: `golden/*`. Out: `golden/verdicts.txt`; after a change that is meant, run once with
//! `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_rego::Rego;
use warden_sdk::testing::Table;
use warden_sdk::{Claim, File, Policy, Principal, Request};

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = || Principal::new("corp", "zoe");
    vec![
        ("nobody in particular", corp()),
        ("an analyst", corp().with_group("corp/analysts")),
        ("an editor", corp().with_group("corp/editors")),
        (
            "an analyst who edits",
            corp()
                .with_group("corp/analysts")
                .with_group("corp/editors"),
        ),
        ("an admin", corp().with_group("corp/admins")),
        (
            "an analyst elsewhere",
            Principal::new("other", "zoe").with_group("other/analysts"),
        ),
    ]
}

const TEAMS: [(&str, Option<&str>); 10] = [
    ("no team", None),
    ("one team", Some(r#"["red"]"#)),
    ("two teams", Some(r#"["red", "blue"]"#)),
    ("an empty list", Some("[]")),
    ("everything", Some(r#"["*"]"#)),
    ("rules", Some(r#"["red} ~* +@all"]"#)),
    ("a quote", Some(r#"["red\""]"#)),
    ("a number in the list", Some("[7]")),
    ("a text", Some(r#""red""#)),
    ("null", Some("null")),
];

const ADDRESSES: [&str; 3] = ["10.1.2.3", "192.0.2.7", "unix"];

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let file = |name, text: &str| File::new(name, text);
    let files = [
        file("rego.toml", include_str!("../golden/rego.toml")),
        file(
            "rego.d/verdict.rego",
            include_str!("../golden/verdict.rego"),
        ),
        file("rego.d/data.json", include_str!("../golden/data.json")),
    ];
    let policy = Rego::configure(&files)?;
    let mut table = Table::new(&policy);
    for (who, principal) in principals() {
        table.section(who);
        for (what, json) in TEAMS {
            for address in ADDRESSES {
                let request = Request::new(principal.clone()).with_client_address(address);
                let claim = json.map(|json| Claim::new("/teams", json));
                let request = claim.into_iter().fold(request, Request::with_claim);
                table.ask(format_args!("{what}, {address}"), &request);
            }
        }
    }
    Ok(table.compare("golden/verdicts.txt")?)
}
