//! `type = "jwt"`: JSON Web Tokens (RFC 7519) verified with local keys.
//!
//! In comes a credential; out goes the principal its token proves. The order is
//! fixed: shape, issuer (another's token is not ours), algorithm and key,
//! signature, and only then what the claims say. Before the signature is good a
//! refusal tells the client nothing; after it, what is wrong with its own token.
//! No key and no address in a token is ever used.

mod algorithm;
mod claims;
mod compact;
mod header;
mod identity;
mod json;
mod keys;
mod require;
#[cfg(test)]
mod rfc;
mod selector;
mod settings;
#[cfg(test)]
mod tests;
mod verify;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use warden_core::{
    AuthenticatorId, Credential, Method, Now, Principal, Reason, ReasonKind, Timestamp,
};
use zeroize::Zeroizing;

pub use compact::is_jws_shaped;
pub use keys::KeySet;
pub use verify::{Inspected, inspect, verify_signature, verify_token};

use crate::authenticator::{Authenticator, Outcome};
use crate::configuration::Section;
use crate::file::{self, Access};
use algorithm::Algorithm;
use claims::Dates;
use compact::Compact;
use header::Header;
use settings::{KeySource, Settings};

/// Largest key file.
const MAX_KEYS_BYTES: u64 = 1024 * 1024;

/// Verifies the tokens of one issuer.
pub(crate) struct JwtAuthenticator {
    id: AuthenticatorId,
    settings: Settings,
    /// `None`: all that its keys allow.
    algorithms: Option<Vec<Algorithm>>,
    keys: KeySet,
    keys_changed: Option<Timestamp>,
}

/// What building one came to; faults are noted in the section.
#[derive(Default)]
pub(crate) struct Built {
    /// `None` when there was a fault.
    pub(crate) authenticator: Option<JwtAuthenticator>,
    /// The key file, whether it could be read or not.
    pub(crate) watched: Vec<PathBuf>,
    /// What the key file held, for the fingerprint.
    pub(crate) content: Zeroizing<Vec<u8>>,
}

impl JwtAuthenticator {
    /// Takes the settings of a file and opens its key file. `id` is `None` when
    /// it is at fault already; the rest is checked all the same.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
    ) -> Built {
        let draft = settings::read(file);
        let Some(source) = draft.source else {
            return Built::default();
        };
        let path = directory.join(source.path());
        let mut built = Built {
            watched: vec![path.clone()],
            ..Built::default()
        };
        let keys = match load_keys(&source, &path) {
            Ok((keys, content)) => {
                built.content = content;
                keys
            }
            Err(error) => {
                file.fault(source.key(), format!("{:?} {error}", source.path()));
                return built;
            }
        };
        let Some(settings) = draft.settings else {
            return built;
        };
        let algorithms = allowed(file, &settings, &source, &keys);
        built.authenticator = id.map(|id| Self {
            id: id.clone(),
            settings,
            algorithms,
            keys,
            keys_changed: last_change(&path),
        });
        built
    }

    /// The token within the credential, without the configured prefix.
    fn token<'a>(&self, credential: &'a Credential) -> Option<&'a [u8]> {
        let secret = credential.secret().expose().as_slice();
        let unprefixed = self
            .settings
            .token_prefix
            .as_ref()
            .and_then(|prefix| secret.strip_prefix(prefix.as_bytes()));
        unprefixed.or_else(|| compact::is_jws_shaped(secret).then_some(secret))
    }

    /// Verifies a token; `None` when it is another issuer's.
    fn examine(&self, token: &[u8], now: Now) -> Result<Option<Principal>, Reason> {
        let compact = Compact::parse(token)?;
        let object = |part: &str, bytes: &[u8]| {
            json::object(bytes)
                .map_err(|why| not_a_token(&format!("its {part} is not strict JSON: {why}")))
        };
        let header = object("header", &compact.header)?;
        let claims = object("payload", &compact.payload)?;
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == self.settings.issuer => {}
            Some(Value::String(_)) => return Ok(None),
            Some(_) => return Err(not_a_token("its iss is not a string")),
            None => return Err(not_a_token("it has no iss")),
        }
        let header = Header::check(&header)?;
        verify::signature(&compact, &header, &self.keys, self.algorithms.as_deref())?;
        self.principal(&header, claims, now).map(Some)
    }

    /// What a token of good signature proves.
    fn principal(
        &self,
        header: &Header,
        claims: Map<String, Value>,
        now: Now,
    ) -> Result<Principal, Reason> {
        let refused = |detail: String| Err(Reason::new(ReasonKind::Claims, detail));
        let settings = &self.settings;
        if !settings.types.accept(header.kind.as_deref()) {
            let kind = header
                .kind
                .as_deref()
                .map_or("no typ".to_owned(), crate::quote::quoted);
            return refused(format!("a token of {kind} is not accepted"));
        }
        let dates = Dates::read(&claims)?;
        claims::check_audience(&claims, &settings.audience)?;
        dates.check(settings.leeway, now.wall)?;
        let claims = Value::Object(claims);
        if let Some(predicate) = settings
            .require
            .iter()
            .find(|predicate| !predicate.holds(&claims))
        {
            return refused(format!(
                "the claim {:?} is not as required",
                predicate.claim()
            ));
        }
        let name = identity::principal(&settings.name, &claims)?;
        let groups = identity::qualified(&settings.groups, &claims, &self.id)?;
        let scopes = identity::qualified(&settings.scopes, &claims, &self.id)?;
        let Value::Object(claims) = claims else {
            return refused("the payload is not an object".to_owned());
        };
        Ok(Principal {
            authenticator: self.id.clone(),
            name,
            method: Method::Jwt,
            groups,
            scopes,
            sole_authenticator: false,
            claims,
            expires: dates.expires.map(|expires| expires.plus(settings.leeway)),
        })
    }
}

impl Authenticator for JwtAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Method::Jwt
    }

    fn keys_changed(&self) -> Option<Timestamp> {
        self.keys_changed
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.token(credential).is_some()
    }

    fn authenticate(&self, credential: &Credential, now: Now) -> Outcome<Box<Principal>> {
        let Some(token) = self.token(credential) else {
            return Outcome::NotMine;
        };
        match self.examine(token, now) {
            Ok(Some(principal)) => Outcome::Verified(Box::new(principal)),
            Ok(None) => Outcome::NotMine,
            Err(reason) => Outcome::Refused(reason),
        }
    }
}

/// A refusal before the signature is verified: the client learns nothing.
fn not_a_token(why: &str) -> Reason {
    Reason::new(
        ReasonKind::Credential,
        format!("the token is refused: {why}"),
    )
}

/// When the key file was last written, as far as the file system tells.
fn last_change(path: &Path) -> Option<Timestamp> {
    let seconds = std::fs::metadata(path).ok()?.mtime();
    Some(Timestamp::from_unix_seconds(u64::try_from(seconds).ok()?))
}

fn load_keys(
    source: &KeySource,
    path: &Path,
) -> Result<(KeySet, Zeroizing<Vec<u8>>), crate::Error> {
    let access = match source {
        KeySource::Secret(_) => Access::Secret,
        KeySource::Jwks(_) | KeySource::Pem(_) => Access::Public,
    };
    let content = file::read(path, MAX_KEYS_BYTES, access)?;
    let keys = match source {
        KeySource::Jwks(_) => KeySet::from_jwks(&content)?,
        KeySource::Pem(_) => KeySet::from_pem(&content)?,
        KeySource::Secret(_) => KeySet::from_secret(&content)?,
    };
    Ok((keys, content))
}

/// The algorithms that are named, held against the keys; `None` stands for all
/// that the keys allow. For a secret names are mandatory.
fn allowed(
    file: &mut Section,
    settings: &Settings,
    source: &KeySource,
    keys: &KeySet,
) -> Option<Vec<Algorithm>> {
    let named = settings.algorithms.as_ref()?;
    let able = keys.algorithms();
    let secret = matches!(source, KeySource::Secret(_));
    for algorithm in named.iter().filter(|_| secret) {
        if !able.contains(algorithm) {
            file.fault(
                "algorithms",
                format!("{algorithm} needs a longer secret (RFC 7518 §3.2)"),
            );
        }
    }
    if !secret && !named.iter().any(|algorithm| able.contains(algorithm)) {
        file.fault("algorithms", "no key can be used with any of these");
    }
    Some(named.clone())
}
