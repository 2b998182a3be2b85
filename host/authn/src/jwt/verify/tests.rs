//! Which key a token means, and what is told when it is not there.

use serde_json::{Value, json};

use super::*;
use crate::testing::{ED, OTHER_RSA, P256, P384, RSA, SECRET, Signer, jwks};

/// Verifies a token whose header has these members beside its algorithm.
fn ask(keys: &[Value], signer: &Signer, alg: &str, members: Value) -> Result<(), SignatureError> {
    let keys = KeySet::from_jwks(jwks(keys).as_bytes()).unwrap();
    with(&keys, signer, alg, members, None)
}

fn with(
    keys: &KeySet,
    signer: &Signer,
    alg: &str,
    members: Value,
    allowed: Option<&[Algorithm]>,
) -> Result<(), SignatureError> {
    let mut header = members;
    header["alg"] = json!(alg);
    let token = signer.compact(alg, &header.to_string(), "{}");
    let compact = Compact::parse(token.as_bytes()).unwrap();
    let header = Header::check(header.as_object().unwrap()).unwrap();
    signature(&compact, &header, keys, allowed)
}

fn is_unknown(result: Result<(), SignatureError>) -> bool {
    match result {
        Err(SignatureError::UnknownKey(_)) => true,
        Err(SignatureError::Refused(_)) => false,
        Ok(()) => panic!("verified"),
    }
}

#[test]
fn a_thumbprint_names_the_key_of_a_token_without_a_key_id() {
    for member in ["x5t", "x5t#S256"] {
        let keys = [
            RSA.jwk_with(&json!({ "kid": "1", (member): "one" })),
            OTHER_RSA.jwk_with(&json!({ "kid": "2", (member): "two" })),
        ];
        let ask = |signer, print: &str| ask(&keys, signer, "RS256", json!({ (member): print }));
        assert!(ask(&RSA, "one").is_ok(), "{member}");
        assert!(ask(&OTHER_RSA, "two").is_ok(), "{member}");
        assert!(!is_unknown(ask(&RSA, "two")), "{member}");
        assert!(is_unknown(ask(&RSA, "three")), "{member}");
        assert!(is_unknown(ask(&RSA, "ONE")), "{member}");
    }
}

#[test]
fn a_key_id_counts_and_a_thumbprint_beside_it_does_not() {
    let keys = [
        RSA.jwk_with(&json!({ "kid": "1", "x5t": "one" })),
        OTHER_RSA.jwk_with(&json!({ "kid": "2", "x5t": "two" })),
    ];
    let ask = |members| ask(&keys, &RSA, "RS256", members);
    assert!(ask(json!({ "kid": "1", "x5t": "two" })).is_ok());
    assert!(!is_unknown(ask(json!({ "kid": "2", "x5t": "one" }))));
    assert!(is_unknown(ask(json!({ "kid": "3", "x5t": "one" }))));
}

#[test]
fn a_key_without_a_thumbprint_answers_to_any() {
    let key = RSA.jwk_with(&json!({ "kid": "1" }));
    let keys = std::slice::from_ref(&key);
    for member in ["x5t", "x5t#S256"] {
        let members = json!({ (member): "one" });
        assert!(ask(keys, &RSA, "RS256", members.clone()).is_ok());
        assert!(is_unknown(ask(keys, &OTHER_RSA, "RS256", members)));
    }
}

#[test]
fn two_thumbprints_must_both_go_with_the_key() {
    let key = RSA.jwk_with(&json!({ "x5t": "one", "x5t#S256": "long" }));
    let ask = |sha1: &str, sha256: &str| {
        let members = json!({ "x5t": sha1, "x5t#S256": sha256 });
        ask(std::slice::from_ref(&key), &RSA, "RS256", members)
    };
    assert!(ask("one", "long").is_ok());
    assert!(is_unknown(ask("one", "other")));
    assert!(is_unknown(ask("other", "long")));
}

#[test]
fn a_token_that_names_no_key_and_verifies_with_none_is_of_an_unknown_key() {
    let keys = [
        RSA.jwk_with(&json!({ "kid": "1" })),
        P256.jwk_with(&json!({ "kid": "2" })),
    ];
    assert!(ask(&keys, &RSA, "RS256", json!({})).is_ok());
    assert!(is_unknown(ask(&keys, &OTHER_RSA, "RS256", json!({}))));
    let none_of_its_curve = ask(&keys, &P384, "ES384", json!({}));
    assert!(is_unknown(none_of_its_curve));
    let nameless = [RSA.jwk()];
    let named = ask(&nameless, &OTHER_RSA, "RS256", json!({ "kid": "new" }));
    assert!(is_unknown(named), "no key states that name");
}

#[test]
fn what_no_newer_key_set_can_change_is_refused() {
    let keys = [
        RSA.jwk_with(&json!({ "kid": "1" })),
        ED.jwk_with(&json!({ "kid": "2", "alg": "EdDSA" })),
    ];
    let id = |id: &str| json!({ "kid": id });
    assert!(!is_unknown(ask(&keys, &OTHER_RSA, "RS256", id("1"))));
    let at_odds = ask(&keys, &P256, "ES256", id("1"));
    assert!(!is_unknown(at_odds), "the key does another algorithm");
    assert!(!is_unknown(ask(&keys, &ED, "Ed25519", id("2"))));
    let shared = ask(&keys, &SECRET, "HS256", id("new"));
    assert!(!is_unknown(shared), "no key set holds a shared secret");
    let many: Vec<_> = (0..17)
        .map(|n| RSA.jwk_with(&json!({ "kid": n.to_string() })))
        .collect();
    assert!(!is_unknown(ask(&many, &RSA, "RS256", json!({}))));
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_before_any_key_is_looked_for() {
    let set = KeySet::from_jwks(jwks(&[RSA.jwk_with(&json!({ "kid": "1" }))]).as_bytes()).unwrap();
    let allowed = [Algorithm::PS256];
    for id in ["1", "new"] {
        let result = with(&set, &RSA, "RS256", json!({ "kid": id }), Some(&allowed));
        assert!(!is_unknown(result), "{id}");
    }
    assert!(with(&set, &RSA, "PS256", json!({}), Some(&allowed)).is_ok());
}

#[test]
fn a_public_key_algorithm_is_refused_where_there_is_a_secret() {
    let Signer::Secret(secret) = &*SECRET else {
        panic!()
    };
    let set = KeySet::from_secret(secret).unwrap();
    assert!(with(&set, &SECRET, "HS256", json!({ "kid": "any" }), None).is_ok());
    assert!(!is_unknown(with(&set, &RSA, "RS256", json!({}), None)));
}
