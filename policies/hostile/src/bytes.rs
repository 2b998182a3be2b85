//! WebAssembly written byte by byte: what no compiler would make, and what would be
//! too large as text.

use crate::Guest;

const CORE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The byte of `i32` in a type.
const I32: u8 = 0x7f;

/// Sections of a component: a core module, a nested component.
const MODULE: u8 = 1;
const NESTED: u8 = 4;

/// A number as the format writes it.
pub(crate) fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A section.
pub(crate) fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &number(content.len()), content].concat()
}

/// As many equal entries of a section, their number before them.
fn entries(count: usize, entry: &[u8]) -> Vec<u8> {
    [number(count), entry.repeat(count)].concat()
}

/// A policy that grants nothing, as a component, with these sections behind its own.
fn policy_with(sections: &[u8]) -> Vec<u8> {
    [&Guest::default().component()[..], sections].concat()
}

/// A policy with a component inside it that is never used.
pub(crate) fn carrying_component(nested: &[u8]) -> Vec<u8> {
    policy_with(&section(NESTED, nested))
}

/// A policy with a core module inside it that is compiled and never used.
pub(crate) fn carrying(module: &[u8]) -> Vec<u8> {
    carrying_component(&[COMPONENT, &section(MODULE, module)].concat())
}

/// A policy with a component inside it, from text, that is instantiated with it.
pub(crate) fn starting(nested: &str) -> Vec<u8> {
    // An instance of component 0, without arguments.
    let instance = section(5, &[1, 0, 0, 0]);
    let nested = section(NESTED, &wat::parse_str(nested).unwrap());
    policy_with(&[nested, instance].concat())
}

/// A policy with as many components one in the other.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    // Built from the outside: the sizes of all that is inside are known beforehand.
    let mut sizes = vec![COMPONENT.len()];
    for _ in 1..depth {
        let inner = sizes.last().unwrap();
        sizes.push(COMPONENT.len() + 1 + number(*inner).len() + inner);
    }
    let mut bytes = Vec::new();
    for (place, size) in sizes.iter().rev().enumerate() {
        if place > 0 {
            bytes.push(NESTED);
            bytes.extend(number(*size));
        }
        bytes.extend(COMPONENT);
    }
    carrying_component(&bytes)
}

/// A section of types: components of which each is the only type in the one before.
fn types_in_one_another(depth: usize) -> Vec<u8> {
    const OF_COMPONENT: u8 = 0x41;
    let one_type = [OF_COMPONENT, 1, 1];
    section(
        7,
        &[&[1][..], &one_type.repeat(depth), &[OF_COMPONENT, 0]].concat(),
    )
}

/// A policy with types of components, each inside the one before.
pub(crate) fn nested_types(depth: usize) -> Vec<u8> {
    policy_with(&types_in_one_another(depth))
}

/// A policy, not yet a component, with metadata that has such types.
pub(crate) fn nested_metadata(depth: usize) -> Vec<u8> {
    let name = b"component-type:deep";
    let metadata = [COMPONENT, &types_in_one_another(depth)].concat();
    let content = [&number(name.len()), &name[..], &metadata].concat();
    [Guest::default().wasm(), section(0, &content)].concat()
}

/// A policy with as many bytes of a custom section behind it: valid, and of no use.
pub(crate) fn padded(bytes: usize) -> Vec<u8> {
    let content = [&[4_u8][..], b"note", &vec![0; bytes]].concat();
    [Guest::default().wasm(), section(0, &content)].concat()
}

/// A module of one kind of function, in as many copies.
pub(crate) struct Module {
    params: usize,
    results: usize,
    locals: usize,
    functions: usize,
    body: Vec<u8>,
}

/// Instructions.
pub(crate) const NOP: u8 = 0x01;
pub(crate) const BLOCK: u8 = 0x02;
pub(crate) const IF: u8 = 0x04;
pub(crate) const END: u8 = 0x0b;
pub(crate) const BR_TABLE: u8 = 0x0e;
pub(crate) const CALL: u8 = 0x10;
pub(crate) const LOCAL_GET: u8 = 0x20;
pub(crate) const LOCAL_SET: u8 = 0x21;
pub(crate) const CONST: u8 = 0x41;
pub(crate) const MULTIPLY: u8 = 0x6c;
/// The type of a block without values.
pub(crate) const EMPTY: u8 = 0x40;

impl Module {
    /// One function without parameters, with this body.
    pub(crate) fn of(body: Vec<u8>) -> Self {
        Self {
            params: 0,
            results: 0,
            locals: 0,
            functions: 1,
            body,
        }
    }

    pub(crate) fn values(self, params: usize, results: usize) -> Self {
        Self {
            params,
            results,
            ..self
        }
    }

    pub(crate) fn locals(self, locals: usize) -> Self {
        Self { locals, ..self }
    }

    pub(crate) fn functions(self, functions: usize) -> Self {
        Self { functions, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let signature = [
            vec![1, 0x60],
            entries(self.params, &[I32]),
            entries(self.results, &[I32]),
        ]
        .concat();
        let locals = match self.locals {
            0 => vec![0],
            some => [vec![1], number(some), vec![I32]].concat(),
        };
        let body = [locals, self.body.clone(), vec![END]].concat();
        let body = [number(body.len()), body].concat();
        [
            CORE.to_vec(),
            section(1, &signature),
            section(3, &entries(self.functions, &[0])),
            section(10, &entries(self.functions, &body)),
        ]
        .concat()
    }
}

/// A module of one section with as many equal entries.
pub(crate) fn module_of_entries(id: u8, count: usize, entry: &[u8]) -> Vec<u8> {
    // Type 0 is there for what needs one.
    let types = section(1, &[1, 0x60, 0, 0]);
    let types = if id == 1 { Vec::new() } else { types };
    [CORE.to_vec(), types, section(id, &entries(count, entry))].concat()
}
