//! The last good keys in `state_dir`, for a start while the issuer is away.
//!
//! In: keys that were fetched. Out, in a later process: the same keys, if the file still
//! asks for them from the same place. What cannot be read is as good as absent, and the
//! operator is told.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use warden_core::{AuthenticatorId, Timestamp};

use super::{Fetched, Place};
use crate::jwt::algorithm::Algorithm;
use crate::services::Services;

/// Largest file: a key set of the largest size, escaped.
const MAX_BYTES: u64 = 64 << 20;

/// Keys that stay the same are written again so often: what counts is when they were
/// last confirmed.
const EVERY_MILLIS: u64 = 600_000;

/// Where one authenticator's keys are kept.
pub(super) struct Store {
    id: AuthenticatorId,
    file: String,
    source: String,
    /// When the issuer had confirmed what was last written; 0: nothing yet.
    written: AtomicU64,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Where they came from, as configured.
    source: String,
    changed_ms: u64,
    confirmed_ms: u64,
    key_set: String,
}

impl Store {
    pub(super) fn new(id: &AuthenticatorId, place: &Place) -> Self {
        Self {
            id: id.clone(),
            file: format!("keys-{id}.json"),
            source: place.text(),
            written: AtomicU64::new(0),
        }
    }

    /// The keys an earlier process kept. Does I/O: while an authenticator is built.
    pub(super) fn read(
        &self,
        services: &Services,
        algorithms: Option<&[Algorithm]>,
    ) -> Option<Fetched> {
        let unusable = |why: &str| {
            let line = format!("keys kept on disk are not used, they are fetched anew: {why}");
            services.notices().warn(&self.id, &line);
        };
        let bytes = services.state()?.read(&self.file, MAX_BYTES);
        let bytes = bytes.map_err(|error| unusable(&error.to_string())).ok()??;
        let kept = serde_json::from_slice(&bytes);
        let kept: Kept = kept
            .map_err(|_| unusable("the file is not as it was written"))
            .ok()?;
        if kept.source != self.source {
            return None;
        }
        let changed = Timestamp::from_unix_millis(kept.changed_ms);
        let fetched = Fetched::parse(kept.key_set.as_bytes(), algorithms, changed);
        let mut fetched = fetched.map_err(|why| unusable(&why)).ok()?;
        fetched.changed = changed;
        // A file from the future is one of a clock that was wrong: it is not younger than now.
        let confirmed = Timestamp::from_unix_millis(kept.confirmed_ms);
        fetched.confirm(confirmed.min(services.now().wall));
        Some(fetched)
    }

    /// Keeps keys, in the background.
    pub(super) fn keep(&self, services: &Services, keys: &Fetched) {
        let confirmed = keys.confirmed().as_unix_millis();
        let written = self.written.load(Ordering::Relaxed);
        let is_new = keys.changed.as_unix_millis() > written;
        if !is_new && confirmed.saturating_sub(written) < EVERY_MILLIS {
            return;
        }
        self.written.store(confirmed, Ordering::Relaxed);
        let kept = Kept {
            source: self.source.clone(),
            changed_ms: keys.changed.as_unix_millis(),
            confirmed_ms: confirmed,
            key_set: String::from_utf8_lossy(&keys.body).into_owned(),
        };
        let (id, file) = (self.id.clone(), self.file.clone());
        services.write(move |services, state| {
            let written = serde_json::to_vec(&kept)
                .map_err(|error| error.to_string())
                .and_then(|bytes| {
                    let written = state.check().and_then(|()| state.replace(&file, &[&bytes]));
                    written.map_err(|error| error.to_string())
                });
            if let Err(why) = written {
                services
                    .notices()
                    .warn(&id, &format!("keys are not kept on disk: {why}"));
            }
        });
    }
}
