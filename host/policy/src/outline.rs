//! What a `.wasm` is made of, read without compiling any of it.
//!
//! In come its bytes, out goes a refusal of what would cost too much to lift and
//! compile, or would be refused afterwards for what it imports or does not export.
//! Compiling is the one step that nothing can interrupt, and it takes memory of the
//! server's process: everything that makes it long or large is counted here first.

pub(crate) mod effort;
mod nesting;

use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, ComponentTypeRef, Parser, Payload, Table};

use crate::contract::Contract;
use crate::engine::{ENTRIES, TABLES};
use crate::error::{Fault, gist};
use crate::lift::{COMPONENT, CORE, refuse_undeclared};
use effort::Effort;

/// Functions of all of a component's modules: bounds what compiling takes, some 5 KB
/// and 50 µs each however small they are. Interpreters of other languages need
/// tens of thousands.
pub(crate) const MAX_FUNCTIONS: usize = 60_000;

/// Code of all of a component's modules, for the same reason.
pub(crate) const MAX_CODE_BYTES: usize = 16 << 20;

/// Modules and components inside a component: each is compiled and kept apart.
pub(crate) const MAX_NESTED: usize = 64;

/// Types, imports, exports, globals, tables and their like, of all modules and
/// components together: each is memory of the host, some of it in every instance.
pub(crate) const MAX_PARTS: usize = 50_000;

/// Refuses, before anything else is done with it, what would cost too much. What
/// is no WebAssembly at all is left to the lifting.
///
/// # Errors
/// When it is malformed or too large.
pub(crate) fn check_cost(wasm: &[u8]) -> Result<(), Fault> {
    if !wasm.starts_with(CORE) && !wasm.starts_with(COMPONENT) {
        return Ok(());
    }
    nesting::check(wasm)?;
    let mut cost = Cost::default();
    for payload in Parser::new(0).parse_all(wasm) {
        cost.add(&payload.map_err(malformed)?)?;
    }
    Ok(())
}

/// Refuses a component that imports what no guest gets or lacks a function of the
/// contract. [`check_cost`] has bounded what is read here.
///
/// # Errors
/// When it does not keep to the contract.
pub(crate) fn check_contract(component: &[u8], contract: &Contract) -> Result<(), Fault> {
    let mut surface = Surface::default();
    for payload in Parser::new(0).parse_all(component) {
        payload
            .and_then(|payload| surface.add(payload))
            .map_err(malformed)?;
    }
    if let Some(fault) = contract.mistaken(surface.imports.iter().map(String::as_str)) {
        return Err(fault);
    }
    refuse_undeclared(surface.imports.iter().map(String::as_str), contract)?;
    match contract
        .exports
        .iter()
        .find(|name| !surface.exports.contains(**name))
    {
        Some(missing) => Err(contract.broken(format!("no export `{missing}` found"))),
        None => Ok(()),
    }
}

/// Whether all memories and tables that it can ever have find room in a place. In doubt not.
pub(crate) fn fits_a_place(wasm: &[u8]) -> bool {
    let (mut memories, mut tables) = (0, 0);
    Parser::new(0).parse_all(wasm).all(|payload| match payload {
        Ok(Payload::MemorySection(section)) => {
            memories += section.count();
            memories <= 1
        }
        Ok(Payload::TableSection(section)) => {
            tables += section.count();
            let is_small = |table: Table<'_>| {
                let most = table.ty.maximum.and_then(|most| usize::try_from(most).ok());
                most.is_some_and(|most| most <= ENTRIES)
            };
            tables <= TABLES && section.into_iter().all(|table| table.is_ok_and(is_small))
        }
        Ok(_) => true,
        Err(_) => false,
    })
}

fn malformed(error: BinaryReaderError) -> Fault {
    Fault::NotComponent(gist(&error.to_string()))
}

/// Adds to a count, and refuses when that exceeds its bound.
fn bounded(count: &mut usize, more: usize, bound: usize, what: &'static str) -> Result<(), Fault> {
    *count = count.saturating_add(more);
    if *count > bound {
        return Err(Fault::TooMany { what, bound });
    }
    Ok(())
}

/// A number of the format, which has 32 bits.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What lifting and compiling will cost.
#[derive(Default)]
struct Cost {
    functions: usize,
    code_bytes: usize,
    nested: usize,
    parts: usize,
    effort: Effort,
}

impl Cost {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), Fault> {
        let what = "types, imports, exports and other parts";
        bounded(&mut self.parts, parts(payload), MAX_PARTS, what)?;
        match payload {
            Payload::FunctionSection(section) => {
                let count = size(section.count());
                bounded(&mut self.functions, count, MAX_FUNCTIONS, "functions")?;
            }
            Payload::CodeSectionStart { range, .. } => {
                let what = "bytes of code";
                bounded(&mut self.code_bytes, range.len(), MAX_CODE_BYTES, what)?;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                let what = "nested modules and components";
                bounded(&mut self.nested, 1, MAX_NESTED, what)?;
            }
            _ => {}
        }
        self.effort.add(payload)
    }
}

/// How many entries a section has that are neither functions nor data.
fn parts(payload: &Payload<'_>) -> usize {
    size(match payload {
        Payload::TypeSection(section) => section.count(),
        Payload::ImportSection(section) => section.count(),
        Payload::TableSection(section) => section.count(),
        Payload::MemorySection(section) => section.count(),
        Payload::TagSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::ExportSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::CoreTypeSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentTypeSection(section) => section.count(),
        Payload::ComponentCanonicalSection(section) => section.count(),
        Payload::ComponentImportSection(section) => section.count(),
        Payload::ComponentExportSection(section) => section.count(),
        _ => 0,
    })
}

/// What a component takes from outside and offers to it.
#[derive(Default)]
struct Surface {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    /// How deep in nested modules and components the reading is.
    depth: usize,
}

impl Surface {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_functions_than_can_be_compiled_in_time_are_refused_before() {
        let many = format!("(module {})", "(func)".repeat(MAX_FUNCTIONS + 1));
        let fault = check_cost(&wat::parse_str(many).unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), "holds more than 60000 functions");
    }

    #[test]
    fn a_component_without_the_contract_is_refused_before_it_is_compiled() {
        let empty = wat::parse_str("(component)").unwrap();
        let fault = check_contract(&empty, &crate::contract::POLICY).unwrap_err();
        assert!(
            fault.to_string().contains("no export `configure` found"),
            "{fault}"
        );
    }
}
