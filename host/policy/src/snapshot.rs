//! A policy that has read its data, as a component that begins there.
//!
//! In come a policy's bytes and its data; out goes a component whose memories and
//! globals are as they were after `configure` and one evaluation about somebody made up,
//! without what the policy has set aside.
//! Every decision starts from a copy of it of its own. It takes two compilations, on a
//! loader's thread, while decisions already configure the policy each time; what cannot
//! be read out, or fails, goes on like that.

pub(crate) mod aside;
mod reader;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::component::Component;
use wasmtime_wizer::Wizer;

use crate::bindings::policy::PolicyPre;
use crate::bundle::Bundle;
use crate::component::{compile, kept, linked};
use crate::contained::contained;
use crate::contract::POLICY;
use crate::digest::{Digest, Digester};
use crate::engine::{Limits, Machine};
use crate::error::{Fault, gist};
use crate::instance::{Instance, link};
use crate::lift;
use crate::log::Ear;
use crate::sandbox::Guest;
use reader::{Image, Reader};

/// The largest component a snapshot may be: bounds what compiling it takes.
const MAX_BYTES: usize = 32 << 20;

/// Whether decisions start from a snapshot of a policy that has read its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState<'a> {
    /// It is being taken: until then each decision configures the policy.
    Pending,
    /// They do.
    Taken,
    /// Each decision configures the policy, for this reason.
    Impossible(&'a str),
}

/// What the decisions of a bundle start from.
pub(crate) struct Snapshot {
    /// The policy's bytes, until the snapshot is taken.
    wasm: Mutex<Option<Vec<u8>>>,
    taken: OnceLock<Result<PolicyPre<Guest>, String>>,
}

impl Snapshot {
    /// Not taken yet.
    pub(crate) fn pending(wasm: Vec<u8>) -> Self {
        Self {
            wasm: Mutex::new(Some(wasm)),
            taken: OnceLock::new(),
        }
    }

    /// The policy with its data read, if there is such a thing and it may use as much
    /// memory as these limits allow.
    pub(crate) fn policy(&self, machine: &Machine, limits: Limits) -> Option<&PolicyPre<Guest>> {
        let taken = self.taken.get()?.as_ref().ok();
        taken.filter(|policy| machine.has_room(policy.engine(), limits))
    }

    /// Whether guests of it, once it is taken, can use as much memory as these limits allow.
    pub(crate) fn has_room(&self, machine: &Machine, limits: Limits) -> bool {
        let taken = self.taken.get().and_then(|taken| taken.as_ref().ok());
        taken.is_none_or(|policy| machine.has_room(policy.engine(), limits))
    }

    /// How far it is.
    pub(crate) fn state(&self) -> SnapshotState<'_> {
        match self.taken.get() {
            None => SnapshotState::Pending,
            Some(Ok(_)) => SnapshotState::Taken,
            Some(Err(why)) => SnapshotState::Impossible(why),
        }
    }

    /// Takes it from the artefacts, if it was made before.
    pub(crate) fn recall(&self, machine: &Machine, bundle: &Bundle) {
        let (name, mut warnings) = (name(bundle), Vec::new());
        let engines = machine.snapshot_engines();
        let kept = engines.filter_map(|engine| kept(machine, engine, &name, &mut warnings));
        let mut good = kept.filter_map(|component| checked(machine, bundle, &component).ok());
        if let Some(policy) = good.next() {
            let _first = self.taken.set(Ok(policy));
            self.take_wasm();
        }
    }

    /// Takes it, unless that was done or tried: `false`. Needs 1 MiB of stack.
    pub(crate) fn take(&self, machine: &Machine, bundle: &Bundle) -> bool {
        let Some(wasm) = self.take_wasm() else {
            return false;
        };
        // The libraries behind it take apart what a guest made of itself.
        let malformed = || "it is built in a way its reader did not expect".to_owned();
        let taken = contained(malformed, || snapshot(machine, bundle, &wasm));
        self.taken.set(taken).is_ok()
    }

    /// Whoever gets them is the one to take it.
    fn take_wasm(&self) -> Option<Vec<u8>> {
        let mut wasm = self.wasm.lock().unwrap_or_else(PoisonError::into_inner);
        wasm.take()
    }
}

/// # Errors
/// In words, why there is none.
fn snapshot(machine: &Machine, bundle: &Bundle, wasm: &[u8]) -> Result<PolicyPre<Guest>, String> {
    // An artefact in doubt is made again, as if there were none.
    let mut warnings = Vec::new();
    let image = image(machine, bundle, wasm)?;
    let engine = machine.snapshot_engine(image.memory_bytes);
    let named = (image.component.as_slice(), &name(bundle));
    let component = compile(machine, engine, named, &mut warnings).map_err(told)?;
    checked(machine, bundle, &component)
}

/// A snapshot that works: at least it still says what it is.
fn checked(
    machine: &Machine,
    bundle: &Bundle,
    component: &Component,
) -> Result<PolicyPre<Guest>, String> {
    let policy = policy(component)?;
    let name = Arc::clone(&bundle.name);
    // What it has to say it said when it was loaded.
    let mut instance = Instance::start(machine, name, &policy, machine.limits(), Ear::Shut)
        .map_err(|failure| failure.to_string())?;
    match instance.describe() {
        Ok(said) if said.name == bundle.description.title => Ok(policy),
        _ => Err("with its data read it does not say what it is".to_owned()),
    }
}

fn policy(component: &Component) -> Result<PolicyPre<Guest>, String> {
    let instance = linked(component, &POLICY, link).map_err(told)?;
    PolicyPre::new(instance).map_err(|error| gist(&format!("{error:#}")))
}

fn told(fault: Fault) -> String {
    fault.to_string()
}

/// The component once it has read its data.
fn image(machine: &Machine, bundle: &Bundle, wasm: &[u8]) -> Result<Image, String> {
    let engine = &machine.wasm;
    let lifted = lift::lift(engine, wasm).map_err(told)?;
    let mut wizer = Wizer::new();
    // What it exports is the contract's: nothing of it is for setting up only.
    wizer.keep_init_func(true);
    let (context, instrumented) = wizer
        .instrument_component(&lifted)
        .map_err(|error| gist(&format!("{error:#}")))?;
    let digest = instrumented_name(bundle);
    let mut warnings = Vec::new();
    let component = match kept(machine, engine, &digest, &mut warnings) {
        Some(component) => component,
        None => {
            let named = (instrumented.as_slice(), &digest);
            compile(machine, engine, named, &mut warnings).map_err(told)?
        }
    };
    let policy = policy(&component)?;
    let mut reader = Reader::configured(machine, bundle, &policy)?;
    if reader.warm_up().is_err() {
        reader = Reader::configured(machine, bundle, &policy)?;
    }
    let mut image = reader.read_out(&wizer, &context)?;
    if let Some(moved) = aside::move_out(&image.component) {
        image = Image {
            component: moved.component,
            memory_bytes: moved.memory_bytes,
        };
    }
    if image.component.len() > MAX_BYTES {
        return Err(format!(
            "with its data read it is larger than {MAX_BYTES} bytes"
        ));
    }
    Ok(image)
}

/// The name under which the snapshot of these files is kept.
fn name(bundle: &Bundle) -> Digest {
    named("warden snapshot 3", &bundle.digest)
}

/// The same of the policy that is to be read out.
fn instrumented_name(bundle: &Bundle) -> Digest {
    named("warden instrumented policy 1", &bundle.wasm)
}

/// Everything that may have been compiled for a bundle: for which engine, and under which
/// name it is kept.
pub(crate) fn made_of<'m>(
    machine: &'m Machine,
    bundle: &Bundle,
) -> impl Iterator<Item = (&'m wasmtime::Engine, Digest)> + use<'m> {
    let snapshot = name(bundle);
    let places = machine.place_for(bundle.wasm_bytes);
    let placed = places.map(|places| (places, bundle.wasm));
    let policies = [bundle.wasm, instrumented_name(bundle)];
    let policies = policies.map(|digest| (&machine.wasm, digest));
    let snapshots = machine.snapshot_engines();
    placed
        .into_iter()
        .chain(policies)
        .chain(snapshots.map(move |engine| (engine, snapshot)))
}

fn named(purpose: &str, of: &Digest) -> Digest {
    let mut digester = Digester::new(purpose);
    digester.bytes(of.as_bytes());
    digester.finish()
}
