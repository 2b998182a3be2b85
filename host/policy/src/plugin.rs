//! Authenticator plugins: started, asked, restarted and closed.
//!
//! In comes a component with what it is configured with; out goes a [`Plugin`] that
//! judges credentials one at a time, in an instance that lives as long as it does. One
//! that traps, or goes beyond a bound, is thrown away with its instance's state, and
//! another is initialised before the next credential. Never: a yes from a plugin that
//! failed, or more of the connection than it said it reads.

mod instance;
mod running;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use warden_core::plugin::{Plugin, Plugins, Reads, Setup, StartError};

use crate::bindings::plugin::PluginPre;
use crate::bindings::plugin::warden::plugin::types::{Description, Input};
use crate::component::component;
use crate::contained::contained;
use crate::contract::PLUGIN;
use crate::digest::Digest;
use crate::engine::{Engine, Limits, Machine};
use crate::error::{Fault, gist};
use crate::log::Level;
use crate::prepare::text;
use crate::sandbox::Guest;
use instance::{Instance, link};
use running::Running;

/// Components kept that an authenticator had before its present one, for when it is given
/// them again.
const KEPT: usize = 16;
/// Authenticators whose present component is kept: what was compiled ahead waits here until
/// it is started, and what is wrong with one until another is there. As many as there can
/// be; otherwise each would be compiled again for the other, without end.
const KEPT_FOR: usize = 256;

/// A component that was compiled and described.
#[derive(Clone)]
struct Prepared {
    component: PluginPre<Guest>,
    reads: Reads,
    title: Arc<str>,
}

/// What was compiled in this process, by the digest of its bytes.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Shelved>);

#[derive(Default)]
struct Shelved {
    by_digest: BTreeMap<Digest, Kept>,
    /// What each authenticator asked for last, and in which turn.
    present: BTreeMap<Arc<str>, (Digest, u64)>,
    /// Counts uses: the least recently used goes first.
    turn: u64,
}

struct Kept {
    prepared: Result<Prepared, String>,
    limits: Limits,
    used: u64,
}

impl Shelf {
    /// Held for operations on the map alone.
    fn lock(&self) -> MutexGuard<'_, Shelved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is there of a component. A failure counts only under the limits it had.
    fn get(&self, digest: &Digest, limits: Limits) -> Option<Result<Prepared, String>> {
        let mut shelved = self.lock();
        shelved.turn += 1;
        let turn = shelved.turn;
        let kept = shelved.by_digest.get_mut(digest)?;
        if kept.prepared.is_err() && kept.limits != limits {
            return None;
        }
        kept.used = turn;
        Some(kept.prepared.clone())
    }

    fn put(&self, digest: Digest, prepared: Result<Prepared, String>, limits: Limits) {
        let mut shelved = self.lock();
        shelved.turn += 1;
        let kept = Kept {
            prepared,
            limits,
            used: shelved.turn,
        };
        shelved.by_digest.insert(digest, kept);
    }

    /// Notes which component an authenticator has now, and forgets what nobody has had
    /// for the longest time.
    fn settle(&self, id: &Arc<str>, digest: Digest) {
        let mut shelved = self.lock();
        let shelved = &mut *shelved;
        shelved
            .present
            .insert(Arc::clone(id), (digest, shelved.turn));
        while shelved.present.len() > KEPT_FOR {
            let oldest = shelved.present.iter().min_by_key(|(_, (_, turn))| *turn);
            let Some(oldest) = oldest.map(|(id, _)| Arc::clone(id)) else {
                return;
            };
            shelved.present.remove(&oldest);
        }
        let present: BTreeSet<Digest> = shelved.present.values().map(|(one, _)| *one).collect();
        let former = shelved.by_digest.iter();
        let former = former.filter(|(digest, _)| !present.contains(*digest));
        let mut former: Vec<_> = former.map(|(digest, kept)| (kept.used, *digest)).collect();
        former.sort_unstable();
        former.truncate(former.len().saturating_sub(KEPT));
        for (_, digest) in former {
            shelved.by_digest.remove(&digest);
        }
    }
}

impl Engine {
    fn prepared(&self, id: &str, wasm: &[u8]) -> Result<Prepared, String> {
        let digest = Digest::of(wasm);
        let limits = self.machine.limits();
        let id: Arc<str> = id.into();
        let prepared = self.machine.shelf.get(&digest, limits).unwrap_or_else(|| {
            let prepared = contained(Fault::malformed, || {
                prepare(&self.machine, &id, wasm, &digest)
            });
            let prepared = prepared.map_err(|fault| fault.to_string());
            self.machine.shelf.put(digest, prepared.clone(), limits);
            prepared
        });
        self.machine.shelf.settle(&id, digest);
        prepared
    }
}

impl Plugins for Engine {
    fn start(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError> {
        let prepared = self.prepared(setup.id.as_str(), &setup.wasm);
        let prepared = prepared.map_err(StartError::Faulty)?;
        match Running::start(Arc::clone(&self.machine), prepared, setup) {
            Ok(running) => Ok(Box::new(running)),
            Err(fault) => Err(StartError::Faulty(fault.to_string())),
        }
    }

    fn retire(&self, plugin: Box<dyn Plugin>) {
        plugin.close();
    }
}

/// Compiles and describes. `describe` runs in an instance of its own.
fn prepare(
    machine: &Machine,
    id: &Arc<str>,
    wasm: &[u8],
    digest: &Digest,
) -> Result<Prepared, Fault> {
    let mut warnings = Vec::new();
    let linked = component(
        machine,
        &machine.wasm,
        (wasm, digest),
        &PLUGIN,
        link,
        &mut warnings,
    )?;
    let component = PluginPre::new(linked).map_err(|e| PLUGIN.broken(gist(&format!("{e:#}"))))?;
    let failed = |failure| Fault::Failed {
        function: "describe",
        failure,
    };
    let mut instance = Instance::start(machine, Arc::clone(id), &component, machine.load_limits())
        .map_err(failed)?;
    for warning in warnings {
        instance.write(Level::Warning, &warning);
    }
    let said = instance.describe(machine).map_err(failed)?;
    let reads = reads(&said)?;
    let title = format!("{} {:?} ({digest})", said.name, said.version).into();
    Ok(Prepared {
        component,
        reads,
        title,
    })
}

/// What a description that keeps to the contract names.
fn reads(said: &Description) -> Result<Reads, Fault> {
    for (what, said) in [
        ("name", &said.name),
        ("version", &said.version),
        ("summary", &said.summary),
    ] {
        text(&PLUGIN, said, what)?;
    }
    Ok(Reads {
        address: said.inputs.contains(&Input::ClientAddress),
        tls: said.inputs.contains(&Input::ClientTls),
        certificate: said.inputs.contains(&Input::ClientCertificate),
    })
}
