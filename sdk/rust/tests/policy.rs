//! The attribute on a policy of another crate: what it says about itself, and that
//! nothing but ordinary Rust is needed to test one.

#![forbid(unsafe_code)]

use warden_sdk::{
    ClaimSelection, Describe, File, Input, Policy, Principal, Request, Verdict, log, policy,
};

struct OfficeHours;

#[policy(
    name = "office-hours",
    summary = "Nobody works at night.",
    claims = ["/shift", "/org/unit"],
    inputs(clock, client_address)
)]
impl Policy for OfficeHours {
    fn configure(_: &[File]) -> Result<Self, String> {
        Ok(Self)
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        if request.now().is_none() {
            log::warning("no clock");
            return Verdict::new().deny("come back later");
        }
        Verdict::new()
    }
}

#[test]
fn the_description_is_what_the_attribute_says() {
    let description = OfficeHours::DESCRIPTION;
    assert_eq!(description.name, "office-hours");
    assert_eq!(description.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(description.summary, "Nobody works at night.");
    assert_eq!(
        description.claims,
        ClaimSelection::Pointers(&["/shift", "/org/unit"])
    );
    assert_eq!(description.inputs, [Input::Clock, Input::ClientAddress]);
}

#[test]
fn a_policy_runs_without_wasm() {
    let policy = OfficeHours::configure(&[]).unwrap();
    let request = Request::new(Principal::new("corp", "alice"));
    assert_eq!(
        policy.evaluate(&request).to_string(),
        r#"deny "come back later" -"#
    );
    assert_eq!(log::take(), [(log::Level::Warning, "no clock".to_owned())]);
    assert_eq!(policy.evaluate(&request.with_now(1)), Verdict::new());
}

#[cfg(feature = "testing")]
#[test]
fn a_test_gives_a_policy_nothing_it_did_not_ask_for() {
    use warden_sdk::{Certificate, Claim, ServerRole};
    let asked_for = Request::new(Principal::new("corp", "alice"))
        .with_claim(Claim::new("/shift", "1"))
        .with_client_address("10.1.2.3")
        .with_now(7);
    let more = asked_for
        .clone()
        .with_claim(Claim::new("/org", "1"))
        .with_claim(Claim::new("", "{}"))
        .with_client_tls(true)
        .with_client_certificate(Certificate::default())
        .with_server_role(ServerRole::Primary)
        .with_server_version("9.1.2");
    assert_eq!(more.projected(&OfficeHours::DESCRIPTION.reads()), asked_for);
}

#[cfg(feature = "testing")]
#[test]
fn a_table_says_which_verdicts_the_host_would_refuse() {
    let policy = OfficeHours::configure(&[]).unwrap();
    let alice = Request::new(Principal::new("corp", "alice"));
    let mut table = warden_sdk::testing::Table::new(&policy);
    table.ask("at noon", &alice.with_now(43_200));
    assert_eq!(
        table.to_string(),
        "  at noon: refused by the host: it reads the clock and does not say for how long it holds\n"
    );
}
