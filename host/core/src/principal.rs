//! Who was authenticated, and the proof that it happened.

use serde_json::{Map, Value};

use crate::{AuthenticatorId, PrincipalName, Timestamp, UserName};

/// How an identity was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A JSON Web Token (RFC 7519).
    Jwt,
    /// A TLS client certificate (RFC 5280).
    Certificate,
}

impl Method {
    /// The word in configuration, policies and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Certificate => "certificate",
        }
    }
}

/// An identity with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Who vouches for it.
    pub authenticator: AuthenticatorId,
    /// Its name there.
    pub name: PrincipalName,
    /// How it was proved.
    pub method: Method,
    /// Groups, each qualified by the authenticator: `corp/analysts`. Sorted, without doubles.
    pub groups: Vec<String>,
    /// Scopes, each qualified by the authenticator. Sorted, without doubles.
    pub scopes: Vec<String>,
    /// True when no other authenticator is configured, so bare group names are unambiguous.
    pub sole_authenticator: bool,
    /// The token's claims, the certificate's parts, or a directory's chosen attributes.
    pub claims: Map<String, Value>,
    /// When the proof ends, leeway included; `None` only where the operator allows it.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// The Valkey user name: `corp/alice`.
    pub fn user_name(&self) -> UserName {
        UserName::new(&self.authenticator, &self.name)
    }
}

/// The proof that an authenticator verified this value.
///
/// Rooms behind authentication take it by type and never a raw claim. The one
/// constructor is called in one place, the authenticators' chain; a test of the
/// workspace holds that.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Attests a value. Only `warden_authn::Chain` calls this.
    pub fn attest(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }
}
