//! `type = "jwt"`: JSON Web Tokens (RFC 7519), verified with keys of a file or with those
//! that their issuer publishes.
//!
//! In comes a credential; out goes the principal its token proves. The order is
//! fixed: shape, issuer (another's token is not ours, and nobody is asked about it),
//! algorithm and key, signature, and only then what the claims say. Before the signature is good a
//! refusal tells the client nothing; after it, what is wrong with its own token.
//! No key and no address in a token is ever used.

mod algorithm;
mod compact;
mod header;
mod keys;
mod remote;
#[cfg(test)]
mod rfc;
mod settings;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;

use serde_json::{Map, Value};
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, Reason, ReasonKind, Timestamp,
};
use warden_settings::{self as file, Access, Section};

pub use compact::is_jws_shaped;
pub use keys::KeySet;
pub use verify::{Inspected, inspect, verify_signature, verify_token};

use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::directory::{Built, told};
use crate::endpoint::{self, Endpoint};
use crate::json;
use crate::registered::{self, Dates};
use crate::services::Services;
use crate::survey::{Dependency, Published};
use algorithm::Algorithm;
use compact::Compact;
use header::Header;
pub(crate) use remote::Place;
use remote::{Fetched, RemoteKeys, RemoteSettings, Search};
use settings::{KeyFile, KeySource, Settings};
use verify::SignatureError;

/// Largest key file.
const MAX_KEYS_BYTES: u64 = 1024 * 1024;

/// Verifies the tokens of one issuer.
pub(crate) struct JwtAuthenticator {
    id: AuthenticatorId,
    settings: Settings,
    keys: Keys,
}

/// What its tokens are verified with.
enum Keys {
    /// Those of a file.
    Local {
        keys: KeySet,
        algorithms: Option<Vec<Algorithm>>,
        changed: Option<Timestamp>,
    },
    /// Those the issuer publishes.
    Remote(RemoteKeys),
}

impl JwtAuthenticator {
    /// Takes the settings of a file and opens its files; what it needs of others is
    /// fetched later. `id` is `None` when it is at fault already; the rest is checked all
    /// the same.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        services: &Services,
    ) -> Built {
        let draft = settings::read(file);
        match draft.source {
            None => Built::default(),
            Some(KeySource::File(kind, path)) => {
                Self::with_key_file(file, directory, id, (kind, &path), draft.settings)
            }
            Some(KeySource::Remote(remote)) => {
                Self::with_remote_keys(file, directory, id, remote, draft.settings, services)
            }
        }
    }

    fn with_key_file(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        (kind, name): (KeyFile, &Path),
        settings: Option<Settings>,
    ) -> Built {
        let path = directory.join(name);
        let mut built = Built::default();
        let keys = open_keys(file, &mut built, kind, &path);
        let (Some(keys), Some(settings)) = (keys, settings) else {
            return built;
        };
        let algorithms = allowed(file, &settings, kind, &keys);
        built.authenticator = id.map(|id| -> Box<dyn Authenticator> {
            Box::new(Self {
                id: id.clone(),
                settings,
                keys: Keys::Local {
                    keys,
                    algorithms,
                    changed: file::last_change(&path),
                },
            })
        });
        built
    }

    fn with_remote_keys(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        remote: RemoteSettings,
        settings: Option<Settings>,
        services: &Services,
    ) -> Built {
        let mut built = Built::default();
        let addresses = std::slice::from_ref(remote.place.url());
        let draft = endpoint::read(file, &mut built, directory, addresses);
        built.authenticator = id
            .zip(settings)
            .zip(draft.parts)
            .filter(|_| file.is_good())
            .map(
                |((id, settings), (calls, client))| -> Box<dyn Authenticator> {
                    let endpoint = Endpoint::new(calls, client, services.clone());
                    let algorithms = settings.algorithms.clone();
                    Box::new(Self {
                        id: id.clone(),
                        settings,
                        keys: Keys::Remote(RemoteKeys::new(
                            id.clone(),
                            remote,
                            algorithms,
                            endpoint,
                            services.clone(),
                        )),
                    })
                },
            );
        built
    }

    /// Verifies a token; `None` when it is another issuer's.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when it could not be decided.
    async fn examine(&self, token: &[u8], clock: &dyn Clock) -> Result<Option<Principal>, Reason> {
        let compact = Compact::parse(token)?;
        let object = |part: &str, bytes: &[u8]| {
            json::object(bytes)
                .map_err(|why| not_a_token(&format!("its {part} is not strict JSON: {why}")))
        };
        let header = object("header", &compact.header)?;
        let claims = object("payload", &compact.payload)?;
        match claims.get("iss") {
            Some(Value::String(issuer)) if self.settings.issuers.contains(issuer) => {}
            Some(Value::String(_)) => return Ok(None),
            Some(_) => return Err(not_a_token("its iss is not a string")),
            None => return Err(not_a_token("it has no iss")),
        }
        let header = Header::check(&header)?;
        match &self.keys {
            Keys::Local {
                keys, algorithms, ..
            } => verify::signature(&compact, &header, keys, algorithms.as_deref())?,
            Keys::Remote(remote) => {
                let allowed = self.settings.algorithms.as_deref();
                published(&compact, &header, remote, allowed).await?;
            }
        }
        self.principal(&header, claims, clock.now()).map(Some)
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
                .map_or("no typ".to_owned(), warden_settings::quoted);
            return refused(format!("a token of {kind} is not accepted"));
        }
        let dates = Dates::read(&claims)?;
        registered::check_audience(&claims, &settings.audience)?;
        dates.check(settings.leeway, now.wall)?;
        let expires = dates.expires.map(|expires| expires.plus(settings.leeway));
        let mapped = settings.mapping.apply(claims, &self.id)?;
        Ok(mapped.principal(&self.id, Method::Jwt, expires))
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
        match &self.keys {
            Keys::Local { changed, .. } => *changed,
            Keys::Remote(remote) => remote.changed(),
        }
    }

    fn trouble(&self) -> Option<String> {
        match &self.keys {
            Keys::Local { .. } => None,
            Keys::Remote(remote) => remote.trouble(),
        }
    }

    fn dependency(&self) -> Option<Dependency<'_>> {
        match &self.keys {
            Keys::Local { .. } => None,
            Keys::Remote(remote) => Some(Dependency {
                endpoint: remote.endpoint(),
                published: Published::Keys(remote.place()),
                leeway: Some(self.settings.leeway),
            }),
        }
    }

    fn start(&self) {
        if let Keys::Remote(remote) = &self.keys {
            remote.start();
        }
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.settings.offer.token(credential).is_some()
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let Some(token) = self.settings.offer.token(&presented.credential) else {
                return Outcome::NotMine;
            };
            match self.examine(token, clock).await {
                Ok(Some(principal)) => Outcome::Verified(Box::new(principal)),
                Ok(None) => Outcome::NotMine,
                Err(reason) => Outcome::against(reason),
            }
        })
    }
}

/// Verifies a signature with the keys its issuer publishes: with newer ones when it names
/// a key that is not known yet.
async fn published(
    compact: &Compact<'_>,
    header: &Header,
    remote: &RemoteKeys,
    allowed: Option<&[Algorithm]>,
) -> Result<(), Reason> {
    let verify = |keys: &Fetched| verify::signature(compact, header, &keys.keys, allowed);
    let keys = remote.current().await?;
    let reason = match verify(&keys) {
        Ok(()) => return Ok(()),
        Err(SignatureError::Refused(reason)) => return Err(reason),
        Err(SignatureError::UnknownKey(reason)) => reason,
    };
    match remote.search(&header.key.in_words(), &keys).await {
        Search::Newer(keys) => Ok(verify(&keys)?),
        Search::Absent => Err(reason),
        Search::Undecided(reason) => Err(reason),
    }
}

/// A refusal before the signature is verified: the client learns nothing.
fn not_a_token(why: &str) -> Reason {
    Reason::new(
        ReasonKind::Credential,
        format!("the token is refused: {why}"),
    )
}

/// Reads the file of keys.
fn open_keys(file: &mut Section, built: &mut Built, kind: KeyFile, path: &Path) -> Option<KeySet> {
    let access = match kind {
        KeyFile::Secret => Access::Secret,
        KeyFile::Jwks | KeyFile::Pem => Access::Public,
    };
    let content = built.open(file, kind.key(), path, MAX_KEYS_BYTES, access)?;
    let keys = match kind {
        KeyFile::Jwks => KeySet::from_jwks(&content),
        KeyFile::Pem => KeySet::from_pem(&content),
        KeyFile::Secret => KeySet::from_secret(&content),
    };
    told(file, kind.key(), path, keys)
}

/// The algorithms that are named, held against the keys; `None` stands for all
/// that the keys allow. For a secret names are mandatory.
fn allowed(
    file: &mut Section,
    settings: &Settings,
    kind: KeyFile,
    keys: &KeySet,
) -> Option<Vec<Algorithm>> {
    let named = settings.algorithms.as_ref()?;
    let able = keys.algorithms();
    let secret = kind == KeyFile::Secret;
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
