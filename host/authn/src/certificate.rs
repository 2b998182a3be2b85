//! `type = "certificate"`: the TLS client certificate that the server verified.
//!
//! In comes a certificate of the connection; out goes the principal it proves. The
//! server has seen that the client holds the key. Here the order is: shape, dates,
//! authority and revocation where they are configured, `[require]`, and only then a
//! name. Any doubt about whom it names refuses it.

mod contents;
mod der;
mod identity;
mod name;
mod oid;
mod parse;
mod require;
mod rule;
mod settings;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trust;
mod values;

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};
use warden_core::client::Certificate;
use warden_core::{
    AuthenticatorId, Claims, Clock, Credential, Method, Now, Principal, Reason, ReasonKind,
    Recheck, Timestamp, UserArgument,
};
use warden_settings::{self as file, Access, Section};

pub use parse::{MAX_CERTIFICATE_BYTES, parse};

use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::directory::{Built, told};
use contents::Contents;
use settings::Settings;
use trust::Trust;
use values::{Values, refused};

/// Largest `ca_file`.
const MAX_AUTHORITIES_BYTES: u64 = 1024 * 1024;
/// Largest of `crl_files`.
const MAX_LIST_BYTES: u64 = 10 * 1024 * 1024;

/// Live sessions are looked at again: revocation lists change, and end.
const RECHECK: Recheck = Recheck {
    every: Duration::from_secs(300),
    grace: Duration::from_secs(300),
};

/// Maps client certificates to principals.
pub(crate) struct CertificateAuthenticator {
    id: AuthenticatorId,
    settings: Settings,
    trust: Option<Trust>,
    keys_changed: Option<Timestamp>,
}

impl CertificateAuthenticator {
    /// Takes the settings of a file and opens the files it names. `id` is `None` when
    /// it is at fault already; the rest is checked all the same.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
    ) -> Built {
        let (authenticator, built) = Self::assemble(file, directory, id);
        Built {
            authenticator: authenticator.map(|this| -> Box<dyn Authenticator> { Box::new(this) }),
            ..built
        }
    }

    /// [`Self::build`], and the authenticator as what it is.
    pub(crate) fn assemble(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
    ) -> (Option<Self>, Built) {
        let draft = settings::read(file);
        let mut built = Built::default();
        let mut trust = None;
        if let Some(path) = &draft.authorities {
            let limit = MAX_AUTHORITIES_BYTES;
            let content = built.open(
                file,
                "ca_file",
                &directory.join(path),
                limit,
                Access::Public,
            );
            trust = content
                .and_then(|content| told(file, "ca_file", path, Trust::from_authorities(&content)));
        }
        for path in &draft.lists {
            let limit = MAX_LIST_BYTES;
            let content = built.open(
                file,
                "crl_files",
                &directory.join(path),
                limit,
                Access::Public,
            );
            if let (Some(content), Some(trust)) = (content, &mut trust) {
                told(file, "crl_files", path, trust.add_lists(&content));
            }
        }
        let keys_changed = built
            .watched
            .iter()
            .filter_map(|path| file::last_change(path))
            .max();
        let authenticator = id.map(|id| Self {
            id: id.clone(),
            settings: draft.settings,
            trust,
            keys_changed,
        });
        (authenticator, built)
    }

    /// Whom a certificate names. No I/O; the work is bounded by the certificate's size
    /// and that of its issuer's revocation lists.
    ///
    /// # Errors
    /// A refusal, whatever is in doubt; `ReasonKind::Unavailable` only when the
    /// revocation list of its issuer is out of date or not to be trusted.
    pub(crate) fn examine(&self, certificate: &Certificate, now: Now) -> Result<Principal, Reason> {
        let contents =
            Contents::read(&certificate.der).map_err(|why| refused(&format!("it {why}")))?;
        let expires = valid_until(&contents, now.wall)?;
        if let Some(trust) = &self.trust {
            trust.verify(&certificate.der, now.wall)?;
        }
        let values = Values::of(&contents)?;
        self.settings.require.check(&contents, &values)?;
        let (name, captures) = identity::principal(&self.settings.identity, &values)?;
        let groups = identity::groups(&self.settings.groups, &values, &self.id)?;
        Ok(Principal {
            authenticator: self.id.clone(),
            name,
            method: Method::Certificate,
            groups,
            scopes: Vec::new(),
            sole_authenticator: false,
            claims: Claims::new(&claims(certificate, &values, expires, captures)),
            expires: Some(expires),
            remembered_for: None,
            bound_to: Some(certificate.fingerprint.clone()),
            recheck: self.trust.as_ref().map(|_| RECHECK),
            attach: warden_core::Attach::default(),
            account: None,
        })
    }
}

impl Authenticator for CertificateAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Method::Certificate
    }

    /// When an authority or a revocation list last changed.
    fn keys_changed(&self) -> Option<Timestamp> {
        self.keys_changed
    }

    /// Whoever gives no secret: the proof is in the connection.
    fn claims(&self, credential: &Credential) -> bool {
        credential.secret().expose().is_empty()
            && matches!(credential.user(), UserArgument::Named(_))
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        let is_asked_for = matches!(presented.credential.user(), UserArgument::Named(name) if name == "certificate");
        let certificate = presented.client.certificate.as_ref();
        let outcome = match certificate.filter(|_| presented.client.tls) {
            Some(certificate) => match self.examine(certificate, clock.now()) {
                Ok(principal) => Outcome::Verified(Box::new(principal)),
                Err(reason) => Outcome::against(reason),
            },
            None if is_asked_for => {
                Outcome::Refused(refused("the connection has no client certificate"))
            }
            None => Outcome::NotMine,
        };
        Box::pin(std::future::ready(outcome))
    }
}

/// The end of a certificate that is valid now. Without leeway: the server looked at
/// the dates with the same clock, and connections live on after it did.
fn valid_until(contents: &Contents<'_>, wall: Timestamp) -> Result<Timestamp, Reason> {
    let at = |seconds| {
        u64::try_from(seconds)
            .ok()
            .map(Timestamp::from_unix_seconds)
    };
    let reason = |kind, words: &str| Reason::new(kind, format!("the certificate {words}"));
    let ended = || reason(ReasonKind::Expired, "has expired");
    // Before 1970 is long ago for both dates.
    let begins = at(contents.not_before).unwrap_or(Timestamp::from_unix_seconds(0));
    let expires = at(contents.not_after).ok_or_else(ended)?;
    if wall >= expires {
        return Err(ended());
    }
    if wall < begins {
        return Err(reason(ReasonKind::NotYetValid, "is not yet valid"));
    }
    Ok(expires)
}

/// What policies may ask of it.
fn claims(
    certificate: &Certificate,
    values: &Values,
    expires: Timestamp,
    captures: Map<String, Value>,
) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("subject", json!(certificate.subject));
    set("issuer", json!(certificate.issuer));
    set("serial", json!(certificate.serial));
    set("fingerprint", json!(certificate.fingerprint));
    if let [common_name] = values.common_names.as_slice() {
        set("cn", json!(common_name));
    }
    set("ou", json!(values.units));
    set("o", json!(values.organizations));
    set("dns", json!(values.names.dns));
    set("email", json!(values.names.emails));
    set("uri", json!(values.names.uris));
    set("not_after", json!(expires.as_unix_seconds()));
    set("captures", Value::Object(captures));
    claims
}
