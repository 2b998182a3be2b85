//! A request holds what was declared, and its key digests exactly that.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use warden_core::{AuthenticatorId, Claims, Method, PrincipalName, Timestamp};

use super::*;

fn now(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(seconds),
        monotonic: Duration::from_secs(seconds),
    }
}

fn principal(name: &str, groups: &[String], claims: Value) -> Arc<Verified<Principal>> {
    let Value::Object(claims) = claims else {
        panic!("claims are an object");
    };
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new("corp").unwrap(),
        name: PrincipalName::new(name).unwrap(),
        method: Method::Jwt,
        groups: groups.to_vec(),
        scopes: vec![],
        sole_authenticator: true,
        claims: Claims::new(&claims),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    }))
}

fn project(inputs: &Inputs, principal: &Arc<Verified<Principal>>, client: &ClientFacts) -> Request {
    Request::project(1, inputs, principal, client, "9.1.0", now(100))
}

fn reading(pointers: &[&str]) -> Inputs {
    Inputs {
        claims: pointers.iter().map(|p| (*p).to_owned()).collect(),
        ..Inputs::default()
    }
}

#[test]
fn what_is_not_declared_is_neither_in_the_request_nor_in_its_key() {
    let inputs = reading(&["/department"]);
    let one = principal(
        "alice",
        &[],
        json!({"department": "x", "iat": 1, "jti": "a"}),
    );
    let other = principal(
        "alice",
        &[],
        json!({"department": "x", "iat": 2, "jti": "b"}),
    );
    let facts = ClientFacts {
        address: Some("10.0.0.1".into()),
        tls: true,
        ..ClientFacts::default()
    };
    let request = project(&inputs, &one, &facts);
    assert_eq!(
        request.key(),
        project(&inputs, &other, &ClientFacts::default()).key()
    );

    let told = request.for_policy(&inputs, now(100));
    assert_eq!(told.claims.len(), 1);
    assert_eq!(
        (
            told.claims[0].pointer.as_str(),
            told.claims[0].json.as_str()
        ),
        ("/department", "\"x\"")
    );
    assert!(told.client_address.is_none() && told.client_tls.is_none() && told.now.is_none());
    assert!(told.server_role.is_none() && told.server_version.is_none());
}

#[test]
fn a_policy_gets_its_own_inputs_even_when_another_asked_for_more() {
    let modest = reading(&["/a"]);
    let curious = Inputs {
        all_claims: true,
        client_address: true,
        clock: true,
        server_role: true,
        server_version: true,
        ..Inputs::default()
    };
    let both = modest.clone().or(&curious);
    let facts = ClientFacts {
        address: Some("unix".into()),
        ..ClientFacts::default()
    };
    let request = project(
        &both,
        &principal("alice", &[], json!({"b": 1, "a": {"x": [1, 2]}})),
        &facts,
    );

    let told = request.for_policy(&modest, now(7));
    assert_eq!(told.claims.len(), 1);
    assert_eq!(told.claims[0].json, r#"{"x":[1,2]}"#);
    assert!(told.client_address.is_none() && told.now.is_none());

    let told = request.for_policy(&curious, now(7));
    assert_eq!(
        (
            told.claims[0].pointer.as_str(),
            told.claims[0].json.as_str()
        ),
        ("", r#"{"a":{"x":[1,2]},"b":1}"#)
    );
    assert_eq!(told.client_address.as_deref(), Some("unix"));
    assert_eq!(told.now, Some(7));
    assert_eq!(told.server_role, Some(wit::ServerRole::Primary));
    assert_eq!(told.server_version.as_deref(), Some("9.1.0"));
}

#[test]
fn the_time_is_told_but_does_not_split_classes() {
    let inputs = Inputs {
        clock: true,
        ..Inputs::default()
    };
    let alice = principal("alice", &[], json!({}));
    let early = Request::project(1, &inputs, &alice, &ClientFacts::default(), "", now(1));
    let late = Request::project(1, &inputs, &alice, &ClientFacts::default(), "", now(2));
    assert_eq!(early.key(), late.key());
}

#[test]
fn claims_are_written_in_one_order() {
    // INVARIANT: serde_json without `preserve_order`: one text, so one class, for equal claims.
    let text = serde_json::from_str::<Value>(r#"{"b":1,"a":{"d":1,"c":2}}"#)
        .unwrap()
        .to_string();
    assert_eq!(text, r#"{"a":{"c":2,"d":1},"b":1}"#);
}

prop_compose! {
    /// Few values, so that equal ones happen.
    fn login()(
        name in "[ab]{1,2}",
        groups in proptest::collection::vec("[ab]{1,2}", 0..3),
        x in proptest::option::of(0..2i64),
        y in proptest::option::of("[ab,\"]{0,2}"),
        address in proptest::option::of("[12]"),
        tls in any::<bool>(),
        replica in any::<bool>(),
    ) -> (Arc<Verified<Principal>>, ClientFacts) {
        let mut claims = Map::new();
        x.map(|x| claims.insert("x".into(), json!(x)));
        y.map(|y| claims.insert("y".into(), json!(y)));
        let facts = ClientFacts { address, tls, certificate: None, replica };
        (principal(&name, &groups, Value::Object(claims)), facts)
    }
}

prop_compose! {
    fn any_inputs()(
        claims in proptest::sample::subsequence(vec!["/x", "/y"], 0..=2),
        bools in any::<[bool; 5]>(),
    ) -> Inputs {
        let [all_claims, client_address, client_tls, server_role, clock] = bools;
        Inputs { all_claims, client_address, client_tls, server_role, clock, ..reading(&claims) }
    }
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_policies_are_told_the_same(
        inputs in any_inputs(),
        (one, one_client) in login(),
        (other, other_client) in login(),
    ) {
        let a = project(&inputs, &one, &one_client);
        let b = project(&inputs, &other, &other_client);
        let told = |r: &Request| format!("{:?}", r.for_policy(&inputs, now(5)));
        prop_assert_eq!(a.key() == b.key(), told(&a) == told(&b));
    }

    #[test]
    fn what_is_absent_differs_from_what_was_not_asked(
        one in any_inputs(),
        other in any_inputs(),
        (alice, client) in login(),
    ) {
        let clockless = |inputs: &Inputs| Inputs { clock: false, ..inputs.clone() };
        let equal = clockless(&one) == clockless(&other);
        prop_assert_eq!(project(&one, &alice, &client).key() == project(&other, &alice, &client).key(), equal);
    }
}
