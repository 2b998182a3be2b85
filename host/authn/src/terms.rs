//! Which credentials somebody is asked about, and how long a yes holds.
//!
//! What authenticators have in common whose answers come from somebody else's judgement: a
//! service's, or a plugin's.

use std::time::Duration;

use warden_core::{Principal, Recheck};
use warden_settings::Section;

use crate::offer::{Offer, Opaque};

/// Default of `cache_seconds`.
const CACHE_SECONDS: u64 = 30;

/// The terms of one authenticator.
pub(crate) struct Terms {
    /// Which credentials are put before whoever judges.
    pub(crate) offer: Offer,
    remembered_for: Duration,
    recheck: Option<Recheck>,
}

impl Terms {
    /// Takes `token_prefix`, `cache_seconds`, `recheck_seconds` and
    /// `recheck_grace_seconds` out of a file. `is_bound`: `users` says whose they are.
    pub(crate) fn read(file: &mut Section, is_bound: bool) -> Self {
        let opaque = if is_bound {
            Opaque::AnyName
        } else {
            Opaque::AsToken
        };
        Self {
            offer: Offer::read(file, opaque),
            remembered_for: remembered_for(file),
            recheck: recheck(file, "recheck"),
        }
    }

    /// The principal, for as long as a yes holds.
    pub(crate) fn hold(&self, principal: Principal) -> Principal {
        Principal {
            remembered_for: Some(self.remembered_for),
            recheck: self.recheck,
            ..principal
        }
    }
}

/// Takes `cache_seconds` out of a file: how long a yes is remembered.
pub(crate) fn remembered_for(file: &mut Section) -> Duration {
    Duration::from_secs(file.whole("cache_seconds", CACHE_SECONDS, 0..=3600))
}

/// Takes `lifetime_seconds` out of a file: the longest time of a session, whatever end an
/// answer states.
pub(crate) fn lifetime(file: &mut Section) -> Duration {
    Duration::from_secs(file.whole("lifetime_seconds", 3600, 1..=31_536_000))
}

/// Takes `refresh_seconds` and `refresh_grace_seconds` out of a file.
pub(crate) fn refresh(file: &mut Section) -> Option<Recheck> {
    recheck(file, "refresh")
}

/// How often live sessions are asked about again, and how long they live while nobody
/// answers. 0, the default: never.
fn recheck(file: &mut Section, what: &str) -> Option<Recheck> {
    let every = file.whole(&format!("{what}_seconds"), 0, 0..=86_400);
    let grace = file.whole(&format!("{what}_grace_seconds"), 300, 0..=86_400);
    (every > 0).then(|| Recheck {
        every: Duration::from_secs(every),
        grace: Duration::from_secs(grace),
    })
}
