//! What a minted token shall say and be.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::issuer::Algorithm;

/// A token in the making: five minutes long, with the scope `cache.read`.
#[derive(Clone, Debug)]
pub struct Token {
    subject: String,
    claims: Map<String, Value>,
    resource: Option<String>,
    scope: String,
    lifetime: Duration,
}

impl Token {
    /// A JWT (`at+jwt`) for the audience `valkey`, signed with RS256.
    pub fn jwt(subject: &str) -> Self {
        Self::of(subject, Some("RS256".to_owned()))
    }

    /// A token for the audience `valkey` that only introspection can read.
    pub fn opaque(subject: &str) -> Self {
        Self::of(subject, Some("opaque".to_owned()))
    }

    /// A token of scope `openid` for nobody but the provider's own `/me`, which tells
    /// the claims `groups`, `roles`, `tenant`, `email`, `email_verified`, `name` and
    /// `preferred_username` of those given here.
    pub fn userinfo(subject: &str) -> Self {
        Self::of(subject, None)
    }

    fn of(subject: &str, kind: Option<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            claims: Map::new(),
            resource: kind,
            scope: "cache.read".to_owned(),
            lifetime: Duration::from_secs(300),
        }
    }

    /// Signs with another algorithm: RS256 or ES256.
    #[must_use]
    pub fn signed_with(mut self, algorithm: Algorithm) -> Self {
        assert!(
            matches!(algorithm, Algorithm::RS256 | Algorithm::ES256),
            "the provider has no key for {algorithm:?}"
        );
        self.resource = Some(algorithm.name());
        self
    }

    /// Adds a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the claims of an object.
    #[must_use]
    pub fn claims(mut self, claims: Value) -> Self {
        let Value::Object(claims) = claims else {
            panic!("claims are an object: {claims}");
        };
        self.claims.extend(claims);
        self
    }

    /// Sets the `groups` claim.
    #[must_use]
    pub fn groups(self, groups: &[&str]) -> Self {
        self.claim("groups", groups)
    }

    /// Sets the scope, out of `cache.read` and `cache.write`; of no effect on userinfo's.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// Sets how long it lasts, in whole seconds.
    #[must_use]
    pub fn lasts(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The instruction that mints it.
    pub(super) fn instruction(&self) -> Value {
        json!({
            "subject": self.subject,
            "claims": self.claims,
            "resource": self.resource.as_ref().map(|kind| format!("urn:valkey:{kind}")),
            "scope": self.scope,
            "seconds": self.lifetime.as_secs(),
        })
    }
}
