//! What policies are told about a log-in: exactly what they declared, no more.
//!
//! In come a verified principal and the facts of its connection; out goes a
//! [`Request`] whose [`ClassKey`] is the digest of everything in it. Sessions
//! with equal keys look the same to every policy, so they share a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use warden_core::client::Certificate;
use warden_core::{Claims, ClassKey, ClientFacts, Now, Principal, Verified};

use crate::bindings::policy::warden::policy::types as wit;
use crate::digest::Digester;

/// What a policy, or all policies of a generation, read of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Every claim.
    pub all_claims: bool,
    /// These claims, as JSON Pointers.
    pub claims: BTreeSet<String>,
    /// The connection's IP address.
    pub client_address: bool,
    /// Whether the connection is TLS.
    pub client_tls: bool,
    /// The client's certificate.
    pub client_certificate: bool,
    /// The time.
    pub clock: bool,
    /// Whether the server is a primary or a replica.
    pub server_role: bool,
    /// The server's version.
    pub server_version: bool,
}

impl Inputs {
    /// What either reads.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.all_claims |= other.all_claims;
        self.claims.extend(other.claims.iter().cloned());
        self.client_address |= other.client_address;
        self.client_tls |= other.client_tls;
        self.client_certificate |= other.client_certificate;
        self.clock |= other.clock;
        self.server_role |= other.server_role;
        self.server_version |= other.server_version;
        self
    }
}

/// A log-in as one generation's policies see it. Cheap to clone and to send.
#[derive(Clone, Debug)]
pub struct Request {
    key: ClassKey,
    generation: u64,
    now: Now,
    facts: Arc<Facts>,
}

/// The projection: what is not declared is not in it.
#[derive(Debug, PartialEq)]
struct Facts {
    subject: Subject,
    /// By pointer, as JSON text; the empty pointer for all claims together.
    /// `None` where the principal has no such claim.
    claims: BTreeMap<String, Option<String>>,
    /// Outer `None`: not declared.
    address: Option<Option<String>>,
    tls: Option<bool>,
    certificate: Option<Option<Certificate>>,
    replica: Option<bool>,
    version: Option<String>,
}

/// Whom a request is about.
#[derive(Debug, PartialEq)]
enum Subject {
    /// Somebody an authenticator verified.
    Verified(Arc<Verified<Principal>>),
    /// Somebody a test, or a policy's author, made up.
    MadeUp(Box<Principal>),
}

impl Subject {
    fn principal(&self) -> &Principal {
        match self {
            Self::Verified(principal) => principal.get(),
            Self::MadeUp(principal) => principal,
        }
    }
}

impl Request {
    /// Projects a log-in to what the inputs name. Runs on the server's main
    /// thread: no I/O; work bounded by the size of what is known of the principal, and where
    /// pointers lead into claims, of these by how many do.
    pub(crate) fn project(
        generation: u64,
        inputs: &Inputs,
        principal: &Arc<Verified<Principal>>,
        client: &ClientFacts,
        server_version: &str,
        now: Now,
    ) -> Self {
        let subject = Subject::Verified(Arc::clone(principal));
        Self::about(subject, generation, inputs, client, server_version, now)
    }

    /// The same for somebody made up. Who decides it keeps the decision to itself or
    /// only shows it: see [`crate::Generation::run_tests`] and
    /// [`crate::Generation::explain_made_up`].
    pub(crate) fn made_up(
        generation: u64,
        inputs: &Inputs,
        principal: &Principal,
        client: &ClientFacts,
        server_version: &str,
        now: Now,
    ) -> Self {
        let subject = Subject::MadeUp(Box::new(principal.clone()));
        Self::about(subject, generation, inputs, client, server_version, now)
    }

    fn about(
        subject: Subject,
        generation: u64,
        inputs: &Inputs,
        client: &ClientFacts,
        server_version: &str,
        now: Now,
    ) -> Self {
        let facts = Facts {
            claims: claims(inputs, &subject.principal().claims),
            subject,
            address: inputs.client_address.then(|| client.address.clone()),
            tls: inputs.client_tls.then_some(client.tls),
            certificate: inputs
                .client_certificate
                .then(|| client.certificate.clone()),
            replica: inputs.server_role.then_some(client.replica),
            version: inputs.server_version.then(|| server_version.to_owned()),
        };
        Self {
            key: facts.key(),
            generation,
            now,
            facts: Arc::new(facts),
        }
    }

    /// The digest of authenticator, name and everything in it but the time.
    pub fn key(&self) -> ClassKey {
        self.key
    }

    /// The generation it was projected for; only that one may decide it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When it was projected.
    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// The part that one policy declared, as the contract has it.
    pub(crate) fn for_policy(&self, inputs: &Inputs, now: Now) -> wit::Request {
        let facts = &*self.facts;
        let principal = facts.subject.principal();
        wit::Request {
            principal: wit::Principal {
                name: principal.name.to_string(),
                authenticator: principal.authenticator.to_string(),
                method: principal.method.as_str().to_owned(),
                groups: principal.groups.clone(),
                scopes: principal.scopes.clone(),
                sole_authenticator: principal.sole_authenticator,
            },
            claims: facts.claims_for(inputs),
            client_address: facts
                .address
                .clone()
                .flatten()
                .filter(|_| inputs.client_address),
            client_tls: facts.tls.filter(|_| inputs.client_tls),
            client_certificate: facts
                .certificate
                .as_ref()
                .filter(|_| inputs.client_certificate)
                .and_then(certificate),
            now: inputs.clock.then(|| now.wall.as_unix_seconds()),
            server_role: facts.replica.filter(|_| inputs.server_role).map(
                |replica| match replica {
                    true => wit::ServerRole::Replica,
                    false => wit::ServerRole::Primary,
                },
            ),
            server_version: facts.version.clone().filter(|_| inputs.server_version),
        }
    }
}

impl Facts {
    /// Digest of authenticator, name and everything declared.
    ///
    /// The time is left out: a policy that reads it says with `valid-for` how
    /// long its answer holds, and a class must outlive a second.
    fn key(&self) -> ClassKey {
        let principal = self.subject.principal();
        let mut digester = Digester::new("warden class 1");
        digester.bytes(principal.authenticator.as_str().as_bytes());
        digester.bytes(principal.name.as_str().as_bytes());
        digester.bytes(principal.method.as_str().as_bytes());
        digester.list(&principal.groups);
        digester.list(&principal.scopes);
        digester.tag(u8::from(principal.sole_authenticator));
        digester.count(self.claims.len());
        for (pointer, json) in &self.claims {
            digester.bytes(pointer.as_bytes());
            optional(&mut digester, json.as_deref());
        }
        declared(&mut digester, self.address.as_ref(), |d, address| {
            optional(d, address.as_deref())
        });
        declared(&mut digester, self.tls.as_ref(), |d, tls| {
            d.tag(u8::from(*tls))
        });
        declared(
            &mut digester,
            self.certificate.as_ref(),
            |d, certificate| {
                declared(d, certificate.as_ref(), |d, c| {
                    [&c.subject, &c.issuer, &c.serial, &c.fingerprint]
                        .iter()
                        .for_each(|part| d.bytes(part.as_bytes()));
                });
            },
        );
        declared(&mut digester, self.replica.as_ref(), |d, replica| {
            d.tag(u8::from(*replica))
        });
        optional(&mut digester, self.version.as_deref());
        ClassKey::new(*digester.finish().as_bytes())
    }

    fn claims_for(&self, inputs: &Inputs) -> Vec<wit::Claim> {
        self.claims
            .iter()
            .filter(|(pointer, _)| {
                inputs.claims.contains(*pointer) || (inputs.all_claims && pointer.is_empty())
            })
            .filter_map(|(pointer, json)| {
                json.as_ref().map(|json| wit::Claim {
                    pointer: pointer.clone(),
                    json: json.clone(),
                })
            })
            .collect()
    }
}

fn declared<T>(digester: &mut Digester, value: Option<&T>, encode: impl FnOnce(&mut Digester, &T)) {
    digester.tag(u8::from(value.is_some()));
    if let Some(value) = value {
        encode(digester, value);
    }
}

fn optional(digester: &mut Digester, text: Option<&str>) {
    declared(digester, text.as_ref(), |digester, text| {
        digester.bytes(text.as_bytes())
    });
}

fn claims(inputs: &Inputs, claims: &Claims) -> BTreeMap<String, Option<String>> {
    let found = claims.at_each(inputs.claims.iter().map(String::as_str));
    let found = found.into_iter().map(|claim| claim.map(str::to_owned));
    let mut selected: BTreeMap<_, _> = inputs.claims.iter().cloned().zip(found).collect();
    if inputs.all_claims {
        selected.insert(String::new(), Some(claims.as_json().to_owned()));
    }
    selected
}

fn certificate(certificate: &Option<Certificate>) -> Option<wit::Certificate> {
    certificate.as_ref().map(|c| wit::Certificate {
        subject: c.subject.clone(),
        issuer: c.issuer.clone(),
        serial: c.serial.clone(),
        fingerprint: c.fingerprint.clone(),
    })
}

#[cfg(test)]
mod tests;
