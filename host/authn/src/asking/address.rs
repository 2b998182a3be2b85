//! Where to ask: as a file says, or as the issuer's discovery document does.

use arc_swap::ArcSwapOption;
use reqwest::Url;
use warden_core::Reason;

use super::unavailable;
use crate::configuration::Section;
use crate::discovery::Discovery;
use crate::endpoint::{self, Endpoint};

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
