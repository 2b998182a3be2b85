//! Who is held to what, where and when: principals × addresses × times, compared
//! with a committed table.
//!
//! In: `golden/guardrails.toml`. Out: `golden/verdicts.txt`; after a change that is
//! meant, run once with `UPDATE_GOLDEN=1` and read the difference.

use std::error::Error;

use warden_policy_guardrails::Guardrails;
use warden_sdk::testing::Table;
use warden_sdk::{File, Policy, Principal, Request};

fn principals() -> Vec<(&'static str, Principal)> {
    let corp = |name| Principal::new("corp", name);
    vec![
        ("anybody", corp("zoe")),
        ("an operator", corp("zoe").with_group("corp/operators")),
        ("root", corp("root")),
        (
            "an operator of somebody else",
            Principal::new("other", "root").with_group("other/operators"),
        ),
    ]
}

const ADDRESSES: [(&str, Option<&str>); 6] = [
    ("inside", Some("10.1.2.3")),
    ("inside by IPv6", Some("2001:db8::7")),
    ("a guest", Some("192.0.2.9")),
    ("a guest, IPv4 in IPv6", Some("::ffff:192.0.2.9")),
    ("the socket", Some("unix")),
    ("unknown", None),
];

/// 2026-11-06 is a Friday.
const TIMES: [(&str, Option<u64>); 6] = [
    ("friday noon", Some(1_793_966_400)),
    ("friday 21:59:59", Some(1_794_002_399)),
    ("friday 22:00:00", Some(1_794_002_400)),
    ("saturday noon", Some(1_794_052_800)),
    ("monday 05:59:59", Some(1_794_203_999)),
    ("unknown", None),
];

#[test]
fn verdicts_are_those_of_the_golden_table() -> Result<(), Box<dyn Error>> {
    let data = File::new("guardrails.toml", include_str!("../golden/guardrails.toml"));
    let policy = Guardrails::configure(&[data])?;
    let mut table = Table::new(&policy);
    for (who, principal) in principals() {
        for (place, address) in ADDRESSES {
            table.section(format!("{who}, {place}"));
            for (when, now) in TIMES {
                let mut request = Request::new(principal.clone());
                if let Some(address) = address {
                    request = request.with_client_address(address);
                }
                if let Some(now) = now {
                    request = request.with_now(now);
                }
                table.ask(when, &request);
            }
        }
    }
    assert_eq!(table.untouched(), [], "each rule applies to somebody");
    Ok(table.compare("golden/verdicts.txt")?)
}
