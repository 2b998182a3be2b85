//! Files of the authenticator directory: TOML, key by key.
//!
//! In: the bytes of `10-corp.toml`; key files lie beside it.
//! Held: a file that is taken is complete and holds nothing unknown; an authenticator
//! of tokens speaks for its own issuer and audience alone; where others must be asked,
//! nobody is let in without them; a refusal names a fault, each on a line of its own.
#![no_main]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use toml::{Table, Value};
use warden_authn::{Authenticator, Outcome, at_once, fuzzing};
use warden_core::{Credential, Now, Principal, Timestamp};

const NOW: u64 = 1_800_000_000;
const KNOWN: [&str; 23] = [
    "type",
    "id",
    "users",
    "not_users",
    "issuer",
    "audience",
    "algorithms",
    "leeway_seconds",
    "types",
    "require",
    "claims",
    "token_prefix",
    "jwks_file",
    "key_file",
    "secret_file",
    "jwks_url",
    "discovery_url",
    "access_token_issuer",
    "refresh_seconds",
    "unknown_key_seconds",
    "max_key_age_seconds",
    "require_binding",
    "endpoint",
];
const OTHERS: [&str; 4] = ["introspection", "userinfo", "ldap", "certificate"];
const SOURCES: [&str; 4] = ["jwks_file", "key_file", "secret_file", "jwks_url"];
const HMACS: [&str; 3] = ["HS256", "HS384", "HS512"];

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any seed makes a key"));
static FILE: LazyLock<PathBuf> = LazyLock::new(directory);

fuzz_target!(|data: &[u8]| {
    match fuzzing::authenticator_file(&FILE, data) {
        Ok(authenticator) => {
            let text = std::str::from_utf8(data).expect("a file that is taken is UTF-8");
            let table: Table = toml::from_str(text).expect("a file that is taken is TOML");
            let kind = table["type"].as_str().expect("there is a type");
            if kind == "jwt" {
                is_complete(&table);
                speaks_for_its_own(authenticator.as_ref(), &table);
            } else {
                assert!(OTHERS.contains(&kind), "{kind}");
                let outcome = ask(authenticator.as_ref(), "any", "any");
                assert!(
                    !matches!(outcome, Outcome::Verified(_)),
                    "lets somebody in alone"
                );
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a fault");
            for fault in faults {
                let told = fault.to_string();
                assert!(!told.chars().any(char::is_control), "{told:?}");
                assert!(!fault.message.is_empty());
            }
        }
    }
});

fn is_complete(table: &Table) {
    let known = |key: &&String| KNOWN.contains(&key.as_str());
    let unknown: Vec<_> = table.keys().filter(|key| !known(key)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(!issuer(table).is_empty());
    let audience = strings(table, "audience").expect("there is an audience");
    assert!(!audience.is_empty() && audience.iter().all(|one| !one.is_empty()));
    let named = SOURCES.iter().filter(|key| table.contains_key(**key));
    assert!(named.count() <= 1);
    let shared = table.contains_key("secret_file");
    let algorithms = strings(table, "algorithms");
    assert!(
        !shared || algorithms.is_some(),
        "HMAC is in force without being named"
    );
    for name in algorithms.unwrap_or_default() {
        assert_eq!(HMACS.contains(&name), shared, "{name}");
    }
    let leeway = table
        .get("leeway_seconds")
        .and_then(Value::as_integer)
        .unwrap_or(30);
    assert!((0..=300).contains(&leeway), "{leeway}");
    if let Some(Value::Table(claims)) = table.get("claims") {
        let known = ["name", "groups", "group_separators", "scopes"];
        assert!(
            claims.keys().all(|key| known.contains(&key.as_str())),
            "{claims:?}"
        );
    }
}

fn speaks_for_its_own(authenticator: &dyn Authenticator, table: &Table) {
    let issuer = issuer(table);
    let audience = strings(table, "audience").expect("there is an audience")[0];
    let verified = |iss: &str, aud: &str| match ask(authenticator, iss, aud) {
        Outcome::Verified(principal) => {
            assert_eq!(principal.authenticator, *authenticator.id());
            true
        }
        _ => false,
    };
    let others = format!("{issuer}/");
    let second = table.get("access_token_issuer").and_then(Value::as_str);
    assert!(
        second == Some(others.as_str()) || !verified(&others, audience),
        "verifies another issuer's token"
    );
    let elsewhere = strings(table, "audience")
        .into_iter()
        .flatten()
        .map(str::len)
        .max();
    let elsewhere = "x".repeat(elsewhere.unwrap_or_default() + 1);
    assert!(
        !verified(issuer, &elsewhere),
        "verifies a token for another audience"
    );
    let plain = [
        "require",
        "require_binding",
        "claims",
        "types",
        "algorithms",
        "token_prefix",
    ];
    let ours = table.get("jwks_file").and_then(Value::as_str) == Some("keys.json");
    if ours && !plain.iter().any(|key| table.contains_key(*key)) {
        assert!(verified(issuer, audience), "does not verify its own token");
    }
}

fn ask(authenticator: &dyn Authenticator, iss: &str, aud: &str) -> Outcome<Box<Principal>> {
    let claims = json!({ "iss": iss, "aud": aud, "sub": "alice", "exp": NOW + 600 });
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!(
        "{}.{}",
        encode(r#"{"alg":"EdDSA"}"#),
        encode(&claims.to_string())
    );
    let signature = KEY.sign(message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    let credential = Credential::new(b"token", token.as_bytes()).expect("the name is UTF-8");
    let now = Now {
        wall: Timestamp::from_unix_seconds(NOW),
        monotonic: Duration::from_secs(1000),
    };
    at_once(authenticator.authenticate(&credential.into(), &now))
}

fn issuer(table: &Table) -> &str {
    table["issuer"].as_str().expect("there is an issuer")
}

fn strings<'a>(table: &'a Table, key: &str) -> Option<Vec<&'a str>> {
    let list = table.get(key)?.as_array()?;
    list.iter().map(Value::as_str).collect()
}

/// A directory with a key file of each kind; the path of a file in it.
fn directory() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("warden-fuzz-file-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    let write = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, content).expect("a file can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("and kept to oneself");
    };
    let x = URL_SAFE_NO_PAD.encode(KEY.public_key().as_ref());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] });
    write("keys.json", keys.to_string().as_bytes());
    write("secret", &[b's'; 64]);
    directory.join("10-corp.toml")
}
