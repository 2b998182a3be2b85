//! Where to ask: as a file says, or as the issuer's discovery document does.

use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::Url;
use tokio::sync::Mutex;
use warden_core::Reason;
use warden_settings::Section;

use super::unavailable;
use crate::discovery::Discovery;
use crate::endpoint::{self, Endpoint};

/// How long a document that could not be had is not asked for again: with a provider that
/// is down, every log-in would ask for it.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

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
        /// Held by the one log-in that asks for the document, while the others wait: why
        /// the last one did not get it, and until when that holds.
        failure: Mutex<Option<(Duration, Reason)>>,
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
            failure: Mutex::new(None),
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
                failure,
            } => {
                let found = || known.load_full().map(|url| url.as_ref().clone());
                if let Some(url) = found() {
                    return Ok(url);
                }
                let mut failure = failure.lock().await;
                if let Some(url) = found() {
                    return Ok(url);
                }
                if let Some((until, reason)) = failure.as_ref()
                    && endpoint.now().monotonic < *until
                {
                    return Err(reason.clone());
                }
                let url = discover(discovery, member, endpoint).await;
                match &url {
                    Ok(url) => known.store(Some(url.clone().into())),
                    Err(reason) => {
                        let until = endpoint.now().monotonic.saturating_add(FAILURE_HOLDS);
                        *failure = Some((until, reason.clone()));
                    }
                }
                url
            }
        }
    }
}

async fn discover(discovery: &Discovery, member: &str, endpoint: &Endpoint) -> Result<Url, Reason> {
    let metadata = discovery.metadata(endpoint).await.map_err(unavailable)?;
    metadata.address(member, endpoint).map_err(unavailable)
}
