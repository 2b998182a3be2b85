//! What authenticators have in common that ask somebody about each credential.

use std::fmt::Display;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::Url;
use warden_core::{Reason, ReasonKind, Recheck};

use crate::configuration::Section;
use crate::discovery::Discovery;
use crate::endpoint::{self, CallError, Endpoint};
use crate::throttle;

/// Default of `cache_seconds`.
const CACHE_SECONDS: u64 = 30;

/// Where to ask.
pub(crate) enum Address {
    /// As configured.
    Named(Url),
    /// As the issuer's discovery document says, once it was fetched.
    Discovered {
        discovery: Discovery,
        /// The document's member.
        member: &'static str,
        known: ArcSwapOption<Url>,
    },
}

impl Address {
    /// Takes `key` out of a file; without it, the issuer's document is asked for `member`.
    pub(crate) fn read(
        file: &mut Section,
        key: &str,
        member: &'static str,
        issuer: Option<&str>,
    ) -> Option<Self> {
        if file.has(key) {
            return endpoint::address(file, key).map(Self::Named);
        }
        if issuer.is_none() {
            file.fault(
                key,
                "is missing: name it, or the issuer whose discovery document does",
            );
            return None;
        }
        Some(Self::Discovered {
            discovery: Discovery::read(file, issuer, None)?,
            member,
            known: ArcSwapOption::empty(),
        })
    }

    /// The configured address.
    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::Named(url) => url,
            Self::Discovered { discovery, .. } => &discovery.url,
        }
    }

    /// Where to ask; a discovered place holds until the authenticator changes.
    ///
    /// # Errors
    /// `ReasonKind::Unavailable` when the document cannot be had or is not as it must be.
    pub(crate) async fn resolve(&self, endpoint: &Endpoint) -> Result<Url, Reason> {
        match self {
            Self::Named(url) => Ok(url.clone()),
            Self::Discovered {
                discovery,
                member,
                known,
            } => {
                if let Some(url) = known.load_full() {
                    return Ok(url.as_ref().clone());
                }
                let metadata = discovery.metadata(endpoint).await.map_err(unavailable)?;
                let url = metadata.address(member, endpoint).map_err(unavailable)?;
                known.store(Some(url.clone().into()));
                Ok(url)
            }
        }
    }
}

/// Takes `cache_seconds`: how long a yes is remembered at most. 0: it is asked for again.
pub(crate) fn remembered_for(file: &mut Section) -> Duration {
    Duration::from_secs(file.whole("cache_seconds", CACHE_SECONDS, 0..=3600))
}

/// Takes `recheck_seconds` and `recheck_grace_seconds`: how often live sessions are asked
/// about again, and how long they live while nobody answers. 0, the default: never.
pub(crate) fn recheck(file: &mut Section) -> Option<Recheck> {
    let every = file.whole("recheck_seconds", 0, 0..=86_400);
    let grace = file.whole("recheck_grace_seconds", 300, 0..=86_400);
    (every > 0).then(|| Recheck {
        every: Duration::from_secs(every),
        grace: Duration::from_secs(grace),
    })
}

/// A reason for leaving a credential undecided.
pub(crate) fn unavailable(why: impl Display) -> Reason {
    Reason::new(ReasonKind::Unavailable, why.to_string())
}

/// What a call that came to nothing means for the credential it was about.
pub(crate) fn undecided(error: CallError) -> Reason {
    match error {
        CallError::Unwanted => throttle::held_back(),
        CallError::Busy(_) => Reason::new(ReasonKind::Busy, error.to_string()),
        error => unavailable(error),
    }
}
