//! Which key material is accepted, and which fails a whole set.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::testing::{ED, P256, P384, P521, RSA, SECRET, Signer, b64, certificate, jwks, pem};
use crate::verify_signature;

fn set(keys: &[Value]) -> Result<KeySet, Error> {
    KeySet::from_jwks(jwks(keys).as_bytes())
}

fn fault(keys: &[Value]) -> String {
    set(keys)
        .err()
        .expect("the set must be refused")
        .to_string()
}

fn verifies(keys: &KeySet, signer: &Signer, alg: &str) -> bool {
    verify_signature(signer.token(alg, &json!({})).as_bytes(), keys).is_ok()
}

#[test]
fn public_keys_and_certificates_in_pem_verify() {
    for (signer, alg) in [
        (&*RSA, "RS256"),
        (&*P256, "ES256"),
        (&*P384, "ES384"),
        (&*P521, "ES512"),
        (&*ED, "EdDSA"),
        (&*ED, "Ed25519"),
    ] {
        let spki = signer.spki();
        for text in [
            pem("PUBLIC KEY", &spki),
            pem("CERTIFICATE", &certificate(&spki, None)),
            pem("CERTIFICATE", &certificate(&spki, Some(0x80))),
        ] {
            let keys = KeySet::from_pem(text.as_bytes()).unwrap();
            assert!(verifies(&keys, signer, alg), "{alg}");
        }
    }
    let keys = KeySet::from_pem(pem("RSA PUBLIC KEY", &RSA.pkcs1()).as_bytes()).unwrap();
    assert!(verifies(&keys, &RSA, "PS512"));
}

#[test]
fn a_private_key_is_refused_in_every_form() {
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        let error = KeySet::from_pem(pem(label, &RSA.spki()).as_bytes())
            .err()
            .unwrap();
        assert!(error.to_string().contains("private"), "{error}");
    }
    assert!(fault(&[P256.jwk_with(&json!({ "d": "AA" }))]).contains("private"));
}

#[test]
fn a_certificate_not_for_signatures_is_refused() {
    let text = pem("CERTIFICATE", &certificate(&P256.spki(), Some(0x20)));
    assert!(KeySet::from_pem(text.as_bytes()).is_err());
}

#[test]
fn a_pem_file_holds_exactly_one_block() {
    let one = pem("PUBLIC KEY", &P256.spki());
    for text in [
        String::new(),
        "text".to_owned(),
        format!("{one}{one}"),
        one.replace("END", "BEGIN"),
        one.replace('M', "*"),
    ] {
        assert!(KeySet::from_pem(text.as_bytes()).is_err());
    }
    let mut longer = P256.spki();
    longer.push(0);
    assert!(KeySet::from_pem(pem("PUBLIC KEY", &longer).as_bytes()).is_err());
    assert!(KeySet::from_pem(pem("CERTIFICATE REQUEST", &P256.spki()).as_bytes()).is_err());
}

#[test]
fn an_rsa_key_below_2048_bits_is_refused_at_load() {
    let modulus = |bytes: usize| {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = 0x80;
        b64(modulus)
    };
    let key = |bytes: usize, e: &str| json!({ "kty": "RSA", "n": modulus(bytes), "e": e });
    assert!(set(&[key(256, "AQAB")]).is_ok());
    assert!(fault(&[key(255, "AQAB")]).contains("2040 bits"));
    assert!(fault(&[key(128, "AQAB")]).contains("1024 bits"));
    assert!(fault(&[key(1025, "AQAB")]).contains("bits"));
    for e in ["AQ", "Ag", "", "AQAA", "AQAAAAAB"] {
        assert!(fault(&[key(256, e)]).contains("malformed"), "{e}");
    }
    let zeros = b64([vec![0; 200], vec![0xff; 100]].concat());
    assert!(fault(&[json!({ "kty": "RSA", "n": zeros, "e": "AQAB" })]).contains("800 bits"));
}

#[test]
fn a_point_off_its_curve_or_of_another_length_is_refused() {
    let good = P256.jwk();
    let x = URL_SAFE_NO_PAD.decode(good["x"].as_str().unwrap()).unwrap();
    let y = URL_SAFE_NO_PAD.decode(good["y"].as_str().unwrap()).unwrap();
    let with = |members: Value| P256.jwk_with(&members);
    let borrowed = [&x[..], &y[..1]].concat();
    for bad in [
        with(json!({ "x": b64(borrowed), "y": b64(&y[1..]) })),
        with(json!({ "x": good["y"] , "y": good["x"] })),
        with(json!({ "x": b64(&x[1..]) })),
        with(json!({ "crv": "P-384" })),
        with(json!({ "crv": "P-521" })),
        with(json!({ "x": null })),
        with(json!({ "y": "****" })),
        with(json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&x[1..]) })),
        with(json!({ "kty": "RSA" })),
        with(json!({ "crv": null })),
        P521.jwk_with(&json!({ "crv": "P-384" })),
        json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
    ] {
        assert!(set(std::slice::from_ref(&bad)).is_err(), "{bad}");
    }
    // RFC 7518 §6.2.1.2: the coordinates of P-521 have 66 bytes, zeros included.
    let half = |member: &str| {
        let text = P521.jwk()[member].as_str().unwrap().to_owned();
        URL_SAFE_NO_PAD.decode(text).unwrap()
    };
    let cut = json!({ "x": b64(&half("x")[1..]), "y": b64(&half("y")[1..]) });
    assert!(set(&[P521.jwk()]).is_ok() && set(&[P521.jwk_with(&cut)]).is_err());
}

#[test]
fn an_alg_at_odds_with_its_key_is_refused_at_load() {
    for (signer, alg) in [
        (&*RSA, "ES256"),
        (&*P256, "ES384"),
        (&*P256, "RS256"),
        (&*P521, "ES384"),
        (&*P384, "ES512"),
        (&*P256, "EdDSA"),
        (&*ED, "ES256"),
        (&*RSA, "HS256"),
    ] {
        assert!(
            fault(&[signer.jwk_with(&json!({ "alg": alg }))]).contains("at odds"),
            "{alg}"
        );
    }
}

#[test]
fn a_keys_own_alg_is_the_only_one_it_allows() {
    let keys = set(&[RSA.jwk_with(&json!({ "alg": "PS256" }))]).unwrap();
    assert!(verifies(&keys, &RSA, "PS256"));
    assert!(!verifies(&keys, &RSA, "RS256"));
}

#[test]
fn a_key_of_the_old_name_of_ed25519_does_not_serve_the_new_one_nor_the_other_way_round() {
    let both = set(&[ED.jwk()]).unwrap();
    for (own, other) in [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let keys = set(&[ED.jwk_with(&json!({ "alg": own }))]).unwrap();
        assert!(verifies(&keys, &ED, own) && verifies(&both, &ED, own));
        assert!(!verifies(&keys, &ED, other), "{own}");
    }
}

#[test]
fn keys_for_something_else_are_left_out() {
    for members in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "key_ops": [] }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "alg": "ES256K" }),
        json!({ "kty": "AKP" }),
    ] {
        let other = RSA.jwk_with(&members);
        assert!(
            fault(std::slice::from_ref(&other)).contains("no key"),
            "{members}"
        );
        let keys = set(&[
            other,
            P256.jwk_with(&json!({ "use": "sig", "key_ops": ["verify"] })),
        ])
        .unwrap();
        assert_eq!(keys.len(), 1);
        assert!(!verifies(&keys, &RSA, "RS256"), "{members}");
    }
    // Nor does it become one for signatures by being named, alone or under a shared name.
    let named = |key: &Signer, members: Value| {
        let mut members = members;
        members["kid"] = json!("k");
        key.jwk_with(&members)
    };
    for purpose in [json!({ "use": "enc" }), json!({ "key_ops": ["sign"] })] {
        let keys = set(&[named(&RSA, purpose), named(&P256, json!({ "use": "sig" }))]).unwrap();
        let header = |alg: &str| json!({ "alg": alg, "kid": "k" }).to_string();
        let is_good = |key: &Signer, alg: &str| {
            verify_signature(key.compact(alg, &header(alg), "{}").as_bytes(), &keys).is_ok()
        };
        assert!(is_good(&P256, "ES256") && !is_good(&RSA, "RS256") && !is_good(&RSA, "PS256"));
    }
    for (kty, crv) in [("EC", "secp256k1"), ("OKP", "Ed448"), ("OKP", "X25519")] {
        let other = json!({ "kty": kty, "crv": crv, "x": "AA", "y": "AA" });
        assert!(fault(&[other]).contains("no key"), "{crv}");
    }
}

#[test]
fn a_shared_secret_in_a_key_set_is_refused() {
    assert!(fault(&[RSA.jwk(), SECRET.jwk()]).contains("secret_file"));
}

#[test]
fn a_malformed_key_set_is_refused_whole() {
    let many: Vec<_> = (0..1001).map(|_| json!({ "kty": "x" })).collect();
    assert!(fault(&many).contains("1000"));
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "<html></html>",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[{}]}"#,
        r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#,
        r#"{"keys":[{"kty":1}]}"#,
        r#"{"keys":[{"kty":"x","x5t":1}]}"#,
        r#"{"keys":[{"kty":"x","x5t#S256":["x"]}]}"#,
    ] {
        assert!(KeySet::from_jwks(text.as_bytes()).is_err(), "{text}");
    }
    let half = &jwks(&[RSA.jwk(), P256.jwk()])[..300];
    assert!(KeySet::from_jwks(half.as_bytes()).is_err());
    assert!(
        fault(&[
            P256.jwk(),
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })
        ])
        .contains("key 1")
    );
}

#[test]
fn a_secret_shorter_than_its_hash_is_refused() {
    let able =
        |bytes: usize| KeySet::from_secret(&vec![b'k'; bytes]).map(|keys| keys.algorithms().len());
    assert!(able(31).is_err());
    assert_eq!(able(32), Ok(1));
    assert_eq!(able(48), Ok(2));
    assert_eq!(able(64), Ok(3));
}

#[test]
fn a_secret_loses_one_trailing_line_end_and_nothing_else() {
    let secret = [b'k'; 40];
    for (end, good) in [
        ("", true),
        ("\n", true),
        ("\r\n", true),
        (" ", false),
        ("\n\n", false),
    ] {
        let keys = KeySet::from_secret(&[secret.as_slice(), end.as_bytes()].concat()).unwrap();
        assert_eq!(
            verifies(&keys, &Signer::Secret(secret.to_vec()), "HS256"),
            good,
            "{end:?}"
        );
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let text = pem("PUBLIC KEY", &RSA.spki());
    assert!(KeySet::from_secret(text.as_bytes()).is_err());
    assert!(KeySet::from_secret(format!("\n{text}").as_bytes()).is_err());
    for key in [&RSA, &P256, &P521, &ED] {
        let (spki, jwk) = (key.spki(), key.jwk());
        let certificate = certificate(&spki, None);
        for public in [
            jwk.to_string().into_bytes(),
            format!(" {}\n", jwks(&[jwk])).into_bytes(),
            STANDARD.encode(&spki).into_bytes(),
            [STANDARD.encode(&certificate).as_bytes(), b"\r\n"].concat(),
            [&spki[..], b"\n"].concat(),
            spki,
            certificate,
        ] {
            assert!(KeySet::from_secret(&public).is_err(), "{public:?}");
        }
    }
    let der = RSA.pkcs1();
    assert!(KeySet::from_secret(STANDARD.encode(&der).as_bytes()).is_err());
    assert!(KeySet::from_secret(&der).is_err());
    assert!(KeySet::from_secret(&der[1..]).is_ok(), "which is no key");
}

/// That the comparison takes the same time for all of them is the library's promise.
#[test]
fn a_mac_counts_whole_or_not_at_all() {
    let Signer::Secret(secret) = &*SECRET else {
        panic!()
    };
    let keys = KeySet::from_secret(secret).unwrap();
    let token = SECRET.token("HS256", &json!({}));
    let (message, mac) = token.rsplit_once('.').unwrap();
    let mac = URL_SAFE_NO_PAD.decode(mac).unwrap();
    let is_good =
        |mac: &[u8]| verify_signature(format!("{message}.{}", b64(mac)).as_bytes(), &keys).is_ok();
    assert!(is_good(&mac) && !is_good(&[&mac[..], b"\0"].concat()));
    for index in 0..mac.len() {
        let mut changed = mac.clone();
        changed[index] ^= 1;
        assert!(!is_good(&changed) && !is_good(&mac[..index]), "{index}");
    }
}

#[test]
fn a_token_without_key_id_is_tried_on_a_bounded_number_of_keys() {
    let mut all: Vec<_> = (0..16)
        .map(|n| P256.jwk_with(&json!({ "kid": n.to_string() })))
        .collect();
    assert!(verifies(&set(&all).unwrap(), &P256, "ES256"));
    all.push(P256.jwk());
    let reason = verify_signature(
        P256.token("ES256", &json!({})).as_bytes(),
        &set(&all).unwrap(),
    )
    .unwrap_err();
    assert!(reason.detail().contains("too many"));
    all.pop();
    all.extend((0..100).map(|n| P384.jwk_with(&json!({ "kid": format!("x{n}") }))));
    assert!(
        verifies(&set(&all).unwrap(), &P256, "ES256"),
        "other algorithms do not count"
    );
}

#[test]
fn a_block_behind_a_broken_one_is_not_taken() {
    let good = pem("PUBLIC KEY", &P256.spki());
    assert!(KeySet::from_pem(good.as_bytes()).is_ok());
    for broken in [
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE--\n",
        "--\u{1}---BEGIN PUBLIC KEY-----\nMF-----BEGIN PRIVATE KEY-----\n",
    ] {
        let error = KeySet::from_pem(format!("{broken}{good}").as_bytes())
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("exactly one PEM block"),
            "{error}"
        );
    }
}
