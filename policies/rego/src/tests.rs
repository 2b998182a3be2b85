//! The policy as a whole: modules, settings and requests in, verdicts out.

use super::*;
use warden_sdk::{Claim, Principal};

const MODULE: &str = r#"
package warden

verdict.grants contains ["+@read", "~reports:*"] if {
    "corp/analysts" in input.principal.groups
}

verdict.grants contains ["+@write", sprintf("~home:%s:*", [input.principal.name])] if {
    input.principal.claims.department == data.departments.writing[_]
}

verdict.denial := "not today" if input.principal.claims.suspended
"#;

const SETTINGS: &str = "claims = ['/department', '/suspended']\n";

fn policy(module: &str, settings: &str) -> Rego {
    let files = [
        File::new("rego.rego", module),
        File::new("rego.toml", settings),
        File::new("rego.json", r#"{"departments": {"writing": ["press"]}}"#),
    ];
    Rego::configure(&files).unwrap()
}

fn alice() -> Principal {
    Principal::new("corp", "alice")
}

fn answer(request: &Request) -> String {
    policy(MODULE, SETTINGS).evaluate(request).to_string()
}

#[test]
fn a_document_of_partial_rules_is_a_verdict() {
    assert_eq!(answer(&Request::new(alice())), "no opinion");
    let analyst = Request::new(alice().with_group("corp/analysts"));
    assert_eq!(answer(&analyst), "grant +@read ~reports:*");
    let press = analyst.with_claim(Claim::new("/department", r#""press""#));
    assert_eq!(
        answer(&press),
        "grant +@read ~reports:*; grant +@write ~home:alice:*"
    );
    let suspended = press.with_claim(Claim::new("/suspended", "true"));
    assert!(answer(&suspended).starts_with(r#"deny "not today" -; grant"#));
}

#[test]
fn a_name_that_would_widen_a_rule_refuses() {
    for name in ["a b", "a ~* +@all", "a\"", "(a"] {
        let request = Request::new(Principal::new("corp", name));
        let request = request.with_claim(Claim::new("/department", r#""press""#));
        let verdict = policy(MODULE, SETTINGS).evaluate(&request);
        assert!(verdict.grants().is_empty());
        let denial = verdict.denial().expect(name);
        assert!(
            denial
                .internal
                .as_deref()
                .unwrap()
                .contains("the pattern holds")
        );
    }
}

#[test]
fn a_claim_is_literal_text_where_it_goes_through_the_function_for_it() {
    let module = "package warden\n\
                  verdict := [\"+get\", sprintf(\"~t:{%s}:*\", [warden.literal(input.principal.claims.team)])]\n";
    let policy = policy(module, "claims = ['/team']\n");
    let of = |json: &str| {
        let request = Request::new(alice()).with_claim(Claim::new("/team", json));
        policy.evaluate(&request).to_string()
    };
    assert_eq!(of(r#""red""#), "grant +get ~t:{red}:*");
    assert_eq!(of(r#""*""#), r"grant +get ~t:{\*}:*");
    assert_eq!(of(r#""[a]?\\""#), r"grant +get ~t:{\[a\]\?\\}:*");
    for json in [r#""""#, r#""a b""#, r#""a\"""#, "1", "null", "[]"] {
        assert!(of(json).starts_with("deny - "), "{json}: {}", of(json));
    }
}

#[test]
fn an_address_lies_in_a_network_or_not_and_the_socket_in_none() {
    let of = |network: &str, address: &str| {
        let call = format!("net.cidr_contains({network:?}, input.client.address)");
        let module = format!("package warden\nverdict := [\"+get\"] if {call}\n");
        let policy = policy(&module, "inputs = ['client.address']\n");
        let request = Request::new(alice()).with_client_address(address);
        policy.evaluate(&request).to_string()
    };
    assert_eq!(of("10.0.0.0/8", "10.1.2.3"), "grant +get");
    assert_eq!(of("10.0.0.0/8", "::ffff:10.1.2.3"), "grant +get");
    assert_eq!(of("10.0.0.0/8", "192.0.2.7"), "no opinion");
    assert_eq!(of("2001:db8::/32", "2001:db8::7"), "grant +get");
    assert_eq!(of("10.0.0.0/8", "unix"), "no opinion");
    for (network, address) in [
        ("10.1.2.3/8", "10.1.2.3"),
        ("inside", "10.1.2.3"),
        ("10.0.0.0/8", "?"),
    ] {
        assert!(
            of(network, address).starts_with("deny - "),
            "{network} {address}"
        );
    }
}

#[test]
fn an_error_while_the_document_is_evaluated_refuses_and_says_where() {
    for (body, said) in [
        (
            "verdict := to_number(input.principal.name)",
            "line 2 column ",
        ),
        ("verdict := [\"+get\"]\nverdict := [\"+set\"]", "line "),
    ] {
        let module = format!("package warden\n{body}\n");
        let verdict = policy(&module, "").evaluate(&Request::new(alice()));
        let denial = verdict.denial().expect(body);
        let internal = denial.internal.as_deref().unwrap();
        assert!(
            internal.starts_with("\"rego.rego\" ") && internal.contains(said),
            "{internal}"
        );
    }
}

#[test]
fn an_undefined_document_refuses_where_the_settings_say_so() {
    let settings = "undefined = 'refuse'\n";
    let module = "package warden\nverdict := [\"+get\"] if input.principal.name == \"bob\"\n";
    let verdict = policy(module, settings).evaluate(&Request::new(alice()));
    assert_eq!(verdict.to_string(), r#"deny - "the document is undefined""#);
    let verdict = policy(module, "undefined = 'no-opinion'").evaluate(&Request::new(alice()));
    assert_eq!(verdict.to_string(), "no opinion");
}

#[test]
fn another_document_can_be_asked_for() {
    let module = "package acl.cache\nrules := [\"+get\", \"~x\"]\n";
    let policy = policy(module, "query = 'data.acl.cache.rules'\n");
    let verdict = policy.evaluate(&Request::new(alice()));
    assert_eq!(verdict.to_string(), "grant +get ~x");
}

#[test]
fn it_reads_what_the_settings_name_and_nothing_else() {
    let reads = |settings| policy(MODULE, settings).reads().unwrap();
    assert_eq!(reads(""), Reads::nothing());
    assert_eq!(
        reads("claims = ['/b', '/a']\ninputs = ['client.tls']\n"),
        Reads::nothing()
            .claim("/a")
            .claim("/b")
            .input(warden_sdk::Input::ClientTls)
    );
    assert_eq!(reads("all_claims = true\n"), Reads::nothing().all_claims());
}
