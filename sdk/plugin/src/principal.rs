//! Whom a credential belongs to.

use std::fmt;

/// What a plugin vouches for.
///
/// Names are as the plugin knows them: warden puts the authenticator's id in front of
/// name, groups and scopes. It also judges them: where it does not take one (an empty name,
/// a control character, a claim given twice), the answer is no yes.
///
/// ```
/// use warden_plugin::Principal;
/// let alice = Principal::new("alice")
///     .with_group("analysts")
///     .with_scope("cache.read")
///     .with_claim("level", 3)
///     .expires_at(1_900_000_000);
/// assert_eq!(alice.to_string(), "alice; group analysts; scope cache.read; claim level=3; expires 1900000000");
/// ```
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) expires_seconds: Option<u64>,
}

/// What else policies may ask for: a name and its JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(crate) name: String,
    pub(crate) json: String,
}

impl Claim {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl Principal {
    /// A principal in no group and with no scope, for as long as warden lets it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            groups: Vec::new(),
            scopes: Vec::new(),
            claims: Vec::new(),
            expires_seconds: None,
        }
    }

    /// Adds a group.
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Adds groups.
    pub fn with_groups<T: Into<String>>(mut self, groups: impl IntoIterator<Item = T>) -> Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Adds a scope.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Adds scopes.
    pub fn with_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a claim: a text, number, boolean, list of them, or a `serde_json::Value`.
    ///
    /// `sub`, `groups` and `scope` are made of the principal itself and cannot be given.
    pub fn with_claim(self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.with_claim_json(name, value.into().to_string())
    }

    /// Adds a claim whose value is JSON text already.
    pub fn with_claim_json(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.claims.push(Claim {
            name: name.into(),
            json: json.into(),
        });
        self
    }

    /// Says when the credential ends, in seconds since 1970-01-01T00:00:00Z. The session
    /// ends then or earlier. A plugin has no clock: it says when, and warden compares.
    pub fn expires_at(mut self, unix_seconds: u64) -> Self {
        self.expires_seconds = Some(unix_seconds);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The groups.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The scopes.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The claims.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// When the credential ends, in seconds since 1970-01-01T00:00:00Z.
    pub fn expires(&self) -> Option<u64> {
        self.expires_seconds
    }
}

impl fmt::Display for Principal {
    /// One line for golden files; parts are divided by `; `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.groups
            .iter()
            .try_for_each(|group| write!(f, "; group {group}"))?;
        self.scopes
            .iter()
            .try_for_each(|scope| write!(f, "; scope {scope}"))?;
        self.claims
            .iter()
            .try_for_each(|claim| write!(f, "; claim {}={}", claim.name, claim.json))?;
        self.expires_seconds
            .iter()
            .try_for_each(|seconds| write!(f, "; expires {seconds}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_json_whatever_it_holds() {
        let alice = Principal::new("alice")
            .with_claim("a", "say \"hi\"\n")
            .with_claim("b", vec!["x", "y"])
            .with_claim("c", json!({"unit": ["eu", 1, null]}))
            .with_claim_json("d", "{");
        let json: Vec<&str> = alice.claims().iter().map(Claim::json).collect();
        assert_eq!(
            json,
            [
                r#""say \"hi\"\n""#,
                r#"["x","y"]"#,
                r#"{"unit":["eu",1,null]}"#,
                "{"
            ]
        );
    }

    #[test]
    fn lists_are_added_to() {
        let alice = Principal::new("alice")
            .with_group("a")
            .with_groups(["b", "c"])
            .with_scopes(vec!["r".to_owned()])
            .with_scope("w");
        assert_eq!(alice.groups(), ["a", "b", "c"]);
        assert_eq!(alice.scopes(), ["r", "w"]);
        assert_eq!(alice.expires(), None);
    }
}
