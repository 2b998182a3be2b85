//! The claims of a token, set by name; times relative to now.

use serde_json::{Map, Value, json};

use super::AUDIENCE;
use crate::patience::unix_now;

/// Seconds a token lasts unless a test says otherwise.
const LIFETIME: u64 = 300;

/// Claims in the making.
#[derive(Clone)]
pub struct Claims {
    set: Map<String, Value>,
    without: Vec<String>,
}

impl Claims {
    /// Claims about this subject.
    pub fn of(subject: &str) -> Self {
        let mut set = Map::new();
        set.insert("sub".to_owned(), subject.into());
        Self {
            set,
            without: Vec::new(),
        }
    }

    /// Sets a claim to any JSON value.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out, also one that would be filled in.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.set.remove(name);
        self.without.push(name.to_owned());
        self
    }

    /// Sets the `groups` claim.
    #[must_use]
    pub fn groups(self, groups: &[&str]) -> Self {
        self.set("groups", groups)
    }

    /// Sets the `scope` claim, delimited by spaces.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.set("scope", scope)
    }

    /// Sets `exp` to this many seconds from now.
    #[must_use]
    pub fn expires_in(self, seconds: u64) -> Self {
        self.set("exp", unix_now() + seconds)
    }

    /// Sets `exp` to this many seconds ago.
    #[must_use]
    pub fn expired_for(self, seconds: u64) -> Self {
        self.set("exp", unix_now() - seconds)
    }

    /// Makes two otherwise equal tokens differ.
    #[must_use]
    pub fn id(self, id: impl ToString) -> Self {
        self.set("jti", id.to_string())
    }

    /// All claims of a sound token of this issuer, less those left out.
    pub(super) fn filled(&self, issuer: &str) -> Value {
        let now = unix_now();
        let mut all = Map::new();
        all.insert("iss".to_owned(), issuer.into());
        all.insert("aud".to_owned(), AUDIENCE.into());
        all.insert("iat".to_owned(), json!(now));
        all.insert("exp".to_owned(), json!(now + LIFETIME));
        all.extend(self.set.clone());
        all.retain(|name, _| !self.without.contains(name));
        Value::Object(all)
    }
}
