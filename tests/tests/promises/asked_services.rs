//! Opaque tokens that a real OpenID provider is asked about, and sessions that end when
//! it no longer stands by them.

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::provider::{
    BASIC, Behaviour, Client, MUTUAL, POST, Provider, SELF_SIGNED, Token,
};
use warden_tests::{
    Authority, Directory, Identity, Leaf, Line, Scene, eventually, on_both_lines, unix_now,
};

use crate::info;

on_both_lines!(
    an_opaque_token_is_whose_its_issuer_says,
    a_crowd_with_one_token_asks_its_issuer_once,
    a_revoked_token_ends_its_sessions_and_opens_no_others,
    what_was_said_a_moment_ago_is_remembered_for_so_long,
    sessions_outlive_a_short_outage_and_not_a_long_one,
    an_access_token_is_whose_userinfo_says,
    warden_proves_itself_to_the_issuer_by_a_secret_or_a_certificate,
    warden_proves_itself_by_the_token_that_a_file_holds_now,
);

pub(crate) fn endpoint(authority: &Authority) -> String {
    format!(
        "[endpoint]\nca_file = '{}'\n",
        authority.ca_file().display()
    )
}

/// The lines of an authenticator that introspects, without `[endpoint]`.
pub(crate) fn introspection(issuer: &str, client: &str, lines: &str) -> String {
    format!("type = 'introspection'\nissuer = '{issuer}'\naudience = ['valkey']\n{client}{lines}")
}

/// The lines of a client with its secret in a file of this name.
pub(crate) fn with_secret(authority: &Authority, name: &str, client: Client) -> String {
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret(name, client.secret);
    format!(
        "client_id = '{}'\nclient_secret_file = '{}'\n",
        client.id,
        secrets.file_text(name)
    )
}

/// The lines of `[endpoint]` for a client with a certificate.
fn certificate(identity: &Identity) -> String {
    format!(
        "client_certificate_file = '{}'\nclient_key_file = '{}'\n",
        identity.certificate_file().display(),
        identity.key_file().display()
    )
}

struct Asked {
    scene: Scene,
    provider: Provider,
    authority: Authority,
}

impl Asked {
    /// An authenticator that introspects, with these lines.
    fn about_tokens(line: Line, lines: &str) -> Self {
        let authority = Authority::new("ca");
        let provider = Provider::start(&authority);
        let client = with_secret(&authority, "client.secret", BASIC);
        let file = introspection(provider.issuer(), &client, lines) + &endpoint(&authority);
        Self {
            scene: Scene::builder(line).authenticator_file(&file).start(),
            provider,
            authority,
        }
    }

    /// Another file in place of the authenticator's, in force at once.
    #[track_caller]
    fn replace(&self, file: &str) {
        self.scene.authenticators.replace("10-corp.toml", file);
        let reply = self.scene.server.admin().call(["WARDEN.RELOAD"]);
        let errors = reply.field("authenticators").field("errors").texts();
        assert!(errors.is_empty(), "{errors:?}");
    }

    fn introspections(&self) -> u64 {
        self.provider.requests("/token/introspection")
    }
}

fn an_opaque_token_is_whose_its_issuer_says(line: Line) {
    let asked = Asked::about_tokens(line, "");
    let token = asked
        .provider
        .mint(&Token::opaque("bob").groups(&["analysts"]));
    let mut client = asked.scene.server.connect();
    client.auth("token", &token).expect_ok();
    assert_eq!(client.user(), "corp/bob");
    assert!(client.run("GET reports:1").is_nil());
    client.run("SET reports:1 x").expect_error("NOPERM");
    asked
        .scene
        .server
        .connect()
        .auth("bob", &token)
        .expect_error("WRONGPASS");
    asked
        .scene
        .expect_refused("token", "no-such-token", "WRONGPASS");
    asked.provider.behave(Behaviour::Fail);
    let other = "another-opaque-token";
    asked.scene.expect_refused("token", other, "TRYAGAIN");
    let log = asked.scene.server.log();
    assert!(!log.contains(&token) && !log.contains(other), "{log}");
}

fn a_crowd_with_one_token_asks_its_issuer_once(line: Line) {
    let asked = Asked::about_tokens(line, "");
    let token = asked.provider.opaque("alice", json!({}));
    let mut crowd: Vec<_> = (0..200).map(|_| asked.scene.server.connect()).collect();
    let mut held = asked.scene.server.hold(0.3);
    for client in &mut crowd {
        client.send(["AUTH", "token", &token]);
    }
    held.receive().expect_ok();
    for client in &mut crowd {
        client.receive().expect_ok();
    }
    assert_eq!(asked.introspections(), 1);
    assert_eq!(asked.scene.counter(info::VERIFICATIONS), 1);
    // The twin: as many different tokens are as many questions.
    for (number, client) in crowd.iter_mut().take(20).enumerate() {
        let claims = json!({ "jti": number.to_string() });
        let other = asked.provider.opaque("alice", claims);
        client.auth("token", &other).expect_ok();
    }
    assert_eq!(asked.introspections(), 21);
}

fn a_revoked_token_ends_its_sessions_and_opens_no_others(line: Line) {
    let asked = Asked::about_tokens(line, "recheck_seconds = 1\ncache_seconds = 3600\n");
    let token = asked.provider.opaque("alice", json!({}));
    let kept = asked.provider.opaque("alice", json!({ "jti": "other" }));
    let mut sessions: Vec<_> = (0..3).map(|_| asked.scene.server.connect()).collect();
    for session in &mut sessions {
        session.auth("token", &token).expect_ok();
    }
    let mut other = asked.scene.server.connect();
    other.auth("token", &kept).expect_ok();
    eventually("asked again", || {
        (asked.scene.counter("warden_rechecks") >= 4).then_some(())
    });
    asked.provider.revoke(&token);
    for session in &mut sessions {
        assert!(session.closes_within(warden_tests::server::PATIENCE));
    }
    asked.scene.expect_refused("token", &token, "WRONGPASS");
    assert!(Scene::stays_open(&mut other));
}

fn what_was_said_a_moment_ago_is_remembered_for_so_long(line: Line) {
    let asked = Asked::about_tokens(line, "cache_seconds = 2\n");
    let token = asked.provider.opaque("alice", json!({}));
    for _ in 0..10 {
        asked
            .scene
            .server
            .connect()
            .auth("token", &token)
            .expect_ok();
    }
    assert_eq!(asked.introspections(), 1);
    eventually("asked again", || {
        asked
            .scene
            .server
            .connect()
            .auth("token", &token)
            .expect_ok();
        (asked.introspections() > 1).then_some(())
    });
    let asked = Asked::about_tokens(line, "cache_seconds = 0\n");
    let token = asked.provider.opaque("alice", json!({}));
    for times in 1..=3 {
        asked
            .scene
            .server
            .connect()
            .auth("token", &token)
            .expect_ok();
        assert_eq!(asked.introspections(), times);
    }
}

fn sessions_outlive_a_short_outage_and_not_a_long_one(line: Line) {
    let asked = Asked::about_tokens(line, "recheck_seconds = 1\nrecheck_grace_seconds = 3\n");
    let token = asked.provider.opaque("alice", json!({}));
    let mut session = asked.scene.server.connect();
    session.auth("token", &token).expect_ok();
    let again = || asked.scene.counter("warden_rechecks");
    asked.provider.behave(Behaviour::Fail);
    let before = again();
    eventually("asked in vain", || (again() > before).then_some(()));
    assert!(Scene::stays_open(&mut session));
    asked.provider.behave(Behaviour::Answer);
    let before = again();
    eventually("asked again", || (again() > before + 1).then_some(()));
    assert!(Scene::stays_open(&mut session));
    asked.provider.behave(Behaviour::Fail);
    assert!(session.closes_within(warden_tests::server::PATIENCE));
}

fn an_access_token_is_whose_userinfo_says(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let file = format!(
        "type = 'userinfo'\nissuer = '{}'\nrecheck_seconds = 1\n{}",
        provider.issuer(),
        endpoint(&authority)
    );
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let token = provider.mint(&Token::userinfo("bob").groups(&["analysts"]));
    let mut client = scene.server.connect();
    client.auth("token", &token).expect_ok();
    assert_eq!(client.user(), "corp/bob");
    assert!(client.run("GET reports:1").is_nil());
    scene.expect_refused("token", "no-such-token", "WRONGPASS");
    provider.revoke(&token);
    assert!(client.closes_within(warden_tests::server::PATIENCE));
}

fn warden_proves_itself_to_the_issuer_by_a_secret_or_a_certificate(line: Line) {
    let asked = Asked::about_tokens(line, "");
    let Asked {
        scene,
        provider,
        authority,
    } = &asked;
    let own = authority.self_signed(&Leaf::client("anybody"));
    provider.trust_self_signed(&own);
    let wrong = Client {
        secret: "canary-wrong-secret",
        ..POST
    };
    let secret = |name: &str, client| {
        let lines = with_secret(authority, name, client);
        format!("client_authentication = 'client_secret_post'\n{lines}")
    };
    let named =
        |way: &str, id: &str| format!("client_authentication = '{way}'\nclient_id = '{id}'\n");
    let mutual = || named("tls_client_auth", MUTUAL);
    let self_signed = || named("self_signed_tls_client_auth", SELF_SIGNED);
    let of_authority = |name: &str| certificate(&authority.client(name));
    for (client, certificate, is_known) in [
        (secret("post.secret", POST), String::new(), true),
        (secret("wrong.secret", wrong), String::new(), false),
        (mutual(), of_authority(MUTUAL), true),
        (mutual(), of_authority("other"), false),
        (self_signed(), certificate(&own), true),
        (self_signed(), of_authority("anybody"), false),
    ] {
        let lines = introspection(provider.issuer(), &client, "");
        asked.replace(&format!("{lines}{}{certificate}", endpoint(authority)));
        let token = provider.opaque("alice", json!({}));
        let before = asked.introspections();
        if is_known {
            let mut session = scene.server.connect();
            session.auth("token", &token).expect_ok();
            assert_eq!(session.user(), "corp/alice", "{client}");
            scene.expect_refused("token", "no-such-token", "WRONGPASS");
        } else {
            // Nobody has said that the token is bad.
            scene.expect_refused("token", &token, "TRYAGAIN");
        }
        assert!(asked.introspections() > before, "{client}");
    }
    let log = scene.server.log();
    assert!(
        !log.contains(POST.secret) && !log.contains(wrong.secret),
        "{log}"
    );
}

fn warden_proves_itself_by_the_token_that_a_file_holds_now(line: Line) {
    let authority = Authority::new("ca");
    // The library of the real provider knows no client that proves itself so.
    let issuer = Hostile::start(&authority);
    let document = issuer.discovery();
    issuer.answer("/.well-known/openid-configuration", Answer::json(document));
    let expires = unix_now() + 300;
    issuer.answer_by("/introspect", move |request| {
        match request.header("authorization") {
            Some("Bearer canary-second-token") => Answer::json(json!({
                "active": true, "sub": "alice", "aud": "valkey", "exp": expires,
            })),
            _ => Answer::status(401),
        }
    });
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("bearer", "canary-first-token\n");
    let file = introspection(&issuer.issuer(), "client_authentication = 'bearer'\n", "")
        + &endpoint(&authority)
        + &format!("bearer_token_file = '{}'\n", secrets.file_text("bearer"));
    let scene = Scene::builder(line).authenticator_file(&file).start();
    scene.expect_refused("token", "opaque-token", "TRYAGAIN");
    secrets.replace_secret("bearer", "canary-second-token\n");
    let mut session = scene.server.connect();
    session.auth("token", "opaque-token").expect_ok();
    assert_eq!(session.user(), "corp/alice");
    let asked = issuer.requests("/introspect");
    let bodies: Vec<_> = asked.iter().map(|request| request.text()).collect();
    assert!(
        bodies
            .iter()
            .all(|body| body.contains("token=opaque-token")),
        "{bodies:?}"
    );
    let log = scene.server.log();
    assert!(
        !log.contains("canary") && !log.contains("opaque-token"),
        "{log}"
    );
}
