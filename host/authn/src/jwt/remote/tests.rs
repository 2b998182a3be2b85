//! Keys that are fetched, kept, renewed, and looked for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use warden_core::ReasonKind;

use crate::testing::online::Online;
use crate::testing::web::{Answer, Seen, Web};
use crate::testing::{
    Directory, ED, OTHER_RSA, P256, RSA, Signer, claims, jwks, presented, refused, verified,
};
use crate::{Chain, ChainSettings, Outcome};

/// A provider of which tests say what keys it has.
struct Provider {
    web: Web,
    online: Online,
    directory: Directory,
    _state: TempDir,
}

fn key(id: &str, signer: &Signer) -> Value {
    signer.jwk_with(&json!({ "kid": id }))
}

fn token(id: &str, alg: &str, signer: &Signer, issuer: &str) -> String {
    let header = json!({ "alg": alg, "kid": id }).to_string();
    signer.compact(alg, &header, &claims(json!({ "iss": issuer })).to_string())
}

impl Provider {
    /// Found by discovery; `more` are lines of the file.
    fn new(more: &str) -> Self {
        Self::with(more, "")
    }

    /// `endpoint` are lines of that table.
    fn with(more: &str, endpoint: &str) -> Self {
        let state = TempDir::new().unwrap();
        let provider = Self {
            web: Web::start(|_| Answer::new(500, "")),
            online: Online::with_state(Some(&state.path().join("state"))),
            directory: Directory::new(),
            _state: state,
        };
        let file = format!(
            "type = 'jwt'\nissuer = '{}'\naudience = ['valkey']\n{more}\n[endpoint]\nallow_loopback_http = true\nretries = 0\n{endpoint}",
            provider.issuer()
        );
        provider.directory.write("10-corp.toml", file);
        provider
    }

    fn issuer(&self) -> String {
        self.web.url("/idp")
    }

    fn publish(&self, keys: &[Value]) {
        let (issuer, keys) = (self.issuer(), jwks(keys));
        let address = self.web.url("/keys");
        self.web.answer(move |seen| match seen.path.as_str() {
            "/idp/.well-known/openid-configuration" => {
                Answer::ok(json!({ "issuer": issuer, "jwks_uri": address }).to_string())
            }
            "/keys" => Answer::ok(keys.clone()),
            _ => Answer::new(404, ""),
        });
    }

    fn keys(&self, answer: impl Fn(&Seen) -> Answer + Send + 'static) {
        let issuer = self.issuer();
        let address = self.web.url("/keys");
        self.web.answer(move |seen| match seen.path.as_str() {
            "/keys" => answer(seen),
            _ => Answer::ok(json!({ "issuer": issuer, "jwks_uri": address }).to_string()),
        });
    }

    /// Loaded, and asking for keys already.
    fn chain(&self) -> Arc<Chain> {
        let before = self.web.seen().len();
        let report = Chain::load(
            &self.directory.path(""),
            &ChainSettings::default(),
            &self.online.services,
            None,
        );
        let errors: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, Vec::<String>::new());
        self.until("a first fetch", || self.web.seen().len() > before);
        report.chain
    }

    fn ask(&self, chain: &Chain, token: &str) -> Outcome {
        let presented = presented("token", token);
        self.online
            .wait(chain.authenticate(&presented, self.online.clock.as_ref()))
    }

    /// Waits for what happens in the background.
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            crate::testing::pause(Duration::from_millis(10));
        }
        panic!(
            "never: {what}; heard {:?}",
            self.online.heard.warnings.lock().unwrap()
        );
    }
}

fn unavailable(outcome: Outcome) -> String {
    match outcome {
        Outcome::Unavailable(reason) => {
            assert_eq!(reason.kind(), ReasonKind::Unavailable);
            reason.detail().to_owned()
        }
        other => panic!("decided: {other:?}"),
    }
}

#[test]
fn a_token_is_verified_with_the_keys_that_discovery_leads_to() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &RSA)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, &issuer)));
    refused(provider.ask(&chain, &token("k1", "RS256", &OTHER_RSA, &issuer)));
    assert!(matches!(
        provider.ask(&chain, &token("k1", "RS256", &RSA, "https://other.test")),
        Outcome::NotMine
    ));
    let status = chain.authenticators().next().unwrap();
    assert!(status.keys_changed.is_some() && status.trouble.is_none());
}

#[test]
fn a_foreign_issuers_token_causes_no_call() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &RSA)]);
    let chain = provider.chain();
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, &provider.issuer())));
    let before = provider.web.seen().len();
    for _ in 0..10 {
        provider.ask(&chain, &token("k2", "RS256", &RSA, "https://other.test"));
    }
    assert_eq!(provider.web.seen().len(), before);
}

#[test]
fn a_rotated_key_works_after_the_cool_down_and_what_the_issuer_withdrew_is_forgotten() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &RSA)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, &issuer)));
    provider.publish(&[key("k2", &P256)]);
    let rotated = token("k2", "ES256", &P256, &issuer);
    unavailable(provider.ask(&chain, &rotated));
    provider.online.pass(Duration::from_secs(5));
    verified(provider.ask(&chain, &rotated));
    assert_eq!(*provider.online.heard.withdrawn.lock().unwrap(), 1);
    provider.online.pass(Duration::from_secs(5));
    refused(provider.ask(&chain, &token("k1", "RS256", &RSA, &issuer)));
}

#[test]
fn an_added_key_withdraws_nothing() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &RSA)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, &issuer)));
    provider.publish(&[key("k2", &P256), key("k1", &RSA)]);
    provider.online.pass(Duration::from_secs(5));
    verified(provider.ask(&chain, &token("k2", "ES256", &P256, &issuer)));
    assert_eq!(*provider.online.heard.withdrawn.lock().unwrap(), 0);
}

#[test]
fn ten_thousand_unknown_key_ids_cost_one_fetch_for_each_cool_down() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    verified(provider.ask(&chain, &token("k1", "EdDSA", &ED, &issuer)));
    let before = provider.web.requests("/keys");
    for cool_down in 1..=2 {
        provider.online.pass(Duration::from_secs(5));
        for number in 0..5000 {
            let forged = token(&format!("k{cool_down}-{number}"), "EdDSA", &ED, &issuer);
            assert!(!matches!(
                provider.ask(&chain, &forged),
                Outcome::Verified(_)
            ));
        }
        assert_eq!(provider.web.requests("/keys"), before + cool_down);
    }
}

#[test]
fn a_key_id_that_is_absent_is_not_asked_for_again_for_a_while() {
    let provider = Provider::new("");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    let unknown = token("gone", "EdDSA", &ED, &issuer);
    verified(provider.ask(&chain, &token("k1", "EdDSA", &ED, &issuer)));
    provider.online.pass(Duration::from_secs(5));
    let reason = refused(provider.ask(&chain, &unknown));
    assert_eq!(reason.kind(), ReasonKind::Credential);
    let before = provider.web.requests("/keys");
    provider.online.pass(Duration::from_secs(20));
    refused(provider.ask(&chain, &unknown));
    assert_eq!(provider.web.requests("/keys"), before);
    provider.online.pass(Duration::from_secs(20));
    refused(provider.ask(&chain, &unknown));
    assert_eq!(provider.web.requests("/keys"), before + 1);
}

#[test]
fn what_is_no_good_key_set_never_replaces_good_keys() {
    let provider = Provider::with("", "timeout_ms = 250\n");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    let issuer = provider.issuer();
    let good = token("k1", "EdDSA", &ED, &issuer);
    verified(provider.ask(&chain, &good));
    let private = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }).to_string();
    let bad: Vec<Answer> = vec![
        Answer::ok(""),
        Answer::ok("{}"),
        Answer::ok(r#"{"keys":[]}"#),
        Answer::ok(r#"{"keys":[{"kty":"RSA","n":"AQ","e":"AQ"}]}"#),
        Answer::ok("<html><body>Sign in</body></html>"),
        Answer::ok(private),
        Answer::ok(vec![b' '; 2 << 20]),
        Answer::new(404, "{}"),
        Answer::new(500, ""),
        Answer::new(302, "").with("location", "/other"),
        Answer::new(304, ""),
        Answer::new(204, ""),
        Answer {
            missing: 3,
            ..Answer::ok(jwks(&[key("k2", &ED)]))
        },
        Answer::ok(jwks(&[key("k2", &ED)])).after(Duration::from_secs(1)),
    ];
    for (index, answer) in bad.into_iter().enumerate() {
        let before = provider.web.requests("/keys");
        provider.keys(move |_| answer.clone());
        provider.online.pass(Duration::from_secs(5));
        let unknown = token(&format!("u{index}"), "EdDSA", &ED, &issuer);
        unavailable(provider.ask(&chain, &unknown));
        assert_eq!(provider.web.requests("/keys"), before + 1, "{index}");
        let status = chain.authenticators().next().unwrap();
        assert!(status.trouble.is_some(), "{index}");
        verified(provider.ask(&chain, &good));
    }
    // And after all that it still renews them.
    provider.publish(&[key("k2", &P256)]);
    provider.online.pass(Duration::from_secs(5));
    verified(provider.ask(&chain, &token("k2", "ES256", &P256, &issuer)));
}

#[test]
fn a_discovery_document_of_another_issuer_or_that_leads_elsewhere_is_refused() {
    let provider = Provider::new("");
    let issuer = provider.issuer();
    let documents = [
        json!({ "issuer": "https://evil.test", "jwks_uri": provider.web.url("/keys") }),
        json!({ "issuer": format!("{issuer}/"), "jwks_uri": provider.web.url("/keys") }),
        json!({ "jwks_uri": provider.web.url("/keys") }),
        json!({ "issuer": issuer, "jwks_uri": "https://evil.test/keys" }),
        json!({ "issuer": issuer, "jwks_uri": "file:///etc/passwd" }),
        json!({ "issuer": issuer, "jwks_uri": 1 }),
        json!({ "issuer": issuer }),
    ];
    for document in documents {
        let body = document.to_string();
        let keys = jwks(&[key("k1", &ED)]);
        provider.web.answer(move |seen| match seen.path.as_str() {
            "/keys" => Answer::ok(keys.clone()),
            _ => Answer::ok(body.clone()),
        });
        let chain = provider.chain();
        let why = unavailable(provider.ask(&chain, &token("k1", "EdDSA", &ED, &issuer)));
        assert!(why.contains("discovery document"), "{why}");
    }
    assert_eq!(provider.web.requests("/keys"), 0);
}

#[test]
fn last_good_keys_outlive_an_outage_and_a_restart_but_not_their_age() {
    let provider = Provider::new("max_key_age_seconds = 3600\n");
    provider.publish(&[key("k1", &ED)]);
    let issuer = provider.issuer();
    let good = token("k1", "EdDSA", &ED, &issuer);
    let chain = provider.chain();
    verified(provider.ask(&chain, &good));
    let kept = || {
        let names = std::fs::read_dir(provider._state.path().join("state")).unwrap();
        names
            .flatten()
            .any(|entry| entry.file_name() == "keys-corp.json")
    };
    provider.until("keys on disk", kept);
    drop(chain);
    provider.web.answer(|_| Answer::new(503, ""));
    let restarted = provider.chain();
    verified(provider.ask(&restarted, &good));
    provider.until("trouble", || {
        restarted.authenticators().next().unwrap().trouble.is_some()
    });
    provider.online.pass(Duration::from_secs(3601));
    let why = unavailable(provider.ask(&restarted, &good));
    assert!(why.contains("503"), "{why}");
}

/// Leaves `k1` for the next start, as of this issuer and this time.
fn keep(provider: &Provider, issuer: &str, confirmed_ms: u64) {
    let kept = json!({
        "source": format!("issuer {issuer} at {issuer}/.well-known/openid-configuration"),
        "changed_ms": 1, "confirmed_ms": confirmed_ms, "key_set": jwks(&[key("k1", &ED)]),
    });
    leave(provider, &kept.to_string());
}

/// Leaves a file of kept keys that holds this.
fn leave(provider: &Provider, content: &str) {
    let path = provider._state.path().join("state/keys-corp.json");
    std::fs::write(&path, content).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn keys_kept_by_a_clock_that_was_ahead_are_no_younger_than_now() {
    let provider = Provider::new("max_key_age_seconds = 3600\n");
    let issuer = provider.issuer();
    keep(&provider, &issuer, u64::MAX);
    let chain = provider.chain();
    let good = token("k1", "EdDSA", &ED, &issuer);
    verified(provider.ask(&chain, &good));
    provider.online.pass(Duration::from_secs(3601));
    unavailable(provider.ask(&chain, &good));
}

#[test]
fn keys_kept_for_another_issuer_are_not_taken() {
    let provider = Provider::new("");
    keep(&provider, "https://other.test", u64::MAX);
    let chain = provider.chain();
    unavailable(provider.ask(&chain, &token("k1", "EdDSA", &ED, &provider.issuer())));
}

#[test]
fn kept_keys_that_cannot_be_used_are_told_and_fetched_anew() {
    let provider = Provider::new("");
    leave(&provider, "{");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    verified(provider.ask(&chain, &token("k1", "EdDSA", &ED, &provider.issuer())));
    let warnings = provider.online.heard.warnings.lock().unwrap();
    let told = |line: &String| line.contains("keys kept on disk are not used");
    assert!(warnings.iter().any(told), "{warnings:?}");
}

#[test]
fn a_fetch_is_conditional_where_the_issuer_gives_the_means() {
    let provider = Provider::new("");
    let keys = jwks(&[key("k1", &ED)]);
    provider.keys(move |seen| match seen.header("if-none-match") {
        Some("\"v1\"") => Answer::new(304, ""),
        _ => Answer::ok(keys.clone()).with("etag", "\"v1\""),
    });
    let chain = provider.chain();
    let issuer = provider.issuer();
    verified(provider.ask(&chain, &token("k1", "EdDSA", &ED, &issuer)));
    provider.online.pass(Duration::from_secs(5));
    refused(provider.ask(&chain, &token("k9", "EdDSA", &ED, &issuer)));
    let last = provider.web.seen().pop().unwrap();
    assert_eq!(last.header("if-none-match"), Some("\"v1\""));
    verified(provider.ask(&chain, &token("k1", "EdDSA", &ED, &issuer)));
}

/// Or whoever answers for the issuer could keep old keys young without having any.
#[test]
fn an_answer_to_a_condition_that_was_not_set_confirms_nothing() {
    let provider = Provider::new("max_key_age_seconds = 3600\n");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    let good = token("k1", "EdDSA", &ED, &provider.issuer());
    verified(provider.ask(&chain, &good));
    provider.keys(|_| Answer::new(304, ""));
    provider.online.pass(Duration::from_secs(3000));
    unavailable(provider.ask(&chain, &token("k9", "EdDSA", &ED, &provider.issuer())));
    provider.online.pass(Duration::from_secs(601));
    let why = unavailable(provider.ask(&chain, &good));
    assert!(why.contains("304"), "{why}");
}

#[test]
fn however_often_it_failed_the_next_fetch_is_not_far() {
    let refresh = Duration::from_secs(300);
    for failures in (1..100).chain([u32::MAX]) {
        let pause = super::pause(failures, refresh);
        assert!(pause >= Duration::from_millis(900), "{failures} {pause:?}");
        assert!(pause <= Duration::from_secs(66), "{failures} {pause:?}");
    }
    assert!(super::pause(u32::MAX, Duration::from_secs(10)) <= Duration::from_secs(11));
    assert!(super::pause(0, refresh) >= Duration::from_secs(270));
}

#[test]
fn a_storm_while_there_are_no_keys_yet_costs_one_fetch() {
    let provider = Provider::new("");
    let keys = jwks(&[key("k1", &ED)]);
    provider.keys(move |_| Answer::ok(keys.clone()).after(Duration::from_millis(200)));
    let chain = provider.chain();
    let issuer = provider.issuer();
    let asks: Vec<_> = (0..100)
        .map(|_| {
            let (chain, clock) = (Arc::clone(&chain), provider.online.clock.clone());
            let presented = presented("token", token("k1", "EdDSA", &ED, &issuer));
            provider
                .online
                .runtime
                .spawn(async move { chain.authenticate(&presented, clock.as_ref()).await })
        })
        .collect();
    for ask in asks {
        verified(provider.online.wait(ask).unwrap());
    }
    assert_eq!(provider.web.requests("/keys"), 1);
}

#[test]
fn a_key_set_without_a_usable_algorithm_is_not_taken() {
    let provider = Provider::new("algorithms = ['ES256']");
    provider.publish(&[key("k1", &ED)]);
    let chain = provider.chain();
    let why = unavailable(provider.ask(&chain, &token("k1", "EdDSA", &ED, &provider.issuer())));
    assert!(why.contains("algorithms"), "{why}");
}

/// AD FS signs access tokens under another name than its own.
#[test]
fn an_access_token_issuer_counts_only_as_configured_and_stated() {
    let trust = "http://adfs.test/adfs/services/trust";
    let provider = Provider::new(&format!("access_token_issuer = '{trust}'"));
    let publish = |stated: &str| {
        let document = json!({
            "issuer": provider.issuer(), "access_token_issuer": stated, "jwks_uri": provider.web.url("/keys"),
        });
        let keys = jwks(&[key("k1", &RSA)]);
        provider.web.answer(move |seen| match seen.path.as_str() {
            "/keys" => Answer::ok(keys.clone()),
            _ => Answer::ok(document.to_string()),
        });
    };
    publish("http://other.test/trust");
    let chain = provider.chain();
    unavailable(provider.ask(&chain, &token("k1", "RS256", &RSA, trust)));
    publish(trust);
    let chain = provider.chain();
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, trust)));
    verified(provider.ask(&chain, &token("k1", "RS256", &RSA, &provider.issuer())));
}
