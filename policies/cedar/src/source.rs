//! One value of a request, for Cedar: where it comes from and what type it has.
//!
//! In: `{ from = "client.address" }` or `{ claim = "/department", type = "String" }`, later
//! a request. Out: a Cedar value of just that type, nothing where the request has none,
//! or a refusal where it has another.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use serde::Deserialize;
use serde_json::Value;
use warden_sdk::{Input, Reads, Request, ServerRole};

use crate::error::{Fault, Refusal};

/// The shape of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    from: Option<String>,
    claim: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    entity: Option<String>,
    required: Option<bool>,
}

/// Where a value comes from, and whether there must be one.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    from: From,
    required: bool,
}

#[derive(Clone, Debug)]
enum From {
    Fact(Fact),
    Claim { pointer: String, kind: Kind },
}

/// What a claim must be.
#[derive(Clone, Debug)]
enum Kind {
    String,
    Long,
    Bool,
    Ip,
    Strings,
    Longs,
    Entity(EntityTypeName),
}

/// What is known of a log-in besides claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Name,
    UserName,
    Authenticator,
    Method,
    Groups,
    Scopes,
    Address,
    Tls,
    Subject,
    Issuer,
    Serial,
    Fingerprint,
    Role,
    Version,
}

/// Facts by the words of the data.
const FACTS: [(&str, Fact); 14] = [
    ("name", Fact::Name),
    ("user_name", Fact::UserName),
    ("authenticator", Fact::Authenticator),
    ("method", Fact::Method),
    ("groups", Fact::Groups),
    ("scopes", Fact::Scopes),
    ("client.address", Fact::Address),
    ("client.tls", Fact::Tls),
    ("client.certificate.subject", Fact::Subject),
    ("client.certificate.issuer", Fact::Issuer),
    ("client.certificate.serial", Fact::Serial),
    ("client.certificate.fingerprint", Fact::Fingerprint),
    ("server.role", Fact::Role),
    ("server.version", Fact::Version),
];

/// The same, for messages.
const KNOWN: &str = "name, user_name, authenticator, method, groups, scopes, client.address, client.tls, \
                     client.certificate.subject (issuer, serial, fingerprint), server.role or server.version";

impl Source {
    /// Checks a source of an attribute.
    ///
    /// # Errors
    /// When it is none, or not one.
    pub(crate) fn check(raw: &RawSource) -> Result<Self, Fault> {
        let typed = raw.kind.is_some() || raw.entity.is_some();
        let from = match (&raw.from, &raw.claim) {
            (Some(_), None) if typed => return Err(Fault::OwnType),
            (Some(word), None) => From::Fact(fact(word)?),
            (None, Some(pointer)) => From::Claim {
                pointer: claim(pointer)?,
                kind: kind(raw)?,
            },
            _ => return Err(Fault::OneSource),
        };
        Ok(Self {
            from,
            required: raw.required.unwrap_or(false),
        })
    }

    /// Adds what it reads of a request.
    pub(crate) fn reads(&self, reads: Reads) -> Reads {
        match &self.from {
            From::Claim { pointer, .. } => reads.claim(pointer),
            From::Fact(fact) => match fact.input() {
                Some(input) => reads.input(input),
                None => reads,
            },
        }
    }

    /// The value in this request; names are bare where the mapping has one authenticator.
    ///
    /// # Errors
    /// When a claim is of another type, or one that is required is not there.
    pub(crate) fn value(
        &self,
        request: &Request,
        bare: bool,
    ) -> Result<Option<RestrictedExpression>, Refusal> {
        let value = match &self.from {
            From::Fact(fact) => fact.value(request, bare),
            From::Claim { pointer, kind } => match value_of(request, pointer)? {
                Some(value) => Some(kind.typed(value).ok_or_else(|| Refusal::Kind {
                    claim: pointer.clone(),
                    kind: kind.to_string(),
                })?),
                None => None,
            },
        };
        if value.is_none() && self.required {
            return Err(Refusal::Missing {
                what: self.to_string(),
            });
        }
        Ok(value)
    }

    /// Some value of its type, to try it with a schema.
    pub(crate) fn sample(&self) -> RestrictedExpression {
        let text = || RestrictedExpression::new_string("x".to_owned());
        let address = || RestrictedExpression::new_ip("127.0.0.1");
        match &self.from {
            From::Claim { kind, .. } => match kind {
                Kind::String => text(),
                Kind::Long => RestrictedExpression::new_long(1),
                Kind::Bool => RestrictedExpression::new_bool(true),
                Kind::Ip => address(),
                Kind::Strings => RestrictedExpression::new_set([text()]),
                Kind::Longs => RestrictedExpression::new_set([RestrictedExpression::new_long(1)]),
                Kind::Entity(ty) => RestrictedExpression::new_entity_uid(entity(ty, "x")),
            },
            From::Fact(Fact::Groups | Fact::Scopes) => RestrictedExpression::new_set([text()]),
            From::Fact(Fact::Address) => address(),
            From::Fact(Fact::Tls) => RestrictedExpression::new_bool(true),
            From::Fact(_) => text(),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.from {
            From::Claim { pointer, .. } => write!(f, "claim {pointer:?}"),
            From::Fact(fact) => {
                let word = FACTS.iter().find(|(_, known)| known == fact);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}

/// A claim's value; `None` where there is none.
///
/// # Errors
/// When the host gave something that is no JSON.
pub(crate) fn value_of(request: &Request, pointer: &str) -> Result<Option<Value>, Refusal> {
    if request.claim_json(pointer).is_none() {
        return Ok(None);
    }
    let value = request.claim_value(pointer);
    value.map(Some).ok_or_else(|| Refusal::Kind {
        claim: pointer.to_owned(),
        kind: "JSON".to_owned(),
    })
}

/// The entity of a type with this id.
pub(crate) fn entity(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}

/// Reads a JSON Pointer to a claim, as the contract has it.
pub(crate) fn claim(pointer: &str) -> Result<String, Fault> {
    warden_sdk::is_claim_pointer(pointer)
        .then(|| pointer.to_owned())
        .ok_or_else(|| Fault::Pointer {
            text: pointer.to_owned(),
        })
}

/// Reads the name of an entity type.
pub(crate) fn entity_type(text: &str) -> Result<EntityTypeName, Fault> {
    text.parse::<EntityTypeName>().map_err(|error| Fault::Type {
        text: text.to_owned(),
        said: crate::place::told(&error),
    })
}

fn fact(word: &str) -> Result<Fact, Fault> {
    let known = FACTS.iter().find(|(known, _)| *known == word);
    known.map(|(_, fact)| *fact).ok_or_else(|| Fault::Source {
        text: word.to_owned(),
        known: KNOWN,
    })
}

fn kind(raw: &RawSource) -> Result<Kind, Fault> {
    match (raw.kind.as_deref(), &raw.entity) {
        (None, None) => Err(Fault::NoType),
        (Some(_), Some(_)) => Err(Fault::TypeOrEntity),
        (None, Some(ty)) => entity_type(ty).map(Kind::Entity),
        (Some("String"), None) => Ok(Kind::String),
        (Some("Long"), None) => Ok(Kind::Long),
        (Some("Bool"), None) => Ok(Kind::Bool),
        (Some("ipaddr"), None) => Ok(Kind::Ip),
        (Some("Set<String>"), None) => Ok(Kind::Strings),
        (Some("Set<Long>"), None) => Ok(Kind::Longs),
        (Some(text), None) => Err(Fault::Kind {
            text: text.to_owned(),
        }),
    }
}

impl Kind {
    /// A claim as a value of this type; `None` where it is of another. A single string is
    /// no set, and a number with a fraction no Long.
    fn typed(&self, value: Value) -> Option<RestrictedExpression> {
        match (self, value) {
            (Self::String, Value::String(text)) => Some(RestrictedExpression::new_string(text)),
            (Self::Long, Value::Number(number)) => {
                number.as_i64().map(RestrictedExpression::new_long)
            }
            (Self::Bool, Value::Bool(value)) => Some(RestrictedExpression::new_bool(value)),
            (Self::Ip, Value::String(text)) => Some(RestrictedExpression::new_ip(text)),
            (Self::Entity(ty), Value::String(id)) => {
                Some(RestrictedExpression::new_entity_uid(entity(ty, &id)))
            }
            (Self::Strings, Value::Array(values)) => set(values, &Self::String),
            (Self::Longs, Value::Array(values)) => set(values, &Self::Long),
            _ => None,
        }
    }
}

fn set(values: Vec<Value>, of: &Kind) -> Option<RestrictedExpression> {
    let typed = values.into_iter().map(|value| of.typed(value));
    typed
        .collect::<Option<Vec<_>>>()
        .map(RestrictedExpression::new_set)
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String => f.write_str("String"),
            Self::Long => f.write_str("Long"),
            Self::Bool => f.write_str("Bool"),
            Self::Ip => f.write_str("ipaddr"),
            Self::Strings => f.write_str("Set<String>"),
            Self::Longs => f.write_str("Set<Long>"),
            Self::Entity(ty) => write!(f, "id of an entity {ty}"),
        }
    }
}

impl Fact {
    /// What must be declared for it.
    fn input(self) -> Option<Input> {
        match self {
            Self::Name
            | Self::UserName
            | Self::Authenticator
            | Self::Method
            | Self::Groups
            | Self::Scopes => None,
            Self::Address => Some(Input::ClientAddress),
            Self::Tls => Some(Input::ClientTls),
            Self::Subject | Self::Issuer | Self::Serial | Self::Fingerprint => {
                Some(Input::ClientCertificate)
            }
            Self::Role => Some(Input::ServerRole),
            Self::Version => Some(Input::ServerVersion),
        }
    }

    /// Its value; `None` where it is not known: no certificate was shown, or a client on
    /// the Unix socket has no IP address.
    fn value(self, request: &Request, bare: bool) -> Option<RestrictedExpression> {
        let principal = request.principal();
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let names = |names: &[String]| {
            let names = names.iter().map(|name| text(short(request, name, bare)));
            RestrictedExpression::new_set(names)
        };
        let shown = request.client_certificate();
        match self {
            Self::Name => Some(text(principal.name())),
            Self::UserName => Some(text(&principal.user_name())),
            Self::Authenticator => Some(text(principal.authenticator())),
            Self::Method => Some(text(principal.method())),
            Self::Groups => Some(names(principal.groups())),
            Self::Scopes => Some(names(principal.scopes())),
            // The same client, whichever way the server listens.
            Self::Address => request
                .client_ip()
                .map(|ip| RestrictedExpression::new_ip(ip.to_canonical().to_string())),
            Self::Tls => request.client_tls().map(RestrictedExpression::new_bool),
            Self::Subject => shown.map(|shown| text(&shown.subject)),
            Self::Issuer => shown.map(|shown| text(&shown.issuer)),
            Self::Serial => shown.map(|shown| text(&shown.serial)),
            Self::Fingerprint => shown.map(|shown| text(&shown.fingerprint)),
            Self::Role => request.server_role().map(|role| match role {
                ServerRole::Primary => text("primary"),
                ServerRole::Replica => text("replica"),
            }),
            Self::Version => request.server_version().map(text),
        }
    }
}

/// A qualified name, without its authenticator where the mapping is about one alone.
pub(crate) fn short<'a>(request: &Request, name: &'a str, bare: bool) -> &'a str {
    let own = name
        .strip_prefix(request.principal().authenticator())
        .and_then(|rest| rest.strip_prefix('/'));
    own.filter(|_| bare).unwrap_or(name)
}
