//! From the bytes of a `.wasm` to a linked component, ready to be instantiated.
//!
//! Taken from the artefacts of this node, or lifted and compiled; then the contract is
//! checked and the imports are linked. Happens on a loader's thread.

use std::sync::atomic::Ordering;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::artefact::{Taken, deserialise};
use crate::contract::Contract;
use crate::digest::Digest;
use crate::engine::Machine;
use crate::error::{Fault, gist};
use crate::sandbox::Guest;
use crate::{lift, outline};

/// The linked component of these bytes, whose digest is known, on this engine. Warnings are
/// what works but should be looked at.
///
/// # Errors
/// When it is no component, costs too much, or does not keep to the contract.
pub(crate) fn component(
    machine: &Machine,
    engine: &Engine,
    (wasm, digest): (&[u8], &Digest),
    contract: &Contract,
    link: impl FnOnce(&mut Linker<Guest>) -> wasmtime::Result<()>,
    warnings: &mut Vec<String>,
) -> Result<InstancePre<Guest>, Fault> {
    let component = match kept(machine, engine, digest, warnings) {
        Some(component) => component,
        None => {
            outline::check_cost(wasm)?;
            let lifted = lift::lift(engine, wasm)?;
            outline::check_contract(&lifted, contract)?;
            compile(machine, engine, (&lifted, digest), warnings)?
        }
    };
    linked(&component, contract, link)
}

/// What was compiled earlier on this node for an engine and kept under this digest.
pub(crate) fn kept(
    machine: &Machine,
    engine: &Engine,
    digest: &Digest,
    warnings: &mut Vec<String>,
) -> Option<Component> {
    match machine.artefacts.as_ref()?.take(engine, digest) {
        Taken::Component(component) => Some(component),
        Taken::Distrusted(why) => {
            warnings.push(format!(
                "a compiled artefact is not used and made again: {why}"
            ));
            None
        }
        Taken::Missing => None,
    }
}

/// Compiles a component for an engine and keeps it under a digest.
///
/// # Errors
/// When it is no component.
pub(crate) fn compile(
    machine: &Machine,
    engine: &Engine,
    (lifted, digest): (&[u8], &Digest),
    warnings: &mut Vec<String>,
) -> Result<Component, Fault> {
    machine.compilations.fetch_add(1, Ordering::Relaxed);
    let (code, component) = deserialise::compile(engine, lifted)
        .map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))?;
    if let Some(artefacts) = &machine.artefacts
        && let Err(why) = artefacts.keep(engine, digest, &code)
    {
        warnings.push(format!(
            "a compiled component cannot be kept for the next start: {why}"
        ));
    }
    Ok(component)
}

/// Gives a component what it may import, and nothing else.
///
/// # Errors
/// When it wants more.
pub(crate) fn linked(
    component: &Component,
    contract: &Contract,
    link: impl FnOnce(&mut Linker<Guest>) -> wasmtime::Result<()>,
) -> Result<InstancePre<Guest>, Fault> {
    lift::check_imports(component, contract)?;
    let broken = |e: wasmtime::Error| contract.broken(gist(&format!("{e:#}")));
    let mut linker = Linker::new(component.engine());
    link(&mut linker).map_err(broken)?;
    // Only WASI is left after check_imports: it is there, and every call of it traps.
    linker
        .define_unknown_imports_as_traps(component)
        .map_err(broken)?;
    linker.instantiate_pre(component).map_err(broken)
}
