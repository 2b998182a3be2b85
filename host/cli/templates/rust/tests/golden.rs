//! Who gets what: principals × claims, compared with a committed table.
//!
//! In: `policies/__NAME__.toml`. Out: `golden/verdicts.txt`; after a change that is meant,
//! run once with `UPDATE_GOLDEN=1` and read the difference.

use __CRATE__::Departments;
use warden_sdk::testing::{Difference, Table};
use warden_sdk::{Claim, File, Policy, Principal, Request};

const CLAIMS: [(&str, Option<&str>); 8] = [
    ("no department", None),
    ("a department", Some(r#""sales""#)),
    ("a part of one", Some(r#""sales:eu""#)),
    ("everything", Some(r#""*""#)),
    ("rules", Some(r#""sales:* ~* +@all""#)),
    ("nothing", Some(r#""""#)),
    ("a number", Some("42")),
    ("two departments", Some(r#"["sales", "finance"]"#)),
];

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Difference> {
    let data = include_str!("../policies/__NAME__.toml");
    let policy = Departments::configure(&[File::new("__NAME__.toml", data)]).unwrap();
    let staff = Principal::new("corp", "alice").with_group("corp/staff");
    let guest = Principal::new("corp", "bob").with_group("corp/guests");
    let mut table = Table::new(&policy);
    for (who, principal) in [("staff", staff), ("a guest", guest)] {
        table.section(who);
        for (what, json) in CLAIMS {
            let request = Request::new(principal.clone());
            let claim = json.map(|json| Claim::new("/department", json));
            let request = claim.into_iter().fold(request, Request::with_claim);
            table.ask(what, &request);
        }
    }
    table.compare("golden/verdicts.txt")
}

#[test]
fn data_that_is_in_doubt_is_refused() {
    for data in [
        "",
        "members = []",
        "members = ['corp/staff']\ncommands = []",
        "members = []\ncommands = ['~*']",
        "members = []\ncommands = []\nmore = 1",
    ] {
        assert!(
            Departments::configure(&[File::new("__NAME__.toml", data)]).is_err(),
            "{data}"
        );
    }
}
