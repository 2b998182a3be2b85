//! Loads policies and authenticators, off the main thread.
//!
//! In: a change in a watched directory (reported by the operating system), or
//! word that a setting changed. Out: a new chain or generation, complete and
//! checked, swapped in with one store; after a failure the last good one stays
//! and the errors are kept for INFO and the commands. Runs at nice +19, because
//! it compiles. It never touches the server.
//!
//! A change is acted on once the directories have been quiet for 300 ms, so that
//! files copied one after another, or written in place, are read together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use warden_authn::{Chain, ChainSettings, LoadReport};
use warden_core::AuthenticatorId;
use warden_policy::{Digest, Generation, Standing};

use crate::commands::reload::{Asked, Part};
use crate::ffi::{Level, guard, log, rest_if_crashing};
use crate::shared::Shared;
use crate::watch::{Watch, Watched};

/// How long a directory must be quiet before it is read.
const QUIET: Duration = Duration::from_millis(300);

/// How long a directory that never gets quiet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked where the system reports nothing, and how often what could
/// not be taken is tried again.
const POLL: Duration = Duration::from_secs(10);

/// What the loader is asked to do.
pub(crate) enum Load {
    /// Something may have changed in a watched directory.
    Changed,
    /// Settings or the server changed: look at everything now.
    Now,
    /// As `Now`, for somebody who waits to hear what changed.
    Asked(Asked),
    /// The module is being unloaded.
    Stop,
}

/// The revision of signed policies that an operator allows, whatever was run before.
pub(crate) type Allowed = Option<u64>;

/// What one loader is responsible for. Policies and authenticators have one each:
/// a revoked key must not wait for a compilation.
pub(crate) struct Lane {
    /// Where changes of files are reported to.
    pub(crate) loads: fn(&Shared) -> &Sender<Load>,
    part: Part,
    watched: fn(&Shared) -> Watched,
    load: fn(&Shared, Allowed) -> Changes,
    errors: fn(&Shared) -> &ArcSwap<Vec<String>>,
}

/// The bundles of `policy_dir`.
pub(crate) const POLICIES: Lane = Lane {
    loads: |shared| &shared.policy_loads,
    part: Part::Policies,
    watched: |shared| Watched {
        directories: shared.settings.load().policy_dir.iter().cloned().collect(),
        files: BTreeSet::new(),
    },
    load: |shared, allowed| {
        let Some(_compiling) = shared.compilations.begin() else {
            return Changes::failed("warden is being unloaded");
        };
        let failed = Changes::failed("internal error: see the server's log");
        guard("loading of policies", failed, || {
            load_policies(shared, allowed)
        })
    },
    errors: |shared| &shared.policy_errors,
};

/// The files of `authenticator_dir`, and key files that lie elsewhere.
pub(crate) const AUTHENTICATORS: Lane = Lane {
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
        guard("loading of authenticators", failed, || {
            load_authenticators(shared)
        })
    },
    errors: |shared| &shared.authenticator_errors,
};

/// What one load of a directory came to.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The generation in force now; 0: none.
    pub(crate) generation: u64,
    /// Names that were not in force before.
    pub(crate) added: Vec<String>,
    /// Names in force as before, with other files.
    pub(crate) changed: Vec<String>,
    /// Names no longer in force.
    pub(crate) removed: Vec<String>,
    /// What is wrong in the directory; what it concerns is in force as before.
    pub(crate) errors: Vec<String>,
}

impl Changes {
    fn failed(why: &str) -> Self {
        Self {
            errors: vec![why.to_owned()],
            ..Self::default()
        }
    }

    /// The difference of two states, each a version by name.
    fn between<V: PartialEq>(before: &BTreeMap<String, V>, after: &BTreeMap<String, V>) -> Self {
        let names = |of: &BTreeMap<String, V>, wanted: &dyn Fn(&str, &V) -> bool| {
            let found = of.iter().filter(|(name, version)| wanted(name, version));
            found.map(|(name, _)| name.clone()).collect()
        };
        Self {
            added: names(after, &|name, _| !before.contains_key(name)),
            changed: names(after, &|name, version| {
                before.get(name).is_some_and(|old| old != version)
            }),
            removed: names(before, &|name, _| !after.contains_key(name)),
            ..Self::default()
        }
    }
}

/// A loader's life: ends at [`Load::Stop`].
pub(crate) fn run(lane: &Lane, shared: &Arc<Shared>, loads: &Receiver<Load>) {
    let mut watch = Watch::new((lane.loads)(shared).clone());
    watch.follow((lane.watched)(shared));
    while let Some(request) = next(shared, loads) {
        rest_if_crashing();
        // A setting may name another directory now.
        let moved = watch.follow((lane.watched)(shared));
        // Looked at before it is read: what changes meanwhile is noticed again.
        let changed = watch.has_changed();
        let failed = !(lane.errors)(shared).load().is_empty();
        let asked = match request {
            Load::Stop => return,
            Load::Changed if !(moved || changed || failed) => continue,
            Load::Changed | Load::Now => None,
            Load::Asked(asked) => Some(asked),
        };
        let allowed = asked.as_ref().and_then(Asked::allowed);
        let changes = (lane.load)(shared, allowed);
        if let Some(asked) = asked {
            asked.tell(lane.part, changes);
        }
        if watch.follow((lane.watched)(shared)) {
            // What is watched from now on may have changed just before.
            let _ = (lane.loads)(shared).send(Load::Changed);
        }
    }
}

/// Waits for something to do; `None` at the end.
fn next(shared: &Shared, loads: &Receiver<Load>) -> Option<Load> {
    match loads.recv_timeout(POLL) {
        Ok(Load::Changed) => Some(settle(shared, loads)),
        Ok(request) => Some(request),
        Err(RecvTimeoutError::Timeout) => Some(Load::Changed),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Waits until nothing has changed for [`QUIET`], at most [`PATIENCE`].
fn settle(shared: &Shared, loads: &Receiver<Load>) -> Load {
    let end = shared.now().monotonic + PATIENCE;
    while shared.now().monotonic < end {
        match loads.recv_timeout(QUIET) {
            Ok(Load::Changed) => {}
            Ok(request) => return request,
            Err(RecvTimeoutError::Timeout) => return Load::Changed,
            Err(RecvTimeoutError::Disconnected) => return Load::Stop,
        }
    }
    Load::Changed
}

/// Reads the policies' directory and, when all of it is good, puts it in force.
fn load_policies(shared: &Shared, allowed: Allowed) -> Changes {
    // An empty path is a directory without bundles: nobody is granted anything.
    let directory = shared
        .settings
        .load()
        .policy_dir
        .clone()
        .unwrap_or_default();
    let previous = shared.generation.load_full();
    match shared.engine.load_to_serve(
        &directory,
        shared.frame(),
        previous.as_ref(),
        shared.now(),
        allowed,
    ) {
        Ok((next, standing)) => {
            let is_new = previous
                .as_ref()
                .is_none_or(|previous| !Arc::ptr_eq(previous, &next));
            if is_new {
                tell_standing(&next, standing);
                shared.publish(Some(next));
            }
            shared.policy_errors.store(Arc::default());
        }
        Err(error) => {
            shared.counters.failed_loads.add_one();
            let stays = match &previous {
                Some(previous) => format!("generation {} stays in force", previous.number()),
                None => "no policies are in force and every log-in is refused".to_owned(),
            };
            let lines = error.lines();
            complain(
                &shared.policy_errors.load(),
                &lines,
                &format!("{}: {stays}", directory.display()),
            );
            shared.policy_errors.store(Arc::new(lines));
        }
    }
    let current = shared.generation.load_full();
    Changes {
        generation: current.as_ref().map_or(0, |current| current.number()),
        errors: shared.policy_errors.load().to_vec(),
        ..Changes::between(&digests(previous.as_deref()), &digests(current.as_deref()))
    }
}

/// Says in the log where a revision was not compared, and where it was taken all the same.
fn tell_standing(next: &Generation, standing: Standing) {
    let Some(signed) = next.signed() else {
        return;
    };
    let revision = signed.manifest().revision();
    match standing {
        Standing::Overridden => log(
            Level::Warning,
            &format!(
                "revision {revision} of the signed policies is taken because an operator allowed it; what is older than that is refused from now on"
            ),
        ),
        Standing::First => log(
            Level::Notice,
            &format!(
                "state_dir remembers no revision of signed policies: revision {revision} is the first, and what is older is refused from now on"
            ),
        ),
        Standing::InOrder => {}
    }
}

fn digests(generation: Option<&Generation>) -> BTreeMap<String, Digest> {
    let bundles = generation.map_or(&[][..], Generation::bundles);
    bundles
        .iter()
        .map(|bundle| (bundle.name().to_owned(), bundle.digest()))
        .collect()
}

/// Says in the log what is in force from now on, and what of it should be looked at.
pub(crate) fn announce(generation: &Generation) {
    for warning in generation.warnings() {
        log(Level::Warning, &warning);
    }
    let bundles: Vec<String> = generation
        .bundles()
        .iter()
        .map(|bundle| {
            let tests = match generation.tests_of(bundle.name()) {
                0 => String::new(),
                1 => ", 1 test passed".to_owned(),
                tests => format!(", {tests} tests passed"),
            };
            format!(
                "{} {:?} ({}{tests})",
                bundle.name(),
                bundle.version(),
                bundle.digest()
            )
        })
        .collect();
    let bundles = if bundles.is_empty() {
        "no policies: nobody is granted anything".to_owned()
    } else {
        bundles.join(", ")
    };
    let signed = generation.signed().map(|signed| {
        format!(
            "; revision {}, signed by key {}",
            signed.manifest().revision(),
            signed.key().id()
        )
    });
    log(
        Level::Notice,
        &format!(
            "generation {} in force: {bundles}{}",
            generation.number(),
            signed.unwrap_or_default()
        ),
    );
}

/// Reads the authenticators' directory; a bad file keeps its last good version.
fn load_authenticators(shared: &Shared) -> Changes {
    let previous = ids(&shared.chain.load());
    let report = read_authenticators(shared);
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
        let now = shared.now().monotonic;
        shared.rechecks.hasten(&report.affected, now);
        shared.refreshes.hasten(&report.affected, now);
        shared.reviews.authenticators_removed(report.removed);
        shared.wake_clock();
    }
    changes
}

fn texts(ids: &[AuthenticatorId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

/// Reads the authenticators' directory without putting it in force.
pub(crate) fn read_authenticators(shared: &Shared) -> LoadReport {
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

/// Logs errors once: a retry that fails in the same way is silent.
fn complain(before: &[String], lines: &[String], consequence: &str) {
    if before == lines {
        return;
    }
    for line in lines {
        log(Level::Warning, line);
    }
    log(Level::Warning, consequence);
}
