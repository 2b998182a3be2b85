//! From claims to a principal: `[claims]` and `[require]` of a file.
//!
//! In come claims that were proved, by a signature or by whoever was asked; out go a
//! name, groups, scopes and the claims themselves. What is not as required, or cannot be
//! named, is refused.

mod confirmation;
mod identity;
mod require;
mod selector;

use serde_json::{Map, Value};
use warden_core::{
    AuthenticatorId, Claims, Method, Principal, PrincipalName, Reason, ReasonKind, Timestamp,
};
use warden_settings::Section;

use require::Predicate;
pub(crate) use selector::Selector;

/// Default of `claims.group_separators`; what scopes are separated by in any case.
const SEPARATORS: &str = " ,";

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Claims that name the principal; the first present counts.
    name: Vec<Selector>,
    /// Claims that hold groups.
    groups: Vec<Selector>,
    /// What stands between the groups in a claim that is one string.
    group_separators: Vec<char>,
    /// Claims that hold scopes.
    scopes: Vec<Selector>,
    /// All must hold.
    require: Vec<Predicate>,
    /// Whether a token that is bound to no certificate is refused.
    require_binding: bool,
}

/// What claims say.
pub(crate) struct Mapped {
    name: PrincipalName,
    groups: Vec<String>,
    scopes: Vec<String>,
    bound_to: Option<String>,
    claims: Map<String, Value>,
}

impl Mapping {
    /// Takes `[claims]` and `[require]` out of a file; `more` takes what else `[claims]` has.
    pub(crate) fn read<T>(file: &mut Section, more: impl FnOnce(&mut Section) -> T) -> (Self, T) {
        let require = require(file);
        let require_binding = file
            .optional("require_binding", "true or false")
            .unwrap_or(false);
        let mut claims = file.section("claims");
        let separators: Option<String> = claims.optional("group_separators", "a string");
        let mapping = Self {
            name: selectors(&mut claims, "name", &["sub"]),
            groups: selectors(&mut claims, "groups", &["groups"]),
            group_separators: separators
                .unwrap_or_else(|| SEPARATORS.to_owned())
                .chars()
                .collect(),
            scopes: selectors(&mut claims, "scopes", &["scope", "scp"]),
            require,
            require_binding,
        };
        let more = more(&mut claims);
        file.close(claims);
        (mapping, more)
    }

    fn binding(&self, claims: &Value) -> Result<Option<String>, Reason> {
        let bound_to = confirmation::certificate(claims)?;
        if self.require_binding && bound_to.is_none() {
            return Err(Reason::new(
                ReasonKind::Claims,
                "the token is not bound to a client certificate, which require_binding wants",
            ));
        }
        Ok(bound_to)
    }

    /// What the claims say.
    ///
    /// # Errors
    /// `ReasonKind::Claims` when a claim is missing, malformed or not as required;
    /// `ReasonKind::Name` when the principal cannot be named.
    pub(crate) fn apply(
        &self,
        claims: Map<String, Value>,
        id: &AuthenticatorId,
    ) -> Result<Mapped, Reason> {
        let claims = Value::Object(claims);
        if let Some(predicate) = self
            .require
            .iter()
            .find(|predicate| !predicate.holds(&claims))
        {
            return Err(Reason::new(
                ReasonKind::Claims,
                format!("the claim {:?} is not as required", predicate.claim()),
            ));
        }
        Ok(Mapped {
            name: identity::principal(&self.name, &claims)?,
            groups: identity::qualified(&self.groups, &claims, &self.group_separators, id)?,
            scopes: identity::qualified(&self.scopes, &claims, &[' ', ','], id)?,
            bound_to: self.binding(&claims)?,
            claims: match claims {
                Value::Object(claims) => claims,
                _ => Map::new(),
            },
        })
    }
}

impl Mapped {
    /// The principal, vouched for by this authenticator until then.
    pub(crate) fn principal(
        self,
        id: &AuthenticatorId,
        method: Method,
        expires: Option<Timestamp>,
    ) -> Principal {
        Principal {
            authenticator: id.clone(),
            name: self.name,
            method,
            groups: self.groups,
            scopes: self.scopes,
            sole_authenticator: false,
            claims: Claims::new(&self.claims),
            expires,
            remembered_for: None,
            bound_to: self.bound_to,
            recheck: None,
            attach: warden_core::Attach::default(),
            account: None,
        }
    }
}

/// A place that a key of `[claims]` names.
pub(crate) fn selector(claims: &mut Section, key: &str) -> Option<Selector> {
    let text: String = claims.optional(key, "a claim or a JSON Pointer")?;
    Selector::parse(&text)
        .map_err(|why| claims.fault(key, why))
        .ok()
}

fn require(file: &mut Section) -> Vec<Predicate> {
    let mut section = file.section("require");
    let mut predicates = Vec::new();
    for (key, value) in section.rest() {
        match Predicate::parse(&key, value) {
            Ok(predicate) => predicates.push(predicate),
            Err(why) => section.fault(&key, why),
        }
    }
    file.close(section);
    predicates
}

/// One name or a list of them.
fn selectors(claims: &mut Section, key: &str, default: &[&str]) -> Vec<Selector> {
    let names = if claims.is_string(key) {
        claims
            .optional::<String>(key, "a string")
            .map(|name| vec![name])
    } else {
        claims.strings(key)
    };
    let names = names.unwrap_or_else(|| default.iter().map(|&name| name.to_owned()).collect());
    let mut selectors = Vec::new();
    for name in names {
        match Selector::parse(&name) {
            Ok(selector) => selectors.push(selector),
            Err(why) => claims.fault(key, why),
        }
    }
    selectors
}
