//! From the bytes of a `.wasm` to a component that imports nothing it may not.
//!
//! A component passes through; a core module with component metadata is lifted;
//! anything else, WebAssembly text included, is refused. What a component may
//! import is decided here, by name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, ComponentTypeRef, Parser, Payload};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::error::{Fault, gist};

/// The eight bytes before a core module and before a component.
const CORE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The interfaces of the contract a policy may import: `types` holds no functions.
pub(crate) const CONTRACT_IMPORTS: [&str; 2] =
    ["warden:policy/log@0.1.0", "warden:policy/types@0.1.0"];

/// The functions of the contract a policy must export.
const CONTRACT_EXPORTS: [&str; 3] = ["configure", "describe", "evaluate"];

/// Functions of all of a component's modules: bounds what compiling takes, some 5 KB
/// and 50 µs each however small they are. Interpreters of other languages need
/// tens of thousands.
const MAX_FUNCTIONS: usize = 60_000;

/// Code of all of a component's modules, for the same reason.
const MAX_CODE_BYTES: usize = 16 << 20;

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
    ComponentEncoder::default()
        .validate(true)
        .module(wasm)
        .and_then(|mut encoder| encoder.encode())
        .map(Cow::Owned)
        .map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))
}

/// What a component is made of, read without compiling it.
#[derive(Default)]
struct Outline {
    functions: usize,
    code_bytes: usize,
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    /// How deep in nested modules and components the reading is.
    depth: usize,
}

impl Outline {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::FunctionSection(section) => {
                let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
                self.functions = self.functions.saturating_add(count);
            }
            Payload::CodeSectionStart { range, .. } => {
                self.code_bytes = self.code_bytes.saturating_add(range.len());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if self.depth == 0 => {
                for export in section {
                    self.exports.insert(export?.name.name.to_owned());
                }
            }
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                for import in section {
                    let import = import?;
                    // The contract's types are imported by name; they can do nothing.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        self.imports.insert(import.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Refuses, before it is compiled, what would cost too much to compile, or would be
/// refused afterwards for what it imports or does not export.
///
/// # Errors
/// When it is malformed, too large, or does not keep to the contract.
pub(crate) fn check_outline(component: &[u8]) -> Result<(), Fault> {
    let malformed = |e: BinaryReaderError| Fault::NotComponent(gist(&e.to_string()));
    let too_many = |what, bound| Err(Fault::TooMany { what, bound });
    let mut outline = Outline::default();
    for payload in Parser::new(0).parse_all(component) {
        payload
            .and_then(|payload| outline.add(payload))
            .map_err(malformed)?;
        if outline.functions > MAX_FUNCTIONS {
            return too_many("functions", MAX_FUNCTIONS);
        }
        if outline.code_bytes > MAX_CODE_BYTES {
            return too_many("bytes of code", MAX_CODE_BYTES);
        }
    }
    refuse_undeclared(outline.imports.iter().map(String::as_str))?;
    match CONTRACT_EXPORTS
        .iter()
        .find(|name| !outline.exports.contains(**name))
    {
        Some(missing) => Err(Fault::Contract(format!("no export `{missing}` found"))),
        None => Ok(()),
    }
}

/// Refuses a component that imports more than the log and WASI.
///
/// # Errors
/// With the names of all other imports.
pub(crate) fn check_imports(component: &Component) -> Result<(), Fault> {
    let ty = component.component_type();
    refuse_undeclared(ty.imports(component.engine()).map(|(name, _)| name))
}

fn refuse_undeclared<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), Fault> {
    let undeclared: Vec<String> = names
        .filter(|name| !CONTRACT_IMPORTS.contains(name) && !name.starts_with("wasi:"))
        .map(|name| format!("{:?}", gist(name)))
        .collect();
    if undeclared.is_empty() {
        Ok(())
    } else {
        Err(Fault::Imports(undeclared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Guest;

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
    fn more_functions_than_can_be_compiled_in_time_are_refused_before() {
        let many = format!("(module {})", "(func)".repeat(MAX_FUNCTIONS + 1));
        let fault = check_outline(&wat::parse_str(many).unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), "holds more than 60000 functions");
    }

    #[test]
    fn a_component_without_the_contract_is_refused_before_it_is_compiled() {
        let empty = wat::parse_str("(component)").unwrap();
        let fault = check_outline(&empty).unwrap_err();
        assert!(
            fault.to_string().contains("no export `configure` found"),
            "{fault}"
        );
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
