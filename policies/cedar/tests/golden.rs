//! Who gets what: principals × claims and connections, compared with a committed table.
//!
//! In: `golden/photos.*`. Out: `golden/verdicts.txt`; after a change that is meant, run
//! once with `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_cedar::Cedar;
use warden_sdk::testing::Table;
use warden_sdk::{Claim, File, Policy, Principal, Request};

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = |name| Principal::new("corp", name);
    vec![
        ("nobody in particular", corp("zoe")),
        ("an owner", corp("alice")),
        ("one of the family", corp("zoe").with_group("corp/family")),
        (
            "a cousin, by the group's own group",
            corp("zoe").with_group("corp/cousins"),
        ),
        ("gran, by what is known of her", corp("gran")),
        (
            "an owner of the family",
            corp("bob").with_group("corp/family"),
        ),
        (
            "the family elsewhere",
            Principal::new("other", "zoe").with_group("other/family"),
        ),
        (
            "an owner's name elsewhere",
            Principal::new("other", "alice"),
        ),
    ]
}

const CLAIMS: [(&str, &[(&str, &str)]); 7] = [
    ("no claim", &[]),
    ("of the press", &[("/department", r#""press""#)]),
    ("of something else", &[("/department", r#""sales""#)]),
    ("suspended", &[("/suspended", "true")]),
    ("not suspended", &[("/suspended", "false")]),
    ("suspended, in words", &[("/suspended", r#""true""#)]),
    (
        "of two departments",
        &[("/department", r#"["press", "sales"]"#)],
    ),
];

const CONNECTIONS: [(&str, bool, &str); 4] = [
    ("TLS from inside", true, "10.1.2.3"),
    ("TLS from outside", true, "192.0.2.7"),
    ("plain from inside", false, "10.1.2.3"),
    ("the socket", false, "unix"),
];

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let file = |name, text: &str| File::new(name, text);
    let files = [
        file("cedar.toml", include_str!("../golden/photos.toml")),
        file("cedar.d/p.cedar", include_str!("../golden/photos.cedar")),
        file(
            "cedar.d/p.cedarschema",
            include_str!("../golden/photos.cedarschema"),
        ),
        file("cedar.d/p.json", include_str!("../golden/photos.json")),
    ];
    let policy = Cedar::configure(&files)?;
    let mut table = Table::new(&policy);
    for (who, principal) in principals() {
        table.section(who);
        for (what, claims) in CLAIMS {
            for (how, tls, address) in CONNECTIONS {
                let request = Request::new(principal.clone())
                    .with_client_tls(tls)
                    .with_client_address(address);
                let claims = claims.iter().map(|(at, json)| Claim::new(*at, *json));
                let request = claims.fold(request, Request::with_claim);
                table.ask(format_args!("{what}, {how}"), &request);
            }
        }
    }
    assert_eq!(table.untouched(), [], "each policy decides something");
    Ok(table.compare("golden/verdicts.txt")?)
}
