//! Loading the bundles of `policy_dir`.
//!
//! In: word that something may have changed there. Out: the next generation in force, or
//! the one before and what is wrong. The main thread never comes here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use warden_policy::{Digest, Generation, Standing};

use super::{Allowed, Changes, Lane, complain};
use crate::audit::reloaded;
use crate::commands::reload::Part;
use crate::ffi::{Level, guard, log};
use crate::shared::Shared;
use crate::watch::Watched;

/// The bundles of `policy_dir`.
pub(crate) const LANE: Lane = Lane {
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
        guard("loading of policies", failed, || load(shared, allowed))
    },
    errors: |shared| &shared.policy_errors,
};

/// Reads the policies' directory and, when all of it is good, puts it in force.
fn load(shared: &Shared, allowed: Allowed) -> Changes {
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
    let changes = Changes {
        generation: current.as_ref().map_or(0, |current| current.number()),
        errors: shared.policy_errors.load().to_vec(),
        ..Changes::between(&digests(previous.as_deref()), &digests(current.as_deref()))
    };
    let digest = current.map(|current| current.digest().to_string());
    reloaded(shared, "policies", &digest.unwrap_or_default(), &changes);
    changes
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
