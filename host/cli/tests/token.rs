//! `warden token`, run as its users run it.
//!
//! In: the built command line and a temporary directory. Out: what it printed and
//! its exit status, compared with what was promised. No server is involved.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod run;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use run::Run;

fn warden(arguments: &[&str]) -> Run {
    run::warden(arguments, "")
}

/// A directory for keys.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Mints for alice with the key in `keys/`, which the first call makes.
    #[track_caller]
    fn mint(&self, more: &[&str]) -> String {
        mint(&["--key-dir", &self.text("keys")], more)
    }

    fn jwks(&self) -> String {
        self.text("keys/jwks.json")
    }
}

#[track_caller]
fn mint(key: &[&str], more: &[&str]) -> String {
    let run = try_mint(key, more).expect(0);
    assert_eq!(run.err, "");
    run.out.strip_suffix('\n').expect("one line").to_owned()
}

fn try_mint(key: &[&str], more: &[&str]) -> Run {
    let fixed = [
        "token",
        "mint",
        "--issuer",
        "https://idp.example.com",
        "--audience",
        "valkey",
        "--subject",
        "alice",
    ];
    warden(&[&fixed, key, more].concat())
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The token with its last claims' byte changed, and nothing else.
fn tampered(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims = part(token, 1);
    claims["sub"] = json!("mallory");
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[test]
fn the_first_token_makes_a_private_key_and_its_public_half() {
    let place = Place::new();
    let token = place.mint(&[]);
    assert_eq!(mode(&place.path("keys/key.pem")), 0o600);
    let pem = fs::read_to_string(place.path("keys/key.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"), "{pem}");
    let set: Value = serde_json::from_str(&fs::read_to_string(place.jwks()).unwrap()).unwrap();
    let key = &set["keys"][0];
    assert_eq!(key["kty"], "RSA");
    assert_eq!(key["use"], "sig");
    assert_eq!(
        key["kid"],
        part(&token, 0)["kid"],
        "the token names its key"
    );
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        assert!(key.get(private).is_none(), "{private} is in the JWKS");
    }
}

#[test]
fn a_key_is_made_once_and_nothing_is_overwritten() {
    let place = Place::new();
    place.mint(&[]);
    let before = (
        fs::read(place.path("keys/key.pem")).unwrap(),
        fs::read(place.jwks()).unwrap(),
    );
    let second = place.mint(&["--algorithm", "PS512"]);
    let refused = try_mint(
        &["--key-dir", &place.text("keys")],
        &["--algorithm", "ES256"],
    )
    .expect(1);
    assert!(refused.err.contains("key.pem"), "{}", refused.err);
    assert_eq!(refused.out, "");
    let after = (
        fs::read(place.path("keys/key.pem")).unwrap(),
        fs::read(place.jwks()).unwrap(),
    );
    assert!(before == after);
    warden(&["token", "verify", "--jwks", &place.jwks(), &second]).expect(0);
}

#[test]
fn a_missing_jwks_is_made_again_and_a_lonely_one_is_refused() {
    let place = Place::new();
    place.mint(&[]);
    let set = fs::read(place.jwks()).unwrap();
    fs::remove_file(place.jwks()).unwrap();
    place.mint(&[]);
    assert_eq!(fs::read(place.jwks()).unwrap(), set);
    fs::remove_file(place.path("keys/key.pem")).unwrap();
    let run = try_mint(&["--key-dir", &place.text("keys")], &[]).expect(1);
    assert!(run.err.contains("jwks.json"), "{}", run.err);
    assert!(!place.path("keys/key.pem").exists());
}

#[test]
fn every_public_key_algorithm_is_minted_and_verified_by_its_jwks() {
    for algorithm in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ] {
        let place = Place::new();
        let token = place.mint(&["--algorithm", algorithm]);
        assert_eq!(part(&token, 0)["alg"], algorithm);
        let run = warden(&["token", "verify", "--jwks", &place.jwks(), &token]).expect(0);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("valid\n", ""));
        let other = Place::new();
        other.mint(&["--algorithm", algorithm]);
        let run = warden(&["token", "verify", "--jwks", &other.jwks(), &token]).expect(1);
        assert!(run.out.starts_with("invalid: "), "{}", run.out);
    }
}

#[test]
fn a_token_is_verified_by_a_public_key_in_pem() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    let place = Place::new();
    let token = place.mint(&["--algorithm", "EdDSA"]);
    let private = pem::parse(fs::read(place.path("keys/key.pem")).unwrap()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(private.contents()).unwrap();
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", der.as_ref()));
    fs::write(place.path("public.pem"), public).unwrap();
    warden(&[
        "token",
        "verify",
        "--key",
        &place.text("public.pem"),
        &token,
    ])
    .expect(0);
    // A private key is not what anything is verified with.
    let run = warden(&[
        "token",
        "verify",
        "--key",
        &place.text("keys/key.pem"),
        &token,
    ])
    .expect(1);
    assert!(run.err.contains("private key"), "{}", run.err);
    assert_eq!(run.out, "");
}

#[test]
fn every_shared_secret_algorithm_is_minted_and_verified_by_the_secret() {
    let place = Place::new();
    for end in ["", "\n", "\r\n"] {
        fs::write(
            place.path("secret"),
            format!("{}{end}", "0123456789abcdef".repeat(4)),
        )
        .unwrap();
        for algorithm in ["HS256", "HS384", "HS512"] {
            let secret = place.text("secret");
            let token = mint(&["--key", &secret], &["--algorithm", algorithm]);
            assert_eq!(part(&token, 0)["alg"], algorithm);
            warden(&["token", "verify", "--secret", &secret, &token]).expect(0);
            warden(&["token", "verify", "--secret", &secret, &tampered(&token)]).expect(1);
        }
    }
    try_mint(
        &["--key-dir", &place.text("keys")],
        &["--algorithm", "HS256"],
    )
    .expect(2);
}

#[test]
fn a_minted_token_holds_what_was_asked_for() {
    let place = Place::new();
    let token = place.mint(&[
        "--audience",
        "other",
        "--group",
        "analysts",
        "--group",
        "ops",
        "--scope",
        "read",
        "--scope",
        "write",
        "--claim",
        "office=rome",
        "--claim",
        "level=3",
        "--claim",
        "team={\"name\":\"a=b\"}",
        "--claim",
        "sub=bob",
        "--kid",
        "mine",
        "--expires-in",
        "60",
    ]);
    let claims = part(&token, 1);
    assert_eq!(claims["iss"], "https://idp.example.com");
    assert_eq!(claims["aud"], json!(["valkey", "other"]));
    assert_eq!(claims["groups"], json!(["analysts", "ops"]));
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["office"], "rome");
    assert_eq!(claims["level"], 3);
    assert_eq!(claims["team"]["name"], "a=b");
    assert_eq!(claims["sub"], "bob", "a claim by name replaces an option's");
    assert_eq!(part(&token, 0)["kid"], "mine");
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 60);
}

#[test]
fn an_expired_token_is_invalid_and_says_so_unless_only_the_signature_counts() {
    let place = Place::new();
    let token = place.mint(&["--expires-in", "-60"]);
    let jwks = place.jwks();
    let run = warden(&["token", "verify", "--jwks", &jwks, &token]).expect(1);
    assert!(
        run.out.starts_with("invalid: the token expired"),
        "{}",
        run.out
    );
    assert_eq!(run.err, "");
    let verify = ["token", "verify", "--jwks", &jwks, &token];
    warden(&[&verify[..], &["--signature-only"]].concat()).expect(0);
    warden(&[&verify[..], &["--leeway-seconds", "120"]].concat()).expect(0);
    warden(&[&verify[..], &["--leeway-seconds", "301"]].concat()).expect(2);
}

#[test]
fn a_changed_token_is_invalid_whatever_is_checked() {
    let place = Place::new();
    let token = tampered(&place.mint(&[]));
    let jwks = place.jwks();
    for more in [&[][..], &["--signature-only"]] {
        let run = warden(&[&["token", "verify", "--jwks", &jwks, &token], more].concat()).expect(1);
        assert!(run.out.contains("signature is wrong"), "{}", run.out);
    }
}

#[test]
fn verification_answers_in_json() {
    let place = Place::new();
    let token = place.mint(&[]);
    let jwks = place.jwks();
    let verify = |token: &str| warden(&["token", "verify", "--json", "--jwks", &jwks, token]);
    let good = verify(&token).expect(0).json();
    assert_eq!(good["valid"], true);
    assert_eq!(good["claims"]["sub"], "alice");
    assert_eq!(good["header"]["alg"], "RS256");
    let bad = verify(&tampered(&token)).expect(1).json();
    assert_eq!(bad["valid"], false);
    assert!(bad["reason"].as_str().unwrap().contains("signature"));
    assert_eq!(
        bad.as_object().unwrap().len(),
        2,
        "nothing unverified: {bad}"
    );
}

#[test]
fn inspecting_shows_header_and_claims_and_verifies_nothing() {
    let place = Place::new();
    let token = place.mint(&["--expires-in", "-60"]);
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(r#"{"sub":"alice"}"#)
    );
    for token in [token.as_str(), &tampered(&token), &unsigned] {
        let shown = warden(&["token", "inspect", token]).expect(0).json();
        assert_eq!(shown["header"], part(token, 0));
        assert_eq!(shown["claims"], part(token, 1));
        assert_eq!(shown["verified"], false);
    }
}

#[test]
fn what_is_no_token_is_an_error_of_one_line() {
    let place = Place::new();
    place.mint(&[]);
    for garbage in [
        "",
        "x",
        "a.b",
        "a.b.c.d",
        "!.!.!",
        "e30=.e30.AA",
        "\u{1b}[31m",
    ] {
        let run = warden(&["token", "inspect", garbage]).expect(1);
        assert_eq!(run.out, "");
        assert!(run.err.starts_with("warden: "), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(!run.err.contains('\u{1b}'));
        let run = warden(&["token", "verify", "--jwks", &place.jwks(), garbage]).expect(1);
        assert!(run.out.starts_with("invalid: "), "{}", run.out);
    }
}

#[test]
fn a_dash_reads_the_token_from_standard_input() {
    let place = Place::new();
    let token = place.mint(&[]);
    let line = format!("{token}\n");
    let run = run::warden(&["token", "inspect", "-"], &line).expect(0);
    assert_eq!(run.json()["claims"]["sub"], "alice");
    let jwks = place.jwks();
    run::warden(&["token", "verify", "--jwks", &jwks, "-"], &line).expect(0);
    run::warden(&["token", "verify", "--jwks", &jwks, "-"], "").expect(1);
    // Longer than anything a server takes: refused, not cut until it fits.
    let long = format!("{}{token}", " ".repeat(40_000));
    run::warden(&["token", "verify", "--jwks", &jwks, "-"], &long).expect(1);
}

#[test]
fn wrong_usage_is_status_2_and_names_the_option() {
    let place = Place::new();
    let keys = place.text("keys");
    for (run, word) in [
        (try_mint(&[], &[]), "--key-dir"),
        (try_mint(&["--key-dir", &keys, "--key", "x"], &[]), "--key"),
        (
            try_mint(&["--key-dir", &keys], &["--algorithm", "none"]),
            "--algorithm",
        ),
        (
            try_mint(&["--key-dir", &keys], &["--claim", "office"]),
            "--claim",
        ),
        (warden(&["token", "verify", "x"]), "--jwks"),
        (
            warden(&["token", "verify", "x", "--jwks", "a", "--secret", "b"]),
            "--secret",
        ),
    ] {
        let run = run.expect(2);
        assert!(run.err.contains(word), "{}", run.err);
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_key_file_that_is_not_there_is_named() {
    let run = warden(&["token", "verify", "--jwks", "/nonexistent/jwks.json", "x"]).expect(1);
    assert!(run.err.contains("/nonexistent/jwks.json"), "{}", run.err);
}

#[test]
fn nothing_of_a_private_key_is_ever_shown() {
    let place = Place::new();
    fs::write(place.path("key.pem"), "CANARYc4n4ry").unwrap();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let run = try_mint(
            &["--key", &place.text("key.pem")],
            &["--algorithm", algorithm],
        )
        .expect(1);
        assert!(!format!("{}{}", run.out, run.err).contains("CANARY"));
    }
}
