//! The promises of docs/threat-model.md, "Tokens": each refusal, and its twin that is accepted.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{
    Directory, ED, MINIMAL, NOW, OTHER_RSA, P256, P384, P521, RSA, SECRET, Signer, ask, at, b64,
    certificate, claims, credential, jwks, mac, pem, presented, refused, verified,
};
use crate::{Chain, Outcome};

fn chain(more: &str) -> std::sync::Arc<Chain> {
    Directory::minimal(more, &[P256.jwk()]).chain()
}

fn kind(chain: &Chain, changes: Value) -> ReasonKind {
    refused(ask(chain, &P256.token("ES256", &claims(changes)))).kind()
}

fn accepted(chain: &Chain, changes: Value) -> Principal {
    verified(ask(chain, &P256.token("ES256", &claims(changes))))
        .get()
        .clone()
}

#[test]
fn every_algorithm_verifies_with_its_key_and_with_no_other() {
    let signers: [(&Signer, &[&str]); 5] = [
        (
            &RSA,
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
        (&P256, &["ES256"]),
        (&P384, &["ES384"]),
        (&P521, &["ES512"]),
        (&ED, &["EdDSA", "Ed25519"]),
    ];
    for (index, (signer, algs)) in signers.iter().enumerate() {
        let right = Directory::minimal("", &[signer.jwk()]).chain();
        let others = signers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let others: Vec<_> = others.map(|(_, (other, _))| other.jwk()).collect();
        let wrong = Directory::minimal("", &others).chain();
        let forged = Directory::minimal("", &[OTHER_RSA.jwk()]).chain();
        for alg in *algs {
            let token = signer.token(alg, &claims(json!({})));
            assert_eq!(
                verified(ask(&right, &token)).get().user_name().as_str(),
                "corp/alice",
                "{alg}"
            );
            assert_eq!(
                refused(ask(&wrong, &token)).kind(),
                ReasonKind::Credential,
                "{alg}"
            );
            assert_eq!(
                refused(ask(&forged, &token)).kind(),
                ReasonKind::Credential,
                "{alg}"
            );
        }
    }
}

#[test]
fn hmac_verifies_only_with_a_secret_file_and_a_named_algorithm() {
    let directory = Directory::new();
    let text = MINIMAL.replace("jwks_file = 'keys.json'", "secret_file = 'secret'");
    directory.write(
        "10-corp.toml",
        format!("{text}algorithms = ['HS256', 'HS512']"),
    );
    let Signer::Secret(secret) = &*SECRET else {
        panic!()
    };
    directory.write("secret", [secret.as_slice(), b"\n"].concat());
    let chain = directory.chain();
    verified(ask(&chain, &SECRET.token("HS256", &claims(json!({})))));
    verified(ask(&chain, &SECRET.token("HS512", &claims(json!({})))));
    refused(ask(&chain, &SECRET.token("HS384", &claims(json!({})))));
    refused(ask(&chain, &RSA.token("RS256", &claims(json!({})))));
    directory.write("secret", "k".repeat(32));
    assert!(directory.faults()[0].contains("HS512 needs a longer secret"));
}

#[test]
fn hmac_made_with_a_public_key_is_refused() {
    for (key, part) in [(&RSA, "n"), (&P256, "x"), (&ED, "x")] {
        let jwk = key.jwk_with(&json!({ "kid": "k" }));
        let set = jwks(std::slice::from_ref(&jwk));
        let chain = Directory::minimal("", std::slice::from_ref(&jwk)).chain();
        let text = pem("PUBLIC KEY", &key.spki());
        let mut secrets = vec![
            key.spki(),
            certificate(&key.spki(), None),
            pem("CERTIFICATE", &certificate(&key.spki(), None)).into_bytes(),
            text.clone().into_bytes(),
            text.trim().into(),
            jwk.to_string().into_bytes(),
            key.jwk().to_string().into_bytes(),
            set.into_bytes(),
            jwk[part].as_str().unwrap().to_owned().into_bytes(),
            Vec::new(),
        ];
        if part == "n" {
            secrets.push(key.pkcs1());
        }
        for secret in secrets {
            for alg in ["HS256", "HS384", "HS512"] {
                for header in [json!({ "alg": alg }), json!({ "alg": alg, "kid": "k" })] {
                    let payload = b64(claims(json!({})).to_string());
                    let message = format!("{}.{payload}", b64(header.to_string()));
                    let mac = mac(alg, &secret, message.as_bytes());
                    let token = format!("{message}.{}", b64(mac));
                    assert_eq!(refused(ask(&chain, &token)).kind(), ReasonKind::Credential);
                }
            }
        }
    }
}

#[test]
fn alg_none_is_refused_signed_or_not() {
    let chain = chain("");
    for alg in ["none", "None", "NONE", "nonE"] {
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        let unsigned = format!("{}.{}.", b64(&header), b64(claims(json!({})).to_string()));
        assert!(
            chain
                .claims(&credential("token", &unsigned), false)
                .is_some(),
            "it is a token, not a password"
        );
        assert_eq!(
            refused(ask(&chain, &unsigned)).kind(),
            ReasonKind::Credential
        );
        let signed = P256.compact("ES256", &header, &claims(json!({})).to_string());
        assert_eq!(refused(ask(&chain, &signed)).kind(), ReasonKind::Credential);
    }
}

#[test]
fn an_algorithm_outside_the_allow_list_is_refused() {
    let chain =
        Directory::minimal("algorithms = ['PS256', 'ES256']", &[RSA.jwk(), P384.jwk()]).chain();
    verified(ask(&chain, &RSA.token("PS256", &claims(json!({})))));
    for (signer, alg) in [(&*RSA, "RS256"), (&*RSA, "PS384"), (&*P384, "ES384")] {
        assert_eq!(
            refused(ask(&chain, &signer.token(alg, &claims(json!({}))))).kind(),
            ReasonKind::Credential
        );
    }
    let none_left = Directory::minimal("algorithms = ['EdDSA']", &[RSA.jwk()]);
    assert!(none_left.faults()[0].contains("algorithms: no key"));
}

#[test]
fn an_alg_at_odds_with_its_key_is_refused() {
    let header = |alg: &str| json!({ "alg": alg, "kid": "k" }).to_string();
    let payload = claims(json!({})).to_string();
    let chain = Directory::minimal(
        "",
        &[
            P256.jwk_with(&json!({ "kid": "k" })),
            RSA.jwk_with(&json!({ "alg": "RS512" })),
        ],
    );
    let chain = chain.chain();
    verified(ask(
        &chain,
        &P256.compact("ES256", &header("ES256"), &payload),
    ));
    for said in [
        "ES384", "ES512", "EdDSA", "Ed25519", "HS256", "ES256K", "es256",
    ] {
        refused(ask(&chain, &P256.compact("ES256", &header(said), &payload)));
    }
    verified(ask(
        &chain,
        &RSA.compact("RS512", &header("RS512"), &payload),
    ));
    refused(ask(
        &chain,
        &RSA.compact("RS256", &header("RS256"), &payload),
    ));
    refused(ask(
        &chain,
        &RSA.compact("PS512", &header("RS512"), &payload),
    ));
}

#[test]
fn the_named_key_alone_counts_and_an_unknown_one_is_refused() {
    let keys = [
        RSA.jwk_with(&json!({ "kid": "one" })),
        OTHER_RSA.jwk_with(&json!({ "kid": "two" })),
    ];
    let chain = Directory::minimal("", &keys).chain();
    let ask = |kid: Value| {
        let header = json!({ "alg": "RS256", "kid": kid }).to_string();
        ask(
            &chain,
            &RSA.compact("RS256", &header, &claims(json!({})).to_string()),
        )
    };
    verified(ask(json!("one")));
    assert!(refused(ask(json!("two"))).detail().contains("signature"));
    assert!(
        refused(ask(json!("no\nsuch")))
            .detail()
            .contains(r#"key id "no\nsuch" is unknown"#)
    );
    refused(ask(json!("One")));
    refused(ask(json!("")));
    refused(ask(json!(1)));
    let without = RSA.token("RS256", &claims(json!({})));
    verified(chain.authenticate_alone(&presented("token", without), &at(NOW)));
}

#[test]
fn keys_and_addresses_in_a_header_are_never_followed() {
    let chain = Directory::minimal("", &[RSA.jwk()]).chain();
    let own = OTHER_RSA.jwk();
    let theirs = STANDARD.encode(certificate(&OTHER_RSA.spki(), None));
    for header in [
        json!({ "alg": "RS256", "x5c": [theirs] }),
        json!({ "alg": "RS256", "jwk": own }),
        json!({ "alg": "RS256", "jku": "http://127.0.0.1:9/keys" }),
        json!({ "alg": "RS256", "x5u": "http://127.0.0.1:9/cert" }),
        json!({ "alg": "RS256", "x5c": ["AA=="], "jwk": own, "kid": "k" }),
    ] {
        let forged =
            OTHER_RSA.compact("RS256", &header.to_string(), &claims(json!({})).to_string());
        assert_eq!(refused(ask(&chain, &forged)).kind(), ReasonKind::Credential);
        let honest = RSA.compact("RS256", &header.to_string(), &claims(json!({})).to_string());
        verified(ask(&chain, &honest));
    }
}

#[test]
fn a_critical_extension_is_refused_even_when_signed() {
    let chain = chain("");
    for header in [
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
    ] {
        assert_eq!(
            refused(ask(
                &chain,
                &P256.compact("ES256", header, &claims(json!({})).to_string())
            ))
            .kind(),
            ReasonKind::Credential
        );
    }
}

#[test]
fn dates_of_a_wrong_type_or_range_are_refused_and_never_read_as_absent() {
    let strict = chain("");
    let relaxed = {
        let directory = Directory::minimal("", &[P256.jwk()]);
        let settings = crate::ChainSettings {
            require_expiry: false,
            ..crate::ChainSettings::default()
        };
        Chain::load(
            directory.path("").as_path(),
            &settings,
            &crate::Services::offline(),
            None,
        )
        .chain
    };
    for text in [
        "\"1800000600\"",
        "true",
        "[]",
        "[1800000600]",
        "{}",
        "null",
        "-1",
        "-0",
        "-0.0",
        "-1800000600",
        "1e300",
        "1e19",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "253402300800",
        "253402300800.5",
        "1800000600000",
        "1.5e18",
        "1e308",
        "\"\"",
        "false",
        "-1e-9",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let payload = format!(
                r#"{{"iss":"https://idp.test","aud":"valkey","sub":"alice","{name}":{text}}}"#
            );
            let token = P256.compact("ES256", r#"{"alg":"ES256"}"#, &payload);
            assert_eq!(
                refused(ask(&relaxed, &token)).kind(),
                ReasonKind::Claims,
                "{name} {text}"
            );
            assert_eq!(
                refused(ask(&strict, &token)).kind(),
                ReasonKind::Claims,
                "{name} {text}"
            );
        }
    }
    let beyond = r#"{"iss":"https://idp.test","aud":"valkey","sub":"alice","exp":1e400}"#;
    refused(ask(
        &relaxed,
        &P256.compact("ES256", r#"{"alg":"ES256"}"#, beyond),
    ));
    assert_eq!(accepted(&relaxed, json!({ "exp": null })).expires, None);
}

#[test]
fn a_claim_or_header_member_given_twice_is_refused() {
    let chain = chain("");
    let base = r#""iss":"https://idp.test","aud":"valkey","sub":"alice""#;
    for payload in [
        format!(r#"{{{base},"exp":{},"exp":{}}}"#, NOW + 60, NOW + 60),
        format!(r#"{{{base},"exp":1,"\u0065xp":{}}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"sub":"admin"}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"x":{{"y":1,"y":2}}}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"nbf":{NOW},"nbf":1}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"iat":null,"iat":{NOW}}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"iss":"https://idp.test"}}"#, NOW + 60),
        format!(r#"{{{base},"exp":{},"\u0061ud":"other"}}"#, NOW + 60),
    ] {
        let token = P256.compact("ES256", r#"{"alg":"ES256"}"#, &payload);
        assert_eq!(
            refused(ask(&chain, &token)).kind(),
            ReasonKind::Credential,
            "{payload}"
        );
    }
    let payload = claims(json!({})).to_string();
    for header in [
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
    ] {
        assert_eq!(
            refused(ask(&chain, &P256.compact("ES256", header, &payload))).kind(),
            ReasonKind::Credential
        );
    }
}

#[test]
fn a_missing_exp_aud_iss_or_principal_is_refused() {
    let chain = chain("");
    assert_eq!(kind(&chain, json!({ "exp": null })), ReasonKind::Claims);
    assert_eq!(kind(&chain, json!({ "aud": null })), ReasonKind::Claims);
    assert_eq!(kind(&chain, json!({ "sub": null })), ReasonKind::Claims);
    assert_eq!(kind(&chain, json!({ "iss": null })), ReasonKind::Credential);
    for iss in [json!(1), json!([]), json!(["https://idp.test"])] {
        assert_eq!(kind(&chain, json!({ "iss": iss })), ReasonKind::Credential);
    }
}

#[test]
fn the_issuer_matches_exactly_or_the_token_is_another_s() {
    let chain = chain("");
    for iss in [
        "https://idp.test/",
        "https://IDP.test",
        "https://idp.tes",
        "",
        " https://idp.test",
    ] {
        let token = P256.token("ES256", &claims(json!({ "iss": iss })));
        assert!(matches!(ask(&chain, &token), Outcome::NotMine), "{iss}");
    }
}

#[test]
fn one_of_the_audiences_must_be_ours() {
    let chain = chain("");
    for aud in [json!("valkey"), json!(["valkey"]), json!(["x", "valkey"])] {
        accepted(&chain, json!({ "aud": aud }));
    }
    for aud in [
        json!("Valkey"),
        json!("valkey2"),
        json!(["x"]),
        json!([""]),
        json!(""),
    ] {
        assert_eq!(
            kind(&chain, json!({ "aud": aud })),
            ReasonKind::WrongAudience
        );
    }
    for aud in [
        json!([]),
        json!(1),
        json!({}),
        json!([1, "valkey"]),
        json!([["valkey"]]),
        json!(true),
    ] {
        assert_eq!(kind(&chain, json!({ "aud": aud })), ReasonKind::Claims);
    }
}

#[test]
fn dates_in_2038_2106_and_9999_do_not_wrap() {
    let chain = chain("leeway_seconds = 0");
    for exp in [2_147_483_648_u64, 4_294_967_296, 253_402_300_799] {
        let principal = accepted(&chain, json!({ "exp": exp }));
        assert_eq!(principal.expires.unwrap().as_unix_seconds(), exp);
        assert_eq!(kind(&chain, json!({ "nbf": exp })), ReasonKind::NotYetValid);
    }
}

#[test]
fn dates_are_compared_with_the_configured_leeway() {
    let strict = chain("leeway_seconds = 0");
    assert_eq!(kind(&strict, json!({ "exp": NOW })), ReasonKind::Expired);
    accepted(&strict, json!({ "exp": NOW + 1, "nbf": NOW, "iat": NOW }));
    assert_eq!(kind(&strict, json!({ "exp": 0 })), ReasonKind::Expired);
    assert_eq!(
        kind(&strict, json!({ "nbf": NOW + 1 })),
        ReasonKind::NotYetValid
    );
    assert_eq!(
        kind(&strict, json!({ "iat": NOW + 1 })),
        ReasonKind::NotYetValid
    );
    let fraction = |seconds: &str| serde_json::from_str::<Value>(seconds).unwrap();
    assert_eq!(
        accepted(&strict, json!({ "exp": fraction("1800000000.5") }))
            .expires
            .unwrap()
            .as_unix_millis(),
        NOW * 1000 + 500
    );
    assert_eq!(
        kind(&strict, json!({ "nbf": fraction("1800000000.0001") })),
        ReasonKind::NotYetValid
    );
    let default = chain("");
    let principal = accepted(
        &default,
        json!({ "exp": NOW - 29, "nbf": NOW + 30, "iat": NOW + 30 }),
    );
    assert_eq!(
        principal.expires.unwrap().as_unix_seconds(),
        NOW + 1,
        "leeway included"
    );
    assert_eq!(
        kind(&default, json!({ "exp": NOW - 30 })),
        ReasonKind::Expired
    );
    assert_eq!(
        kind(&default, json!({ "nbf": NOW + 31 })),
        ReasonKind::NotYetValid
    );
}

#[test]
fn a_type_for_another_purpose_is_refused() {
    let ask = |more: &str, typ: Value| {
        let header = json!({ "alg": "ES256", "typ": typ }).to_string();
        ask(
            &chain(more),
            &P256.compact("ES256", &header, &claims(json!({})).to_string()),
        )
    };
    verified(ask("", json!("at+jwt")));
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE"] {
        assert_eq!(refused(ask("", json!(typ))).kind(), ReasonKind::Claims);
    }
    refused(ask("types = ['at+jwt']", json!("JWT")));
    verified(ask("types = ['x+jwt']", json!("application/x+jwt")));
}

#[test]
fn every_requirement_must_hold() {
    let chain = chain("[require]\nemail_verified = true\n'/realm/roles' = ['dba', 'dev']\n");
    accepted(
        &chain,
        json!({ "email_verified": true, "realm": { "roles": ["x", "dev"] } }),
    );
    for claims in [
        json!({}),
        json!({ "email_verified": true }),
        json!({ "email_verified": "true", "realm": { "roles": ["dev"] } }),
        json!({ "email_verified": true, "realm": { "roles": ["x"] } }),
        json!({ "email_verified": [false], "realm": { "roles": "dev" } }),
    ] {
        assert_eq!(kind(&chain, claims), ReasonKind::Claims);
    }
}

#[test]
fn groups_and_scopes_are_qualified_by_the_authenticator() {
    let chain = chain("[claims]\nname = ['upn', 'sub']\ngroups = ['roles', '/realm/roles']\n");
    let claims = json!({ "upn": "Bob@Corp", "roles": ["b", "a"], "realm": { "roles": ["c d"] }, "scope": "r w", "scp": ["x"] });
    let principal = accepted(&chain, claims);
    assert_eq!(principal.user_name().as_str(), "corp/Bob@Corp");
    assert_eq!(principal.groups, ["corp/a", "corp/b", "corp/c%20d"]);
    assert_eq!(principal.scopes, ["corp/r", "corp/w", "corp/x"]);
    assert_eq!(principal.claims.get("iss").unwrap(), "https://idp.test");
}

#[test]
fn reserved_and_unnameable_principals_are_refused() {
    let chain = chain("");
    for sub in [
        "",
        "default",
        "token",
        "certificate",
        "a\u{0}b",
        "a\r\nb",
        &"x".repeat(257),
    ] {
        assert_eq!(kind(&chain, json!({ "sub": sub })), ReasonKind::Name);
    }
    assert_eq!(
        accepted(&chain, json!({ "sub": "a b+@all ~* %s%n" }))
            .name
            .as_str(),
        "a%20b+@all%20%7E%2A%20%25s%25n"
    );
}

#[test]
fn a_prefixed_token_is_verified_without_its_prefix() {
    let chain = chain("token_prefix = 'Bearer '");
    let token = P256.token("ES256", &claims(json!({})));
    for secret in [format!("Bearer {token}"), token.clone()] {
        for user in ["default", "token", "alice"] {
            verified(chain.authenticate_alone(&presented(user, &secret), &at(NOW)));
        }
    }
    let reason = refused(chain.authenticate_alone(&presented("default", "Bearer x"), &at(NOW)));
    assert_eq!(reason.kind(), ReasonKind::Credential);
    assert!(matches!(
        ask(&chain, &format!("bearer {token}")),
        Outcome::NotMine
    ));
}

#[test]
fn before_the_signature_is_good_the_client_learns_nothing() {
    let chain = Directory::minimal("", &[RSA.jwk()]).chain();
    let same = |token: String| refused(ask(&chain, &token)).reply();
    let expired = same(OTHER_RSA.token("RS256", &claims(json!({ "exp": 1 }))));
    assert_eq!(
        expired,
        same(OTHER_RSA.token("RS256", &claims(json!({ "aud": "x" }))))
    );
    assert_eq!(expired, same(P256.token("ES256", &claims(json!({})))));
    assert_ne!(
        expired,
        same(RSA.token("RS256", &claims(json!({ "exp": 1 }))))
    );
}

#[test]
fn a_refusals_detail_holds_no_token_and_stays_one_line() {
    let chain = Directory::minimal("", &[RSA.jwk_with(&json!({ "kid": "k" }))]).chain();
    let evil = "canary\r\n\u{1b}[31m".repeat(100);
    for token in [
        OTHER_RSA.token("RS256", &claims(json!({ "exp": 1 }))),
        RSA.token("RS256", &claims(json!({ "sub": evil }))),
        RSA.token("RS256", &claims(json!({ "groups": [evil] }))),
        RSA.compact(
            "RS256",
            &json!({ "alg": evil }).to_string(),
            &claims(json!({})).to_string(),
        ),
        RSA.compact(
            "RS256",
            &json!({ "alg": "RS256", "kid": evil }).to_string(),
            &claims(json!({})).to_string(),
        ),
        RSA.compact(
            "RS256",
            &json!({ "alg": "RS256", "typ": evil }).to_string(),
            &claims(json!({})).to_string(),
        ),
    ] {
        let reason = refused(ask(&chain, &token));
        assert!(reason.detail().len() < 400, "{}", reason.detail().len());
        assert!(!reason.detail().chars().any(char::is_control));
        assert!(!reason.detail().contains(&token[token.len() - 40..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_are_never_verified_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let directory = Directory::minimal("token_prefix = 'T '", &[P256.jwk()]);
        let chain = directory.chain();
        for secret in [bytes.clone(), [b"T ", bytes.as_slice()].concat()] {
            let outcome = chain.authenticate_alone(&presented("token", &secret), &at(NOW));
            prop_assert!(!matches!(outcome, Outcome::Verified(_)));
        }
    }

    #[test]
    fn arbitrary_headers_and_payloads_never_panic(header in "\\PC{0,80}", payload in "\\PC{0,120}") {
        let keys = KeySet::from_jwks(crate::testing::jwks(&[ED.jwk()]).as_bytes()).unwrap();
        let token = ED.compact("EdDSA", &header, &payload);
        let _ = inspect(token.as_bytes());
        prop_assert!(verify_token(token.as_bytes(), &keys, Duration::ZERO, at(NOW)).is_err());
    }

    #[test]
    fn a_changed_token_is_never_accepted(at_byte in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let keys = KeySet::from_jwks(crate::testing::jwks(&[ED.jwk()]).as_bytes()).unwrap();
        let token = ED.token("EdDSA", &claims(json!({})));
        prop_assert!(verify_signature(token.as_bytes(), &keys).is_ok());
        let mut changed = token.clone().into_bytes();
        let index = at_byte.index(changed.len());
        changed[index] = to.as_bytes()[0];
        if changed != token.as_bytes() {
            prop_assert!(verify_signature(&changed, &keys).is_err());
        }
    }
}
