//! From the bytes of a `.wasm` to a linked component, ready to be instantiated.
//!
//! Taken from the artefacts of this node, or lifted and compiled; then the contract is
//! checked and the imports are linked. Happens on a loader's thread.

use std::sync::atomic::Ordering;

use wasmtime::component::{Component, InstancePre, Linker};

use crate::artefact::Taken;
use crate::contract::Contract;
use crate::digest::Digest;
use crate::engine::Machine;
use crate::error::{Fault, gist};
use crate::sandbox::Guest;
use crate::{lift, outline};

/// The linked component of these bytes, whose digest is known. Warnings are what works
/// but should be looked at.
///
/// # Errors
/// When it is no component, costs too much, or does not keep to the contract.
pub(crate) fn component(
    machine: &Machine,
    (wasm, digest): (&[u8], &Digest),
    contract: &Contract,
    link: impl FnOnce(&mut Linker<Guest>) -> wasmtime::Result<()>,
    warnings: &mut Vec<String>,
) -> Result<InstancePre<Guest>, Fault> {
    let kept = machine
        .artefacts
        .as_ref()
        .map(|a| a.take(&machine.wasm, digest));
    let component = match kept {
        Some(Taken::Component(component)) => component,
        Some(Taken::Distrusted(why)) => {
            warnings.push(format!(
                "a compiled artefact is not used and made again: {why}"
            ));
            compile(machine, (wasm, digest), contract, warnings)?
        }
        Some(Taken::Missing) | None => compile(machine, (wasm, digest), contract, warnings)?,
    };
    lift::check_imports(&component, contract)?;
    let broken = |e: wasmtime::Error| contract.broken(gist(&format!("{e:#}")));
    let mut linker = Linker::new(&machine.wasm);
    link(&mut linker).map_err(broken)?;
    // Only WASI is left after check_imports: it is there, and every call of it traps.
    linker
        .define_unknown_imports_as_traps(&component)
        .map_err(broken)?;
    linker.instantiate_pre(&component).map_err(broken)
}

fn compile(
    machine: &Machine,
    (wasm, digest): (&[u8], &Digest),
    contract: &Contract,
    warnings: &mut Vec<String>,
) -> Result<Component, Fault> {
    outline::check_cost(wasm)?;
    let lifted = lift::lift(&machine.wasm, wasm)?;
    outline::check_contract(&lifted, contract)?;
    machine.compilations.fetch_add(1, Ordering::Relaxed);
    let component = Component::from_binary(&machine.wasm, &lifted)
        .map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))?;
    if let Some(artefacts) = &machine.artefacts
        && let Err(why) = artefacts.keep(digest, &component)
    {
        warnings.push(format!(
            "a compiled component cannot be kept for the next start: {why}"
        ));
    }
    Ok(component)
}
