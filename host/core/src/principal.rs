//! Who was authenticated, and the proof that it happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{
    AuthenticatorId, Claims, ClientFacts, PrincipalName, Reason, ReasonKind, Timestamp, UserName,
};

/// How an identity was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A JSON Web Token (RFC 7519).
    Jwt,
    /// A token that its issuer was asked about (RFC 7662).
    Introspection,
    /// A credential that a user-information service was asked about.
    UserInfo,
    /// A password that a directory judged (RFC 4511).
    Ldap,
    /// A TLS client certificate (RFC 5280).
    Certificate,
    /// Whatever a plugin of the operator's takes for proof.
    Plugin,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::Jwt,
        Self::Introspection,
        Self::UserInfo,
        Self::Ldap,
        Self::Certificate,
        Self::Plugin,
    ];

    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// All names, for messages: `"jwt", "introspection", …`.
    pub fn names() -> String {
        Self::ALL
            .map(|method| format!("{:?}", method.as_str()))
            .join(", ")
    }

    /// The word in configuration, policies and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Introspection => "introspection",
            Self::UserInfo => "userinfo",
            Self::Ldap => "ldap",
            Self::Certificate => "certificate",
            Self::Plugin => "plugin",
        }
    }
}

/// That whoever proved an identity is asked about it again while its sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// How often.
    pub every: Duration,
    /// How long sessions live on while nobody can be asked.
    pub grace: Duration,
}

/// Whom sessions of a principal run as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Attach {
    /// A user of warden's, with the rights that policies grant.
    #[default]
    Policies,
    /// The user of the server's own ACL that has the principal's name. No policy is asked.
    AclUser,
}

impl Attach {
    /// The word in configuration and replies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::AclUser => "acl-user",
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
    pub claims: Claims,
    /// When the proof ends, leeway included; `None` only where the operator allows it.
    pub expires: Option<Timestamp>,
    /// How long the proof may be remembered instead of being asked for again; `None`: as
    /// long as the module's own bound.
    pub remembered_for: Option<Duration>,
    /// The client certificate without which the credential proves nothing (RFC 8705 §3):
    /// its SHA-256, as [`Certificate::fingerprint`](crate::client::Certificate).
    pub bound_to: Option<String>,
    /// Whether it is asked about again.
    pub recheck: Option<Recheck>,
    /// Whom its sessions run as.
    pub attach: Attach,
    /// The account in a directory that is looked up again; `None`: there is none, or it is
    /// not.
    pub account: Option<Arc<Account>>,
}

/// What a principal is in a directory that is asked about it while its sessions live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The authenticator that asks the directory.
    pub directory: AuthenticatorId,
    /// The name by which it is looked up.
    pub name: String,
    /// What tells it from another that has the same name later.
    pub identity: String,
    /// The names of claims that are the directory's.
    pub attributes: Vec<String>,
    /// When the proof itself ends, whatever the directory says.
    pub proof_ends: Option<Timestamp>,
    /// How often it is looked up, and how long sessions live while it cannot be.
    pub refresh: Recheck,
}

impl Principal {
    /// Whether a connection may use the credential: one that is bound to a certificate
    /// only where the server has verified that very certificate.
    ///
    /// # Errors
    /// `ReasonKind::Credential`: to whoever took it, the credential is worth nothing.
    pub fn check_binding(&self, client: &ClientFacts) -> Result<(), Reason> {
        let Some(bound_to) = &self.bound_to else {
            return Ok(());
        };
        let certificate = client.certificate.as_ref().filter(|_| client.tls);
        if certificate.is_some_and(|certificate| certificate.fingerprint == *bound_to) {
            return Ok(());
        }
        let found = match (client.tls, &client.certificate) {
            (false, _) => "the connection is not TLS",
            (true, None) => "the connection has none",
            (true, Some(_)) => "the connection has another",
        };
        Err(Reason::new(
            ReasonKind::Credential,
            format!("the credential is bound to a client certificate, and {found}"),
        ))
    }

    /// The same without anything its directory said: what the proof alone says.
    #[must_use]
    pub fn without_account(&self) -> Self {
        let mut alone = self.clone();
        if let Some(account) = alone.account.take() {
            let prefix = format!("{}/", account.directory);
            alone.groups.retain(|group| !group.starts_with(&prefix));
            let mut claims = alone.claims.to_map();
            for name in &account.attributes {
                claims.remove(name);
            }
            alone.claims = Claims::new(&claims);
            alone.expires = account.proof_ends;
        }
        alone
    }

    /// The Valkey user name: `corp/alice`, or `alice` of the server's own ACL.
    pub fn user_name(&self) -> UserName {
        match self.attach {
            Attach::Policies => UserName::new(&self.authenticator, &self.name),
            Attach::AclUser => UserName::of_acl_user(&self.name),
        }
    }
}

/// The proof that an authenticator verified this value.
///
/// Rooms behind authentication take it by type and never a raw claim. The one
/// constructor is called in one place, the authenticators' chain; a test of the
/// workspace holds that.
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    is_withdrawn: AtomicBool,
}

impl<T> Verified<T> {
    /// Attests a value. Only `warden_authn::Chain` calls this.
    pub fn attest(value: T) -> Self {
        Self {
            value,
            is_withdrawn: AtomicBool::new(false),
        }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Nobody is let in with this proof from now on. Sessions that it made go on until they
    /// are given another, or end.
    pub fn withdraw(&self) {
        self.is_withdrawn.store(true, Ordering::Release);
    }

    /// Whether nobody is let in with it any more.
    pub fn is_withdrawn(&self) -> bool {
        self.is_withdrawn.load(Ordering::Acquire)
    }
}

impl<T: PartialEq> PartialEq for Verified<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Certificate;

    fn principal(bound_to: Option<&str>) -> Principal {
        Principal {
            authenticator: AuthenticatorId::new("corp").unwrap(),
            name: PrincipalName::new("alice").unwrap(),
            method: Method::Jwt,
            groups: Vec::new(),
            scopes: Vec::new(),
            sole_authenticator: false,
            claims: Claims::default(),
            expires: None,
            remembered_for: None,
            bound_to: bound_to.map(str::to_owned),
            recheck: None,
            attach: Attach::default(),
            account: None,
        }
    }

    fn client(tls: bool, fingerprint: Option<&str>) -> ClientFacts {
        let certificate = fingerprint.map(|fingerprint| Certificate {
            fingerprint: fingerprint.to_owned(),
            ..Certificate::default()
        });
        ClientFacts {
            tls,
            certificate,
            ..ClientFacts::default()
        }
    }

    #[test]
    fn a_bound_credential_is_good_only_with_its_certificate() {
        let bound = principal(Some("aa"));
        assert!(bound.check_binding(&client(true, Some("aa"))).is_ok());
        for other in [
            client(false, None),
            client(false, Some("aa")),
            client(true, None),
            client(true, Some("ab")),
        ] {
            assert!(bound.check_binding(&other).is_err(), "{other:?}");
            assert!(principal(None).check_binding(&other).is_ok());
        }
    }
}
