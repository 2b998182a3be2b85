//! Loading the files of `authenticator_dir`.
//!
//! In: word that something may have changed there, or in a key file that lies elsewhere.
//! Out: the next chain in force, in which a bad file keeps its last good version. The main
//! thread comes here once, when the module is loaded.

use std::sync::Arc;

use warden_authn::{Chain, ChainSettings, LoadReport};
use warden_core::AuthenticatorId;

use super::{Changes, Lane, complain};
use crate::audit::reloaded;
use crate::commands::reload::Part;
use crate::ffi::{Level, guard, log};
use crate::shared::Shared;
use crate::watch::Watched;

/// The files of `authenticator_dir`, and key files that lie elsewhere.
pub(crate) const LANE: Lane = Lane {
    loads: |shared| &shared.authenticator_loads,
    part: Part::Authenticators,
    watched: |shared| Watched {
        directories: shared
            .settings
            .load()
            .authenticator_dir
            .iter()
            .cloned()
            .collect(),
        files: shared
            .chain
            .load()
            .watched_files()
            .iter()
            .cloned()
            .collect(),
    },
    load: |shared, _allowed| {
        let failed = Changes::failed("internal error: see the server's log");
        guard("loading of authenticators", failed, || load(shared))
    },
    errors: |shared| &shared.authenticator_errors,
};

/// Reads the authenticators' directory; a bad file keeps its last good version.
fn load(shared: &Shared) -> Changes {
    let previous = ids(&shared.chain.load());
    let report = read(shared);
    let lines: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    let ids = ids(&report.chain);
    let changes = Changes {
        generation: report.chain.generation(),
        added: ids
            .iter()
            .filter(|id| !previous.contains(id))
            .cloned()
            .collect(),
        changed: texts(&report.altered),
        removed: texts(&report.removed),
        errors: lines.clone(),
    };
    let before = shared.authenticator_errors.load();
    if report.errors.iter().any(|error| !error.passes) {
        shared.counters.failed_loads.add_one();
        let consequence = "the last good version of each file stays in force";
        complain(&before, &lines, consequence);
    } else if **before != lines {
        // Not ready yet: nobody has to do anything.
        lines.iter().for_each(|line| log(Level::Notice, line));
    }
    shared.authenticator_errors.store(Arc::new(lines));
    // Also when nothing changed: it tells which file is in error now.
    let is_sole = report.chain.is_sole();
    let was_sole = shared.chain.swap(report.chain).is_sole();
    if is_sole != was_sole {
        // A group without an authenticator's id now means somebody, or nobody.
        shared.publish(None);
    }
    if report.changed {
        let ids = if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(", ")
        };
        log(Level::Notice, &format!("authenticators in force: {ids}"));
        let now = shared.monotonic();
        shared.rechecks.hasten(&report.affected, now);
        shared.refreshes.hasten(&report.affected, now);
        shared.reviews.authenticators_removed(report.removed);
        shared.wake_clock();
    }
    reloaded(shared, "authenticators", "", &changes);
    changes
}

fn texts(ids: &[AuthenticatorId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

/// Reads the authenticators' directory without putting it in force.
pub(crate) fn read(shared: &Shared) -> LoadReport {
    let settings = shared.settings.load();
    let chain = shared.chain.load_full();
    let chain_settings = ChainSettings {
        require_expiry: settings.require_expiry,
        max_pending: settings.max_pending,
        may_attach: settings.binds_every_session().is_none(),
    };
    match &settings.authenticator_dir {
        Some(directory) => Chain::load(directory, &chain_settings, shared.services(), Some(&chain)),
        None => without_authenticators(&chain),
    }
}

/// `authenticator_dir` is empty: nobody vouches for anybody any more.
fn without_authenticators(previous: &Chain) -> LoadReport {
    let removed: Vec<AuthenticatorId> = previous
        .authenticators()
        .map(|status| status.id.clone())
        .collect();
    LoadReport {
        chain: Arc::new(Chain::empty()),
        errors: Vec::new(),
        changed: !removed.is_empty(),
        altered: Vec::new(),
        affected: Vec::new(),
        removed,
    }
}

fn ids(chain: &Chain) -> Vec<String> {
    chain
        .authenticators()
        .map(|status| status.id.as_str().to_owned())
        .collect()
}
