//! Whatever a provider answers in place of its keys, the good ones it published before
//! stay in force, nobody else's come in, and the operator reads what is wrong.

use std::time::Duration;

use serde_json::{Value, json};
use warden_tests::hostile_provider::{Answer, Handshake, Hostile};
use warden_tests::issuer::key_set;
use warden_tests::{
    Algorithm, Authority, Claims, Issuer, Leaf, Line, Scene, SigningKey, eventually, on_both_lines,
};

on_both_lines!(
    no_key_set_that_is_not_one_replaces_good_keys,
    no_discovery_document_that_is_not_one_leads_to_other_keys,
    no_connection_that_fails_takes_good_keys_away,
    keys_that_could_not_be_had_are_fetched_again_without_any_log_in,
    keys_on_another_host_count_once_that_is_allowed,
    a_proxy_of_the_environment_is_not_asked,
);

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A server that trusts one provider, and the provider's own keys and somebody else's.
struct Trusting {
    scene: Scene,
    provider: Hostile,
    authority: Authority,
    issuer: Issuer,
    /// In whatever is answered in place of the good keys.
    evil: SigningKey,
    tokens: u32,
}

fn file(provider: &Hostile, authority: &Authority, endpoint: &str) -> String {
    format!(
        "type = 'jwt'\nissuer = '{}'\naudience = ['valkey']\nunknown_key_seconds = 1\n\
         refresh_seconds = 3600\n[endpoint]\nca_file = '{}'\nconnect_timeout_ms = 400\n\
         timeout_ms = 1000\nretries = 0\n\
         max_response_bytes = 20000\n{endpoint}",
        provider.issuer(),
        authority.ca_file().display()
    )
}

impl Trusting {
    fn start(line: Line) -> Self {
        let authority = Authority::new("ca");
        let provider = Hostile::start(&authority);
        let good = SigningKey::generate(Algorithm::ES256, "good");
        let issuer = Issuer::new(&provider.issuer(), good);
        provider.answer(DISCOVERY, Answer::json(provider.discovery()));
        provider.answer("/jwks", Answer::json(issuer.key_set()));
        let scene = Scene::builder(line)
            .authenticator_file(&file(&provider, &authority, ""))
            .start();
        let mut trusting = Self {
            evil: SigningKey::generate(Algorithm::ES256, "evil"),
            scene,
            provider,
            authority,
            issuer,
            tokens: 0,
        };
        eventually("the first keys", || trusting.good_log_in().then_some(()));
        trusting.expect_status("ok", None);
        trusting
    }

    /// A token that nobody has seen before.
    fn token(&mut self, key: &SigningKey) -> String {
        self.tokens += 1;
        let claims = Claims::of("alice").id(self.tokens);
        self.issuer.with_key(key.clone()).token(&claims)
    }

    fn good_log_in(&mut self) -> bool {
        let token = self.token(&self.issuer.key().clone());
        self.scene.server.connect().auth("token", &token).is_ok()
    }

    fn expect_status(&self, status: &str, trouble: Option<&str>) {
        let [state] = self.scene.authenticators_state().try_into().unwrap();
        let told = state.field("trouble").as_text();
        assert_eq!(state.field("status").text(), status, "{told:?}");
        assert_eq!(told.is_some(), trouble.is_some(), "{told:?}");
        let words = trouble.unwrap_or_default();
        assert!(told.unwrap_or_default().contains(words), "not {words:?}");
        let health = self.scene.info("warden_authenticator_corp");
        let expected = format!("type=jwt,status={status},");
        assert!(health.starts_with(&expected), "{health}");
    }

    /// Has the keys fetched by tokens of the other key until the trouble is told in these
    /// words. The other key lets nobody in meanwhile, and the good one everybody.
    #[track_caller]
    fn expect_trouble(&mut self, what: &str, words: &str) {
        let before = self.provider.connections();
        eventually(&format!("{what}: {words}"), || {
            self.evil = SigningKey::generate(Algorithm::ES256, self.evil.id());
            let token = self.token(&self.evil.clone());
            let reply = self.scene.server.connect().auth("token", &token);
            reply.expect_error("TRYAGAIN");
            if self.provider.connections() == before {
                return None;
            }
            let [state] = self.scene.authenticators_state().try_into().ok()?;
            let trouble = state.field("trouble").as_text()?;
            trouble.contains(words).then_some(())
        });
        self.expect_status("failing", Some(words));
        assert!(self.good_log_in(), "{what}");
    }

    /// Nothing of all that stands in the way of what the provider publishes next.
    fn expect_recovery(&mut self) {
        self.provider
            .answer(DISCOVERY, Answer::json(self.provider.discovery()));
        let next = SigningKey::generate(Algorithm::ES256, "next");
        let keys = key_set([self.issuer.key(), &next]);
        self.provider.answer("/jwks", Answer::json(keys));
        eventually("the next key is in force", || {
            let token = self.token(&next);
            let reply = self.scene.server.connect().auth("token", &token);
            reply.is_ok().then_some(())
        });
        assert!(self.good_log_in());
        self.expect_status("ok", None);
        assert_eq!(self.scene.generation(), 1);
    }
}

fn no_key_set_that_is_not_one_replaces_good_keys(line: Line) {
    let mut trusting = Trusting::start(line);
    let evil = || key_set([&SigningKey::generate(Algorithm::ES256, "evil")]);
    let parsed: Value = serde_json::from_str(&evil()).unwrap();
    let with = |key: Value| json!({ "keys": [parsed["keys"][0], key] });
    trusting.provider.answer("/elsewhere", Answer::json(evil()));
    let elsewhere = trusting.provider.url("/elsewhere");
    let half = evil().len() / 2;
    let page = Answer::html();
    let spaces = Answer::json(format!("{}{}", " ".repeat(20_000), evil()));
    for (what, answer, words) in [
        ("nothing", Answer::json(""), "is not a key set"),
        ("no keys", Answer::json(r#"{"keys":[]}"#), "holds no key"),
        ("a page", page, "is not a key set"),
        (
            "half of it",
            Answer::json(&evil()[..half]),
            "is not a key set",
        ),
        (
            "two sets",
            Answer::json(format!("{}{}", evil(), evil())),
            "is not a key set",
        ),
        (
            "a member twice",
            Answer::json(evil().replacen('{', r#"{"keys":[],"#, 1)),
            "given twice",
        ),
        (
            "a secret",
            Answer::json(with(json!({ "kty": "oct", "k": "AAAA" }))),
            "shared secret",
        ),
        (
            "a weak key",
            Answer::json(with(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }))),
            "an RSA key has 17 bits",
        ),
        ("too much", spaces, "is larger than 20000 bytes"),
        (
            "too much, as told",
            Answer::json(evil()).claiming_length(1 << 40),
            "is larger than 20000 bytes",
        ),
        (
            "no end",
            Answer::json(evil()).endless(),
            "is larger than 20000 bytes",
        ),
        (
            "too slowly",
            Answer::json(evil()).dripping(Duration::from_millis(100)),
            "did not answer within 1000 ms",
        ),
        ("never", Answer::never(), "did not answer within 1000 ms"),
        (
            "cut",
            Answer::json(evil()).truncated(half),
            "was broken off",
        ),
        ("a redirect", Answer::redirect(&elsewhere), "302"),
        ("gone", Answer::json(evil()).with_status(410), "410"),
        ("a failure", Answer::json(evil()).with_status(503), "503"),
        ("as before", Answer::status(304), "304"),
        (
            "no HTTP",
            Answer::raw("SSH-2.0-OpenSSH\r\n"),
            "cannot be reached",
        ),
    ] {
        trusting.provider.answer("/jwks", answer);
        trusting.expect_trouble(what, words);
    }
    assert!(trusting.provider.requests("/elsewhere").is_empty());
    trusting.expect_recovery();
}

fn no_discovery_document_that_is_not_one_leads_to_other_keys(line: Line) {
    let mut trusting = Trusting::start(line);
    let other = Hostile::start(&trusting.authority);
    let plain = Hostile::start_plain();
    for host in [&other, &plain] {
        host.answer("/jwks", Answer::json(key_set([&trusting.evil])));
    }
    let spoiled = |name: &str, value: Value| {
        let mut document = trusting.provider.discovery();
        document[name] = value;
        Answer::json(document)
    };
    let doubled = trusting.provider.discovery().to_string();
    let theirs = format!(r#"{{"jwks_uri":"{}","#, other.url("/jwks"));
    let answers = [
        (
            "another issuer",
            spoiled("issuer", json!(other.issuer())),
            "not of the configured one",
        ),
        (
            "nearly the issuer",
            spoiled("issuer", json!(format!("{}/", trusting.provider.issuer()))),
            "not of the configured one",
        ),
        (
            "another host",
            spoiled("jwks_uri", json!(other.url("/jwks"))),
            "lies on another host",
        ),
        (
            "plain http",
            spoiled("jwks_uri", json!(plain.url("/jwks"))),
            "is not https",
        ),
        (
            "a file",
            spoiled("jwks_uri", json!("file:///etc/passwd")),
            "is no address",
        ),
        (
            "no address",
            spoiled("jwks_uri", json!(null)),
            "names no jwks_uri",
        ),
        (
            "two addresses",
            Answer::json(doubled.replacen('{', &theirs, 1)),
            "given twice",
        ),
        ("a page", Answer::html(), "is not strict JSON"),
        ("a redirect", Answer::redirect(&other.url(DISCOVERY)), "302"),
        ("not there", Answer::status(404), "404"),
        (
            "cut",
            Answer::json(trusting.provider.discovery()).truncated(40),
            "was broken off",
        ),
    ];
    for (what, answer, words) in answers {
        trusting.provider.answer(DISCOVERY, answer);
        trusting.expect_trouble(what, words);
    }
    assert_eq!((other.connections(), plain.connections()), (0, 0));
    trusting.expect_recovery();
}

fn no_connection_that_fails_takes_good_keys_away(line: Line) {
    let mut trusting = Trusting::start(line);
    let keys = key_set([&trusting.evil]);
    trusting.provider.answer("/jwks", Answer::json(keys));
    for (what, handshake, words) in [
        ("hung up", Handshake::HangUp, "cannot be reached"),
        ("silence", Handshake::Silence, "cannot be reached"),
        ("nonsense", Handshake::Nonsense, "cannot be reached"),
    ] {
        trusting.provider.handshake(handshake);
        trusting.expect_trouble(what, words);
    }
    trusting.provider.handshake(Handshake::Complete);
    for (what, identity) in [
        (
            "expired",
            trusting.authority.issue(&Leaf::server().expired()),
        ),
        ("another authority's", Authority::new("ca").server()),
        (
            "another host's",
            trusting
                .authority
                .issue(&Leaf::server_elsewhere("elsewhere.example")),
        ),
    ] {
        trusting.provider.show(&identity);
        trusting.expect_trouble(what, "cannot be reached");
    }
    trusting.provider.show(&trusting.authority.server());
    trusting.expect_recovery();
}

fn keys_that_could_not_be_had_are_fetched_again_without_any_log_in(line: Line) {
    let authority = Authority::new("ca");
    let provider = Hostile::start(&authority);
    let scene = Scene::builder(line)
        .authenticator_file(&file(&provider, &authority, ""))
        .start();
    let status = || {
        let [state] = scene.authenticators_state().try_into().ok()?;
        Some(state.field("status").text())
    };
    eventually("several fetches in vain", || {
        (provider.requests(DISCOVERY).len() >= 3).then_some(())
    });
    assert_eq!(status().as_deref(), Some("failing"));
    let good = SigningKey::generate(Algorithm::ES256, "good");
    provider.answer(DISCOVERY, Answer::json(provider.discovery()));
    provider.answer("/jwks", Answer::json(key_set([&good])));
    eventually("the keys are in force", || {
        (status()? == "ok").then_some(())
    });
    let token = Issuer::new(&provider.issuer(), good).token(&Claims::of("alice"));
    scene.server.connect().auth("token", &token).expect_ok();
}

fn keys_on_another_host_count_once_that_is_allowed(line: Line) {
    let mut trusting = Trusting::start(line);
    let other = Hostile::start(&trusting.authority);
    let moved = SigningKey::generate(Algorithm::ES256, "moved");
    other.answer("/jwks", Answer::json(key_set([&moved])));
    let mut document = trusting.provider.discovery();
    document["jwks_uri"] = json!(other.url("/jwks"));
    trusting.provider.answer(DISCOVERY, Answer::json(document));
    trusting.expect_trouble("another host", "allowed_hosts");
    assert_eq!(other.connections(), 0);
    let allowed = format!("allowed_hosts = ['{}']\n", other.address());
    let allowed = file(&trusting.provider, &trusting.authority, &allowed);
    trusting
        .scene
        .authenticators
        .replace("10-corp.toml", allowed);
    eventually("the keys over there are in force", || {
        let token = trusting.token(&moved);
        let reply = trusting.scene.server.connect().auth("token", &token);
        reply.is_ok().then_some(())
    });
    assert!(!trusting.good_log_in(), "it is published no more");
    trusting.expect_status("ok", None);
}

fn a_proxy_of_the_environment_is_not_asked(line: Line) {
    let authority = Authority::new("ca");
    let provider = Hostile::start(&authority);
    let good = SigningKey::generate(Algorithm::ES256, "good");
    provider.answer(DISCOVERY, Answer::json(provider.discovery()));
    provider.answer("/jwks", Answer::json(key_set([&good])));
    let proxy = Hostile::start_plain();
    let address = proxy.issuer();
    let proxied = |server: warden_tests::ServerBuilder| {
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .fold(server, |server, name| server.environment(name, &address))
    };
    let scene = Scene::builder(line)
        .server(proxied)
        .authenticator_file(&file(&provider, &authority, ""))
        .start();
    let token = Issuer::new(&provider.issuer(), good).token(&Claims::of("alice"));
    scene.server.connect().auth("token", &token).expect_ok();
    assert_eq!(proxy.connections(), 0);
}
