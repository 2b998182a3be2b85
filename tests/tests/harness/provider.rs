//! The OpenID provider: every endpoint that warden asks, every kind of token it is
//! shown, and every way the tests can spoil it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use warden_tests::https::{Https, Response};
use warden_tests::provider::{
    BASIC, Behaviour, Client, MUTUAL, PEOPLE, POST, Provider, SELF_SIGNED, Token,
};
use warden_tests::{Algorithm, Authority, Identity, Leaf, eventually};

const ALG_KEYS: usize = 2;

struct Stage {
    authority: Authority,
    provider: Provider,
    https: Https,
}

impl Stage {
    fn new() -> Self {
        let authority = Authority::new("corp");
        let provider = Provider::start(&authority);
        let https = Https::trusting(&authority);
        Self {
            authority,
            provider,
            https,
        }
    }

    fn key_ids(&self) -> Vec<String> {
        let set = self.https.get(&self.provider.url("/jwks"), &[]).json();
        let keys = set["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().expect("an id").to_owned())
            .collect()
    }

    fn post(&self, path: &str, client: Client, form: &[(&str, &str)]) -> Response {
        let authorization = basic(client);
        let headers = [("Authorization", authorization.as_str())];
        self.https.post(&self.provider.url(path), &headers, form)
    }

    fn introspect(&self, token: &str) -> Value {
        let answer = self.post("/token/introspection", BASIC, &[("token", token)]);
        answer.json()
    }

    fn userinfo(&self, token: &str) -> Response {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        self.https.get(&self.provider.url("/me"), &headers)
    }
}

fn basic(client: Client) -> String {
    let pair = format!("{}:{}", client.id, client.secret);
    format!("Basic {}", STANDARD.encode(pair))
}

/// Header (0) or claims (1) of a JWT.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

#[test]
fn discovery_names_the_endpoints() {
    let stage = Stage::new();
    let url = stage.provider.url("/.well-known/openid-configuration");
    let document = stage.https.get(&url, &[]).json();
    assert_eq!(document["issuer"], stage.provider.issuer());
    for (name, path) in [
        ("jwks_uri", "/jwks"),
        ("token_endpoint", "/token"),
        ("introspection_endpoint", "/token/introspection"),
        ("revocation_endpoint", "/token/revocation"),
        ("userinfo_endpoint", "/me"),
    ] {
        assert_eq!(document[name], stage.provider.url(path));
    }
}

#[test]
fn a_minted_jwt_is_signed_by_a_key_of_the_set() {
    let stage = Stage::new();
    let token = Token::jwt("alice")
        .groups(&["analysts"])
        .lasts(Duration::from_secs(30));
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        let token = stage.provider.mint(&token.clone().signed_with(algorithm));
        let header = part(&token, 0);
        assert_eq!(header["alg"], algorithm.name());
        assert_eq!(header["typ"], "at+jwt");
        let id = header["kid"].as_str().expect("an id").to_owned();
        assert!(stage.key_ids().contains(&id));
        let claims = part(&token, 1);
        assert_eq!(claims["iss"], stage.provider.issuer());
        assert_eq!(claims["aud"], "valkey");
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["groups"], json!(["analysts"]));
        assert_eq!(claims["scope"], "cache.read");
        let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(lifetime, 30);
    }
}

#[test]
fn a_client_gets_a_token_for_itself() {
    let stage = Stage::new();
    stage
        .provider
        .client_claims(BASIC.id, json!({ "groups": ["jobs"] }));
    let grant = [
        ("grant_type", "client_credentials"),
        ("resource", "urn:valkey:ES256"),
        ("scope", "cache.read cache.write"),
    ];
    let answer = stage.post("/token", BASIC, &grant).json();
    let claims = part(answer["access_token"].as_str().expect("a token"), 1);
    assert_eq!(claims["sub"], "basic");
    assert_eq!(claims["groups"], json!(["jobs"]));
    assert_eq!(claims["scope"], "cache.read cache.write");

    let url = stage.provider.url("/token");
    let form = [
        &[("client_id", POST.id), ("client_secret", POST.secret)],
        &grant[..2],
    ]
    .concat();
    assert_eq!(stage.https.post(&url, &[], &form).status, 200);
    let wrong = Client {
        secret: "wrong",
        ..BASIC
    };
    assert_eq!(stage.post("/token", wrong, &grant).status, 401);
}

#[test]
fn a_client_may_authenticate_by_certificate() {
    let stage = Stage::new();
    let url = stage.provider.url("/token");
    let status = |identity: &Identity, client: &str| {
        let form = [("grant_type", "client_credentials"), ("client_id", client)];
        Https::showing(&stage.authority, identity)
            .post(&url, &[], &form)
            .status
    };
    assert_eq!(status(&stage.authority.client(MUTUAL), MUTUAL), 200);
    assert_eq!(status(&stage.authority.client("other"), MUTUAL), 401);
    let stranger = Authority::new("corp").client(MUTUAL);
    assert_eq!(status(&stranger, MUTUAL), 401);

    let own = stage.authority.self_signed(&Leaf::client("anybody"));
    stage.provider.trust_self_signed(&own);
    assert_eq!(status(&own, SELF_SIGNED), 200);
    assert_eq!(status(&stage.authority.client("anybody"), SELF_SIGNED), 401);
}

#[test]
fn an_opaque_token_is_introspected_until_it_is_revoked() {
    let stage = Stage::new();
    let groups = json!({ "groups": ["analysts"] });
    let token = stage.provider.opaque("alice", groups);
    let answer = stage.introspect(&token);
    assert_eq!(answer["active"], true);
    assert_eq!(answer["sub"], "alice");
    assert_eq!(answer["aud"], "valkey");
    assert_eq!(answer["groups"], json!(["analysts"]));
    stage.provider.revoke(&token);
    assert_eq!(stage.introspect(&token), json!({ "active": false }));

    let other = stage.provider.opaque("alice", json!({}));
    let revocation = stage.post("/token/revocation", PEOPLE, &[("token", &other)]);
    assert_eq!(revocation.status, 200);
    assert_eq!(stage.introspect(&other), json!({ "active": false }));
}

#[test]
fn no_token_is_forgotten_for_the_number_of_others() {
    let stage = Stage::new();
    let first = stage.provider.opaque("alice", json!({}));
    for _ in 0..1500 {
        stage.provider.opaque("bob", json!({}));
    }
    assert_eq!(stage.introspect(&first)["active"], true);
}

#[test]
fn a_token_ends_when_its_time_is_over() {
    let stage = Stage::new();
    let brief = Token::opaque("alice").lasts(Duration::from_secs(1));
    let token = stage.provider.mint(&brief);
    eventually("the token ends", || {
        (stage.introspect(&token)["active"] == false).then_some(())
    });
}

#[test]
fn userinfo_tells_the_claims_of_its_own_tokens_alone() {
    let stage = Stage::new();
    let token = Token::userinfo("alice").groups(&["analysts"]);
    let answer = stage.userinfo(&stage.provider.mint(&token));
    let expected = json!({ "sub": "alice", "groups": ["analysts"] });
    assert_eq!(answer.json(), expected);
    let other = stage.provider.opaque("alice", json!({}));
    assert_eq!(stage.userinfo(&other).status, 403);
    assert_eq!(stage.userinfo("nonsense").status, 401);
}

#[test]
fn a_rotation_puts_new_keys_first_and_a_replacement_drops_the_old() {
    let stage = Stage::new();
    let before = stage.key_ids();
    let rotated = stage.provider.rotate();
    assert_eq!(stage.key_ids(), rotated);
    assert_eq!(rotated.len(), 2 * ALG_KEYS);
    assert_eq!(rotated[ALG_KEYS..], before);
    let token = stage.provider.jwt("alice", json!({}));
    assert_eq!(part(&token, 0)["kid"], rotated[0]);

    let opaque = stage.provider.opaque("alice", json!({}));
    let replaced = stage.provider.replace_keys();
    assert_eq!(stage.key_ids(), replaced);
    assert_eq!(replaced.len(), ALG_KEYS);
    assert!(!rotated.contains(&replaced[0]));
    assert_eq!(stage.introspect(&opaque)["active"], true);
}

#[test]
fn requests_are_counted_and_can_be_left_unanswered() {
    let stage = Stage::new();
    let url = stage.provider.url("/jwks");
    assert_eq!(stage.provider.requests("/jwks"), 0);
    stage.key_ids();
    assert_eq!(stage.provider.requests("/jwks"), 1);

    stage.provider.behave(Behaviour::Hold);
    let hasty = Https::trusting(&stage.authority).waiting(Duration::from_secs(2));
    let timed_out = hasty.try_get(&url, &[]).unwrap_err();
    assert_eq!(timed_out.kind(), std::io::ErrorKind::WouldBlock);
    stage.provider.behave(Behaviour::Fail);
    assert_eq!(stage.https.get(&url, &[]).status, 503);
    stage.provider.behave(Behaviour::HangUp);
    stage.https.try_get(&url, &[]).unwrap_err();
    stage.provider.behave(Behaviour::Answer);
    stage.key_ids();
    assert_eq!(stage.provider.requests("/jwks"), 5);
}
