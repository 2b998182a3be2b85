//! A policy bundle: its component, its data, what it reads and how it fares.
//!
//! A [`Bundle`] exists only compiled, described and configured once without
//! error. It is shared by every generation in which its files are the same.

pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod reading;
pub(crate) mod root;
pub(crate) mod unloaded;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::bindings::policy::PolicyPre;
use crate::bindings::policy::warden::policy::types::File;
use crate::digest::Digest;
use crate::engine::Machine;
use crate::error::{Failure, gist};
use crate::instance::Instance;
use crate::log::Ear;
use crate::request::Inputs;
use crate::sandbox::Guest;
use crate::snapshot::{Snapshot, SnapshotState};

/// A data file of a bundle, as the policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its name inside the bundle.
    pub name: String,
    /// Its size.
    pub bytes: usize,
}

/// What a bundle says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) inputs: Inputs,
}

/// How long a load worked on a bundle; nothing where it took over what it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadTimes {
    /// Lifting and compiling, or taking what was compiled earlier on this node.
    pub compile: Duration,
    /// Asking the policy what it is.
    pub describe: Duration,
    /// Giving it its data.
    pub configure: Duration,
}

/// A bundle of a generation.
pub struct Bundle {
    pub(crate) name: Arc<str>,
    pub(crate) wasm: Digest,
    pub(crate) wasm_bytes: usize,
    pub(crate) digest: Digest,
    pub(crate) description: Description,
    pub(crate) component: PolicyPre<Guest>,
    pub(crate) files: Vec<File>,
    pub(crate) snapshot: Snapshot,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) load_times: LoadTimes,
}

impl Bundle {
    /// The file's stem: `rbac` for `rbac.wasm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name the policy gives itself.
    pub fn title(&self) -> &str {
        &self.description.title
    }

    /// The version the policy gives itself.
    pub fn version(&self) -> &str {
        &self.description.version
    }

    /// One line about the policy, in its own words.
    pub fn summary(&self) -> &str {
        &self.description.summary
    }

    /// What it reads of a request.
    pub fn inputs(&self) -> &Inputs {
        &self.description.inputs
    }

    /// SHA-256 of the `.wasm` file, as `sha256sum` prints it.
    pub fn wasm_digest(&self) -> Digest {
        self.wasm
    }

    /// Size of the `.wasm` file.
    pub fn wasm_bytes(&self) -> usize {
        self.wasm_bytes
    }

    /// What its code imports: parts of the contract, and of an empty WASI.
    pub fn imports(&self) -> Vec<String> {
        let component = self.component.instance_pre().component();
        let outline = component.component_type();
        let names = outline.imports(component.engine());
        names.map(|(name, _)| name.to_owned()).collect()
    }

    /// Digest over the `.wasm` and all data files: changes when any of them does.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its data files, by name.
    pub fn files(&self) -> impl Iterator<Item = DataFile> {
        self.files.iter().map(|file| DataFile {
            name: file.name.clone(),
            bytes: file.bytes.len(),
        })
    }

    /// What its decisions start from.
    pub fn snapshot(&self) -> SnapshotState<'_> {
        self.snapshot.state()
    }

    /// How long the load that made it worked on it.
    pub fn load_times(&self) -> LoadTimes {
        self.load_times
    }

    /// Whether its guests can use as much memory as they may now.
    pub(crate) fn has_room(&self, machine: &Machine) -> bool {
        let limits = machine.limits();
        machine.has_room(self.component.engine(), limits) && self.snapshot.has_room(machine, limits)
    }

    /// A fresh instance that has read its data.
    ///
    /// # Errors
    /// When the guest fails.
    pub(crate) fn configured(&self, machine: &Machine, ear: Ear) -> Result<Instance, Failure> {
        let limits = machine.limits();
        let start = |policy| Instance::start(machine, Arc::clone(&self.name), policy, limits, ear);
        if let Some(policy) = self.snapshot.policy(machine, limits) {
            return start(policy);
        }
        let mut instance = start(&self.component)?;
        instance.configure(&self.files)?.map_err(|refusal| {
            Failure::Answer(format!("that its data is wrong: {}", gist(&refusal)))
        })?;
        Ok(instance)
    }

    /// How its evaluations went; kept while a bundle of that name exists.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Counters of a bundle's evaluations: atomics only, readable from anywhere.
#[derive(Debug, Default)]
pub struct Statistics {
    evaluations: AtomicU64,
    failures: AtomicU64,
    total_nanos: AtomicU64,
    longest_nanos: AtomicU64,
}

impl Statistics {
    /// Evaluations begun and ended, failed ones included.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Evaluations without a usable verdict.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Wall-clock time of all evaluations together.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.total_nanos.load(Ordering::Relaxed))
    }

    /// Wall-clock time of the longest evaluation.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn record(&self, took: Duration, failed: bool) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.failures
            .fetch_add(u64::from(failed), Ordering::Relaxed);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
    }
}
