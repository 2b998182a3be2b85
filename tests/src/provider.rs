//! A real OpenID provider: `oidc-provider` in a process of its own, over HTTPS on a
//! loopback port.
//!
//! In: an authority for its certificate and for its clients'; what a token shall say.
//! Out: whatever the library answers at the endpoints it names in its discovery
//! document, and tokens minted through the library's own models, for which a browser
//! would be needed otherwise.
//!
//! | path | |
//! |---|---|
//! | `/.well-known/openid-configuration` | discovery |
//! | `/jwks` | keys, one for RS256 and one for ES256 of each rotation |
//! | `/token` | client_credentials; `resource` chooses the kind of token |
//! | `/token/introspection`, `/token/revocation` | of opaque tokens; JWTs are not stored there and so not active |
//! | `/me` | userinfo, of [`Token::userinfo`] alone |
//!
//! ```no_run
//! use serde_json::json;
//! use warden_tests::{Authority, Provider};
//!
//! let authority = Authority::new("corp");
//! let provider = Provider::start(&authority);
//! let alice = provider.jwt("alice", json!({ "groups": ["analysts"] }));
//! provider.rotate();
//! assert_eq!(provider.requests("/jwks"), 0);
//! ```
//!
//! It ends with the value that stands for it, and by itself when the test's process ends.

use serde_json::{Value, json};

use crate::authority::{Authority, Identity};

mod process;
mod token;

use process::Process;
pub use token::Token;

/// A client with a secret.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: &'static str,
    /// `client_secret`.
    pub secret: &'static str,
}

/// Authenticates by `client_secret_basic`.
pub const BASIC: Client = Client {
    id: "basic",
    secret: "secret-of-basic",
};

/// Authenticates by `client_secret_post`.
pub const POST: Client = Client {
    id: "post",
    secret: "secret-of-post",
};

/// To whom minted tokens are issued; authenticates by `client_secret_basic`.
pub const PEOPLE: Client = Client {
    id: "people",
    secret: "secret-of-people",
};

/// The client that authenticates by a certificate of the authority with the subject
/// `CN=mutual` (`tls_client_auth`).
pub const MUTUAL: &str = "mutual";

/// The client that authenticates by the certificate given to
/// [`Provider::trust_self_signed`] (`self_signed_tls_client_auth`).
pub const SELF_SIGNED: &str = "self-signed";

/// How a provider treats requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Answer,
    /// Takes them and never answers; they are cut off when this ends.
    Hold,
    /// Says 503 to all.
    Fail,
    /// Closes the connection of each.
    HangUp,
}

/// A running provider.
pub struct Provider {
    issuer: String,
    process: Process,
}

impl Provider {
    /// Starts it with a certificate of this authority and waits until it answers.
    ///
    /// # Panics
    /// With what it wrote, when it does not.
    #[track_caller]
    pub fn start(authority: &Authority) -> Self {
        let (process, first) = Process::start(&authority.server(), &authority.ca_file());
        let issuer = first["issuer"].as_str().expect("it names itself");
        Self {
            issuer: issuer.to_owned(),
            process,
        }
    }

    /// Its issuer, `https://127.0.0.1:PORT`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The URL of a path, for example `/jwks`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A JWT of this subject, RS256, five minutes long; `claims` is an object.
    #[track_caller]
    pub fn jwt(&self, subject: &str, claims: Value) -> String {
        self.mint(&Token::jwt(subject).claims(claims))
    }

    /// An opaque token of this subject, five minutes long, which introspection knows.
    #[track_caller]
    pub fn opaque(&self, subject: &str, claims: Value) -> String {
        self.mint(&Token::opaque(subject).claims(claims))
    }

    /// A token of this description.
    #[track_caller]
    pub fn mint(&self, token: &Token) -> String {
        let answer = self.instruct("mint", token.instruction());
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// Revokes a stored token, whoever it belongs to.
    ///
    /// # Panics
    /// When the provider does not know it: it is a JWT, or not its own.
    #[track_caller]
    pub fn revoke(&self, token: &str) {
        let answer = self.instruct("revoke", json!({ "token": token }));
        assert_eq!(answer["revoked"], true, "the token is not stored");
    }

    /// What the tokens of a client say that it gets for itself at `/token`.
    #[track_caller]
    pub fn client_claims(&self, client: &str, claims: Value) {
        self.instruct("claims", json!({ "client": client, "claims": claims }));
    }

    /// Makes this the certificate of client [`SELF_SIGNED`].
    #[track_caller]
    pub fn trust_self_signed(&self, identity: &Identity) {
        self.instruct("trust", json!({ "pem": identity.certificate_pem() }));
    }

    /// New keys sign from now on, and the old ones are still in the set. Gives the ids
    /// of all, the newest first.
    #[track_caller]
    pub fn rotate(&self) -> Vec<String> {
        self.new_keys(true)
    }

    /// As [`Self::rotate`], but the old keys are gone from the set.
    #[track_caller]
    pub fn replace_keys(&self) -> Vec<String> {
        self.new_keys(false)
    }

    /// How many requests came for this path, answered or not.
    #[track_caller]
    pub fn requests(&self, path: &str) -> u64 {
        let answer = self.instruct("requests", json!({}));
        answer["counts"][path].as_u64().unwrap_or(0)
    }

    /// Treats requests so from now on.
    #[track_caller]
    pub fn behave(&self, behaviour: Behaviour) {
        let mode = match behaviour {
            Behaviour::Answer => "answer",
            Behaviour::Hold => "hold",
            Behaviour::Fail => "fail",
            Behaviour::HangUp => "hangUp",
        };
        self.instruct("mode", json!({ "mode": mode }));
    }

    #[track_caller]
    fn new_keys(&self, keep: bool) -> Vec<String> {
        let answer = self.instruct("rotate", json!({ "keep": keep }));
        let ids = answer["keys"].as_array().expect("ids");
        ids.iter()
            .map(|id| id.as_str().expect("an id").to_owned())
            .collect()
    }

    #[track_caller]
    fn instruct(&self, name: &str, mut instruction: Value) -> Value {
        instruction["instruction"] = name.into();
        self.process.instruct(&instruction)
    }
}
