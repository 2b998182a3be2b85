//! Tokens, from a client's first byte to a verified principal.
//!
//! In: a letter that says what is done with the bytes behind it. `r`: they are the
//! credential itself. `e`, `h`: header and payload with a line end between them,
//! signed with a key warden trusts, elliptic or shared. `p`: the same, the HMAC made
//! with a *public* key. `t`: a position, a byte, then as `e`, with that byte of the
//! token changed.
//! Held: only what was signed is verified, and only as issuer, audience, dates and
//! names allow; before a signature is good a client learns nothing.
#![no_main]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use warden_authn::{
    Chain, ChainSettings, KeySet, Outcome, Services, inspect, verify_signature, verify_token,
};
use warden_core::{Credential, Now, Principal, ReasonKind, Timestamp};

/// The present: a second of the year 2027.
const NOW: u64 = 1_800_000_000;
/// `leeway_seconds` of both authenticators.
const LEEWAY: u64 = 30;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// Both names of what [`KEY`] does.
const ELLIPTIC: &[&str] = &["EdDSA", "Ed25519"];
/// What the authenticator of [`SECRET`] allows.
const SHARED: &[&str] = &["HS256"];

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any seed makes a key"));
static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::from_jwks(jwks().as_bytes()).expect("the key set is sound"));
static CHAIN: LazyLock<Arc<Chain>> = LazyLock::new(chain);

/// Who may have signed.
#[derive(Clone, Copy, PartialEq)]
enum Signer {
    Elliptic,
    Shared,
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind {
        b'e' => signed(rest, Signer::Elliptic),
        b'h' => signed(rest, Signer::Shared),
        b'p' => signed_with_a_public_key(rest),
        b't' => changed(rest),
        b'r' => raw(rest),
        _ => {}
    }
});

fn raw(token: &[u8]) {
    let _ = inspect(token);
    let _ = verify_token(token, &KEYS, Duration::from_secs(LEEWAY), now());
    // Whatever is verified must be what the key signs: it signs one message one way.
    let message = token
        .iter()
        .rposition(|byte| *byte == b'.')
        .map_or(token, |at| &token[..at]);
    let ours =
        token == compact(message, Signer::Elliptic) || token == compact(message, Signer::Shared);
    if verify_signature(token, &KEYS).is_ok() {
        assert_eq!(token, compact(message, Signer::Elliptic));
    }
    let users = [b"token".as_slice(), b"default", b"alice", b"corp/alice"];
    for outcome in users.map(|user| ask(user, token)) {
        match outcome {
            Outcome::Verified(_) => assert!(ours, "verified without a signature"),
            _ if ours => {}
            outcome => tells_nothing(outcome),
        }
    }
}

fn signed(text: &[u8], signer: Signer) {
    let Some((header, payload)) = halves(text) else {
        return;
    };
    let token = compact(&message(header, payload), signer);
    if signer == Signer::Elliptic && verify_signature(&token, &KEYS).is_ok() {
        let header = plain(header).expect("a verified header is JSON");
        assert!(ELLIPTIC.iter().any(|name| header["alg"] == *name));
    }
    match ask(b"token", &token) {
        Outcome::Verified(principal) => {
            is_as_the_token_says(principal.get(), signer, header, payload);
            let name = principal.get().name.as_str().as_bytes();
            assert!(
                matches!(ask(name, &token), Outcome::Verified(_)),
                "not under its own name"
            );
            assert!(!matches!(ask(b"mallory", &token), Outcome::Verified(_)) || name == b"mallory");
        }
        Outcome::Refused(reason) => {
            let reply = reason.reply();
            assert!(reply.is_about_the_credential(), "{}", reply.as_str());
            assert!(
                !reason.detail().contains(['\n', '\r']),
                "{:?}",
                reason.detail()
            );
        }
        Outcome::Unavailable(_) => panic!("nothing is out of reach"),
        Outcome::NotMine => {}
    }
}

/// The classic confusion: a public key, which everyone knows, taken for a secret.
fn signed_with_a_public_key(text: &[u8]) {
    let Some((header, payload)) = halves(text) else {
        return;
    };
    let message = message(header, payload);
    for known in [KEY.public_key().as_ref(), jwks().as_bytes(), b""] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, known), &message);
        let token = [&message, b".".as_slice(), encode(tag.as_ref()).as_bytes()].concat();
        tells_nothing(ask(b"token", &token));
        assert!(verify_signature(&token, &KEYS).is_err());
    }
}

fn changed(rest: &[u8]) {
    let [high, low, byte, text @ ..] = rest else {
        return;
    };
    let Some((header, payload)) = halves(text) else {
        return;
    };
    let good = compact(&message(header, payload), Signer::Elliptic);
    let mut token = good.clone();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % token.len();
    token[at] = *byte;
    if token != good {
        assert!(
            verify_signature(&token, &KEYS).is_err(),
            "a changed token is accepted"
        );
        tells_nothing(ask(b"token", &token));
    }
}

/// A principal holds exactly what a plain reading of its token allows.
fn is_as_the_token_says(principal: &Principal, signer: Signer, header: &[u8], payload: &[u8]) {
    let header = plain(header).expect("a verified header is JSON");
    let claims = plain(payload).expect("a verified payload is JSON");
    let (id, algorithms, issuer) = match signer {
        Signer::Elliptic => ("corp", ELLIPTIC, "https://idp.test"),
        Signer::Shared => ("shared", SHARED, "https://shared.test"),
    };
    assert_eq!(principal.authenticator.as_str(), id);
    assert!(algorithms.iter().any(|name| header["alg"] == *name));
    for name in ["kid", "x5t", "x5t#S256"] {
        assert!(header.get(name).is_none_or(Value::is_string), "{name}");
    }
    assert!(header.get("crit").is_none());
    let kind = header
        .get("typ")
        .map_or("", |kind| kind.as_str().expect("typ is text"));
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    assert!(["", "jwt", "at+jwt"].contains(&kind), "{kind:?}");
    assert_eq!(claims["iss"], issuer);
    let for_us = match &claims["aud"] {
        Value::Array(list) => list.iter().any(|one| one == "valkey"),
        one => one == "valkey",
    };
    assert!(for_us, "for another audience");
    let seconds = |name: &str| {
        claims
            .get(name)
            .map(|date| date.as_f64().expect("a date is a number"))
    };
    let expires = seconds("exp").expect("a verified token has an end");
    let (now, leeway) = (NOW as f64, LEEWAY as f64);
    assert!(
        expires + leeway > now && expires < 253_402_300_800.0,
        "expired"
    );
    for date in ["nbf", "iat"].into_iter().filter_map(seconds) {
        assert!(
            date >= 0.0 && date <= now + leeway + 0.001,
            "before its time"
        );
    }
    let end = principal.expires.expect("a principal ends with its token");
    assert!((end.as_unix_millis() as f64) <= (expires + leeway) * 1000.0);
    assert_eq!(claims["tier"], "gold", "a requirement does not hold");
    let alphabet = |text: &str| {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._@:/+=,-%".contains(&byte);
        !text.is_empty() && text.bytes().all(sound)
    };
    let name = principal.name.as_str();
    assert!(
        alphabet(name) && !["token", "certificate", "default"].contains(&name),
        "{name:?}"
    );
    for list in [&principal.groups, &principal.scopes] {
        assert!(list.is_sorted() && list.len() <= 1000);
        for group in list {
            let local = group
                .strip_prefix(id)
                .and_then(|rest| rest.strip_prefix('/'));
            assert!(local.is_some_and(alphabet), "{group:?}");
        }
    }
}

/// Before a signature is good, a client hears the one answer everybody hears.
fn tells_nothing(outcome: Outcome) {
    match outcome {
        Outcome::Verified(_) => panic!("verified without a signature"),
        Outcome::Unavailable(_) => panic!("nothing is out of reach"),
        Outcome::NotMine => {}
        Outcome::Refused(reason) => {
            assert_eq!(reason.kind(), ReasonKind::Credential, "{}", reason.detail());
            let reply = reason.reply();
            let all_hear = "WRONGPASS invalid username-password pair or user is disabled.";
            assert_eq!(reply.as_str(), all_hear);
        }
    }
}

fn ask(user: &[u8], secret: &[u8]) -> Outcome {
    let credential = Credential::new(user, secret).expect("the name is UTF-8");
    let is_claimed = CHAIN.claims(&credential, false).is_some();
    let outcome = CHAIN.authenticate_alone(&credential.into(), &now());
    if !is_claimed {
        assert!(
            matches!(outcome, Outcome::NotMine),
            "asked without having claimed it"
        );
    }
    outcome
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(NOW),
        monotonic: Duration::from_secs(1000),
    }
}

fn halves(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

fn plain(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn message(header: &[u8], payload: &[u8]) -> Vec<u8> {
    format!("{}.{}", encode(header), encode(payload)).into_bytes()
}

fn compact(message: &[u8], signer: Signer) -> Vec<u8> {
    let signature = match signer {
        Signer::Elliptic => KEY.sign(message).as_ref().to_vec(),
        Signer::Shared => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
            hmac::sign(&key, message).as_ref().to_vec()
        }
    };
    [message, b".", encode(&signature).as_bytes()].concat()
}

fn jwks() -> String {
    let x = encode(KEY.public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] }).to_string()
}

/// Two authenticators as an operator would write them.
fn chain() -> Arc<Chain> {
    let directory = std::env::temp_dir().join(format!("warden-fuzz-token-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    let write = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, content).expect("a file can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("and kept to oneself");
    };
    let settings = |issuer: &str, keys: &str| {
        format!(
            "type = 'jwt'\nissuer = '{issuer}'\naudience = ['valkey']\nleeway_seconds = {LEEWAY}\n{keys}\n\
             [claims]\nname = ['/upn', 'sub']\n[require]\ntier = 'gold'\n"
        )
    };
    let elliptic = settings("https://idp.test", "jwks_file = 'keys.json'");
    let shared = "secret_file = 'secret'\nalgorithms = ['HS256']\ntoken_prefix = 'jwt:'";
    write("10-corp.toml", elliptic.as_bytes());
    write(
        "20-shared.toml",
        settings("https://shared.test", shared).as_bytes(),
    );
    write("keys.json", jwks().as_bytes());
    write("secret", SECRET);
    let report = Chain::load(
        &directory,
        &ChainSettings::default(),
        &Services::offline(),
        None,
    );
    let _ = fs::remove_dir_all(&directory);
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    report.chain
}
