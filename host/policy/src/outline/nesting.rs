//! How deep types lie within types.
//!
//! In: the bytes of a `.wasm`. Out: a refusal where types of components or instances lie
//! deeper in one another than anybody needs. Libraries read such types by recursion, to
//! any depth: three bytes a level would take the stack of the thread, and with it the
//! server. So this is looked at before anything else reads a type, and without recursion.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType,
    ComponentTypeRef, CoreType, Parser, Payload,
};

use super::{bounded, malformed};
use crate::error::Fault;
use crate::lift::{COMPONENT, CORE};
use crate::metadata::SECTION;

/// Types of components and instances in one another. Interfaces in the wild need three.
pub(crate) const MAX_TYPE_DEPTH: usize = 32;

/// Components and modules in one another, and metadata of modules within: as many as may
/// be nested at all.
const MAX_LAYERS: usize = super::MAX_NESTED;

/// Looks at all types of a component or module, its metadata and what is nested in it.
///
/// # Errors
/// Where types lie deeper than [`MAX_TYPE_DEPTH`], or are malformed.
pub(super) fn check(wasm: &[u8]) -> Result<(), Fault> {
    let mut layers = 0;
    let mut left = vec![wasm];
    while let Some(wasm) = left.pop() {
        if !wasm.starts_with(CORE) && !wasm.starts_with(COMPONENT) {
            continue;
        }
        let what = "nested modules and components";
        bounded(&mut layers, 1, MAX_LAYERS + 1, what)?;
        // Reads nested ones, too.
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(malformed)? {
                Payload::ComponentTypeSection(section) => {
                    let range = section.range();
                    let bytes = wasm.get(range.clone()).unwrap_or_default();
                    types(BinaryReader::new(bytes, range.start))?;
                }
                Payload::CustomSection(section) if section.name().starts_with(SECTION) => {
                    left.push(section.data());
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What is being read: how many declarations of a type are left, and whether it is that of
/// a component, which may import.
struct Level {
    left: u32,
    imports: bool,
}

/// Reads a section of types as the library does, but for the levels of recursion.
fn types(mut reader: BinaryReader<'_>) -> Result<(), Fault> {
    let count = reader.read_var_u32().map_err(malformed)?;
    for _ in 0..count {
        let mut levels = Vec::new();
        enter(&mut reader, &mut levels)?;
        while let Some(level) = levels.last_mut() {
            if level.left == 0 {
                levels.pop();
                continue;
            }
            level.left -= 1;
            let imports = level.imports;
            if declaration(&mut reader, imports)? {
                enter(&mut reader, &mut levels)?;
            }
        }
    }
    Ok(())
}

/// Reads a type that holds no other, or begins with one that does.
fn enter(reader: &mut BinaryReader<'_>, levels: &mut Vec<Level>) -> Result<(), Fault> {
    let mut ahead = reader.clone();
    let kind = ahead.read_u8().map_err(malformed)?;
    if kind != 0x41 && kind != 0x42 {
        return reader
            .read::<ComponentType<'_>>()
            .map(drop)
            .map_err(malformed);
    }
    let left = ahead.read_var_u32().map_err(malformed)?;
    *reader = ahead;
    let mut depth = levels.len();
    let what = "types of components and instances in one another";
    bounded(&mut depth, 1, MAX_TYPE_DEPTH, what)?;
    levels.push(Level {
        left,
        imports: kind == 0x41,
    });
    Ok(())
}

/// Reads a declaration; `true` where a type follows.
fn declaration(reader: &mut BinaryReader<'_>, imports: bool) -> Result<bool, Fault> {
    let done = match reader.read_u8().map_err(malformed)? {
        0x00 => reader.read::<CoreType<'_>>().map(drop),
        0x01 => return Ok(true),
        0x02 => reader.read::<ComponentAlias<'_>>().map(drop),
        0x03 if imports => reader.read::<ComponentImport<'_>>().map(drop),
        0x04 => {
            let name = reader.read::<ComponentExternName<'_>>();
            name.and_then(|_| reader.read::<ComponentTypeRef>().map(drop))
        }
        other => {
            return Err(Fault::NotComponent(format!(
                "{other:#x} begins no declaration of a type"
            )));
        }
    };
    done.map_err(malformed)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{Component, RawSection};

    use super::*;

    /// A component with types of this kind in one another.
    fn nested(kind: &str, depth: usize) -> Vec<u8> {
        let open = format!("({kind} (type ").repeat(depth);
        let close = "))".repeat(depth);
        let beside = "(type (func)) (export \"f\" (func (type 0))) (alias outer 0 0 (type))";
        let text = format!("(component (type (instance {beside})) (type {open}(func){close}))");
        wat::parse_str(text).unwrap()
    }

    /// The same as bytes, as deep as nobody could write them.
    fn deep(kind: u8, depth: usize) -> Vec<u8> {
        let mut types = vec![1];
        types.extend([kind, 1, 1].repeat(depth));
        types.extend([kind, 0]);
        section(7, &types)
    }

    /// A component of this one section.
    fn section(id: u8, data: &[u8]) -> Vec<u8> {
        let mut component = Component::new();
        component.section(&RawSection { id, data });
        component.finish()
    }

    #[track_caller]
    fn expect_refusal(wasm: &[u8]) {
        let told = check(wasm).unwrap_err().to_string();
        let expected = "holds more than 32 types of components and instances in one another";
        assert_eq!(told, expected);
    }

    #[test]
    fn types_may_lie_in_one_another_so_deep_and_no_deeper() {
        for kind in ["component", "instance"] {
            check(&nested(kind, 1)).unwrap();
            check(&nested(kind, MAX_TYPE_DEPTH)).unwrap();
            expect_refusal(&nested(kind, MAX_TYPE_DEPTH + 1));
        }
        for kind in [0x41, 0x42] {
            expect_refusal(&deep(kind, 1_000_000));
        }
    }

    #[test]
    fn it_is_seen_wherever_it_is_read() {
        let deep = deep(0x42, 5000);
        expect_refusal(&section(4, &deep));
        let custom = |name: &str| {
            let mut content = vec![name.len() as u8];
            content.extend(name.as_bytes());
            content.extend(&deep);
            let component = section(0, &content);
            [CORE, &component[COMPONENT.len()..]].concat()
        };
        expect_refusal(&custom("component-type:x"));
        expect_refusal(&section(1, &custom("component-type:x")));
        check(&custom("other")).unwrap();
    }

    #[test]
    fn bytes_that_end_anywhere_or_are_spoilt_are_refused_or_taken() {
        let whole = nested("component", 5);
        for end in 0..whole.len() {
            let _refused = check(&whole[..end]);
        }
        for at in 0..whole.len() {
            for flip in [0x01, 0x40, 0x80, 0xff] {
                let mut spoilt = whole.clone();
                spoilt[at] ^= flip;
                let _refused = check(&spoilt);
            }
        }
    }
}
