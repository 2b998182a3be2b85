//! From the bytes of a `.wasm` to a component that imports nothing it may not.
//!
//! A component passes through; a core module with component metadata is lifted;
//! anything else, WebAssembly text included, is refused. What a component may
//! import is decided here, by name.

use std::borrow::Cow;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::contract::Contract;
use crate::error::{Fault, gist};
use crate::metadata;

/// The eight bytes before a core module and before a component.
pub(crate) const CORE: &[u8] = b"\0asm\x01\0\0\0";
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Undeclared imports that are told by name; the others are counted.
const MAX_TOLD: usize = 8;

/// Lifts a core module; passes a component through.
///
/// # Errors
/// When it is neither, or its metadata and its imports and exports disagree.
pub(crate) fn lift<'w>(engine: &Engine, wasm: &'w [u8]) -> Result<Cow<'w, [u8]>, Fault> {
    if wasm.starts_with(COMPONENT) {
        return Ok(Cow::Borrowed(wasm));
    }
    if !wasm.starts_with(CORE) {
        return Err(Fault::NotComponent(
            "the file does not begin like WebAssembly".into(),
        ));
    }
    // The encoder takes a module at its word: a truncated one makes it panic.
    Module::validate(engine, wasm).map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))?;
    metadata::check_packages(wasm)?;
    ComponentEncoder::default()
        .validate(true)
        .module(wasm)
        .and_then(|mut encoder| encoder.encode())
        .map(Cow::Owned)
        .map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))
}

/// Refuses a component that imports more than the log and WASI.
///
/// # Errors
/// With the names of all other imports.
pub(crate) fn check_imports(component: &Component, contract: &Contract) -> Result<(), Fault> {
    let ty = component.component_type();
    let names = || ty.imports(component.engine()).map(|(name, _)| name);
    match contract.mistaken(names()) {
        Some(fault) => Err(fault),
        None => refuse_undeclared(names(), contract),
    }
}

/// Refuses names that no guest of this contract gets, and tells the first of them.
///
/// # Errors
/// When there is one.
pub(crate) fn refuse_undeclared<'n>(
    names: impl Iterator<Item = &'n str>,
    contract: &Contract,
) -> Result<(), Fault> {
    let mut undeclared =
        names.filter(|name| !contract.imports.contains(name) && !name.starts_with("wasi:"));
    let told: Vec<String> = undeclared
        .by_ref()
        .take(MAX_TOLD)
        .map(|name| format!("{:?}", gist(name)))
        .collect();
    match (told.is_empty(), undeclared.count()) {
        (true, _) => Ok(()),
        (false, 0) => Err(Fault::Imports(told)),
        (false, more) => Err(Fault::Imports(
            told.into_iter()
                .chain([format!("and {more} more")])
                .collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_hostile::Guest;

    #[test]
    fn a_module_cut_anywhere_panics_nowhere() {
        let engine = Engine::default();
        let whole = Guest::granting(&["+get"]).wasm();
        // Between two sections the rest may be a module of its own: the contract
        // refuses it later.
        let whole_again = (8..whole.len())
            .filter(|length| lift(&engine, &whole[..*length]).is_ok())
            .count();
        assert!(whole_again < 20, "{whole_again} cuts were taken");
        assert!(lift(&engine, &whole[..whole.len() - 1]).is_err());
        assert!(lift(&engine, &whole).is_ok());
    }

    #[test]
    fn what_is_not_webassembly_is_refused() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"(component)",
            b"\x7fELF",
            b"\0asm\x02\0\0\0",
        ] {
            assert!(
                matches!(lift(&Engine::default(), bytes), Err(Fault::NotComponent(_))),
                "{bytes:?}"
            );
        }
    }
}
