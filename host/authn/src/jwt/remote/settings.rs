//! Where remote keys are and how often they are asked for.

use std::time::Duration;

use reqwest::Url;
use warden_settings::Section;

use crate::discovery::Discovery;

/// Where the keys are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// `jwks_url`.
    Url(Url),
    /// Where the issuer's discovery document says.
    Discovery(Discovery),
}

impl Place {
    /// The configured address.
    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::Url(url) => url,
            Self::Discovery(discovery) => &discovery.url,
        }
    }

    /// What tells one place from another.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Url(url) => format!("jwks_url {url}"),
            Self::Discovery(discovery) => discovery.text(),
        }
    }
}

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSettings {
    pub(crate) place: Place,
    /// Time between two fetches.
    pub(crate) refresh: Duration,
    /// Least time between two fetches for keys that are not known.
    pub(crate) cooldown: Duration,
    /// How long keys hold that the issuer does not confirm.
    pub(crate) max_age: Duration,
}

impl RemoteSettings {
    /// Takes the times out of a file.
    pub(crate) fn read(file: &mut Section, place: Place) -> Self {
        let mut seconds =
            |key, default, bounds| Duration::from_secs(file.whole(key, default, bounds));
        Self {
            place,
            refresh: seconds("refresh_seconds", 300, 10..=86_400),
            cooldown: seconds("unknown_key_seconds", 5, 1..=300),
            max_age: seconds("max_key_age_seconds", 604_800, 60..=31_536_000),
        }
    }
}
