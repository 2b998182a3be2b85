//! What a policy has set aside, moved out of its memory.
//!
//! In: a component with its data read. Out: the same, where `warden_aside_read` takes bytes
//! from a passive data segment and no longer from memory: a decision then starts from a
//! memory without them. Two exports of a core module say which bytes they are; the SDK's
//! `warden-memory` tells what they promise. A module that has not both, or means anything
//! else by them, stays as it is. A guest can only fool itself here: what comes out is
//! checked, compiled and confined as anything of a guest's is.

use std::ops::Range;

use wasm_encoder::{
    CodeSection, Component, ComponentSectionId, ConstExpr, DataCountSection, DataSection, Function,
    Instruction, Module, RawSection, SectionId,
};
use wasmparser::{
    BinaryReader, Data, DataKind, Export, ExternalKind, FromReader, FunctionBody, Global,
    ImportSectionReader, Operator, SectionLimited, TypeRef,
};

use crate::lift::{COMPONENT, CORE};

/// The global with the address where address and length stand.
const ANNOUNCED: &str = "warden_aside";
/// `(to, from, length)`: copies a part of those bytes.
const READ: &str = "warden_aside_read";
/// The most that is moved: no component with more would be taken.
const MAX_ASIDE_BYTES: usize = super::MAX_BYTES;

/// A component without them in its memory.
pub(crate) struct MovedOut {
    /// Its bytes.
    pub(crate) component: Vec<u8>,
    /// What is left of the image of that memory.
    pub(crate) memory_bytes: usize,
}

/// Moves out what is set aside; `None` where nothing is.
pub(crate) fn move_out(component: &[u8]) -> Option<MovedOut> {
    let mut out = Component::new();
    let mut memory_bytes = None;
    for section in sections(component, COMPONENT)? {
        let is_module = section.id == u8::from(ComponentSectionId::CoreModule);
        let moved = is_module.then(|| of_module(section.data)).flatten();
        let data = moved.as_ref().map_or(section.data, |(module, bytes)| {
            memory_bytes = memory_bytes.max(Some(*bytes));
            module
        });
        out.section(&RawSection { data, ..section });
    }
    memory_bytes.map(|memory_bytes| MovedOut {
        component: out.finish(),
        memory_bytes,
    })
}

/// A module without them, and how large the image of its memory is then.
fn of_module(wasm: &[u8]) -> Option<(Vec<u8>, usize)> {
    let sections = sections(wasm, CORE)?;
    let parts = Parts(&sections);
    let memory = Memory(parts.all(SectionId::Data)?);
    let aside = memory.announced(parts.address(ANNOUNCED)?)?;
    let read = parts.defined(READ, ExternalKind::Func)?;
    let bodies: Vec<FunctionBody<'_>> = parts.all(SectionId::Code)?;
    let (data, number) = memory.data_without(&aside)?;
    let mut out = Module::new();
    for section in &sections {
        match section.id {
            id if id == u8::from(SectionId::DataCount) => {}
            id if id == u8::from(SectionId::Code) => {
                // Code may name a segment only behind their count.
                out.section(&DataCountSection { count: data.len() });
                out.section(&code(&bodies, read, number));
            }
            id if id == u8::from(SectionId::Data) => {
                out.section(&data);
            }
            _ => {
                out.section(section);
            }
        }
    }
    Some((out.finish(), memory.written_without(&aside)))
}

/// The sections behind these eight bytes.
fn sections<'w>(wasm: &'w [u8], header: &[u8]) -> Option<Vec<RawSection<'w>>> {
    let mut reader = BinaryReader::new(wasm.strip_prefix(header)?, header.len());
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let bytes = reader.read_var_u32().ok()?;
        let data = reader.read_bytes(bytes as usize).ok()?;
        sections.push(RawSection { id, data });
    }
    Some(sections)
}

/// The functions, of which this one takes what it reads from that segment.
fn code(bodies: &[FunctionBody<'_>], read: usize, segment: u32) -> CodeSection {
    let mut code = CodeSection::new();
    for (number, body) in bodies.iter().enumerate() {
        if number != read {
            code.raw(body.as_bytes());
            continue;
        }
        let mut function = Function::new([]);
        for parameter in 0..3 {
            function.instruction(&Instruction::LocalGet(parameter));
        }
        function.instruction(&Instruction::MemoryInit {
            mem: 0,
            data_index: segment,
        });
        function.instruction(&Instruction::End);
        code.function(&function);
    }
    code
}

/// What a module is made of.
struct Parts<'s>(&'s [RawSection<'s>]);

impl<'s> Parts<'s> {
    fn section(&self, id: SectionId) -> Option<BinaryReader<'s>> {
        let section = self.0.iter().find(|section| section.id == u8::from(id))?;
        Some(BinaryReader::new(section.data, 0))
    }

    /// Everything in a section; nothing where there is none.
    fn all<T: FromReader<'s>>(&self, id: SectionId) -> Option<Vec<T>> {
        let Some(section) = self.section(id) else {
            return Some(Vec::new());
        };
        let items = SectionLimited::new(section).ok()?.into_iter();
        items.collect::<Result<_, _>>().ok()
    }

    /// Which of those that the module itself defines is exported under this name.
    fn defined(&self, name: &str, kind: ExternalKind) -> Option<usize> {
        let exports: Vec<Export<'_>> = self.all(SectionId::Export)?;
        let mut named = exports.iter().filter(|export| export.name == name);
        let export = named.next().filter(|export| export.kind == kind)?;
        (export.index as usize).checked_sub(self.imported(kind)?)
    }

    /// How many of a kind are imported.
    fn imported(&self, kind: ExternalKind) -> Option<usize> {
        let Some(section) = self.section(SectionId::Import) else {
            return Some(0);
        };
        let imports = ImportSectionReader::new(section).ok()?.into_imports();
        let kinds = imports.map(|import| {
            Some(
                match import.ok()?.ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => ExternalKind::Func,
                    TypeRef::Global(_) => ExternalKind::Global,
                    _ => return Some(false),
                } == kind,
            )
        });
        let kinds: Vec<bool> = kinds.collect::<Option<_>>()?;
        Some(kinds.into_iter().filter(|is_one| *is_one).count())
    }

    /// The value of an exported global that never changes.
    fn address(&self, name: &str) -> Option<usize> {
        let index = self.defined(name, ExternalKind::Global)?;
        let globals: Vec<Global<'_>> = self.all(SectionId::Global)?;
        let global = globals.get(index).filter(|global| !global.ty.mutable)?;
        constant(&mut global.init_expr.get_operators_reader())
    }
}

/// The number that an expression is.
fn constant(operators: &mut wasmparser::OperatorsReader<'_>) -> Option<usize> {
    match operators.read().ok()? {
        Operator::I32Const { value } => Some(value.cast_unsigned() as usize),
        _ => None,
    }
}

/// The image of a module's one memory, as its segments.
struct Memory<'s>(Vec<Data<'s>>);

impl<'s> Memory<'s> {
    /// Each segment that lies in memory, with its address.
    fn active(&self) -> impl Iterator<Item = (usize, &'s [u8])> {
        self.0.iter().filter_map(|segment| match &segment.kind {
            DataKind::Active { offset_expr, .. } => {
                let address = constant(&mut offset_expr.get_operators_reader())?;
                Some((address, segment.data))
            }
            DataKind::Passive => None,
        })
    }

    /// The same without what lies there.
    fn active_without(&self, aside: &Range<usize>) -> impl Iterator<Item = (usize, &'s [u8])> {
        let pieces = self.active().flat_map(|(address, data)| {
            let (before, behind) = without(address, data, aside);
            [before, behind]
        });
        pieces.filter(|(_, data)| !data.is_empty())
    }

    /// The bytes there; zeros where no segment has any.
    fn bytes(&self, place: &Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; place.len()];
        for (address, data) in self.active() {
            let start = place.start.max(address);
            let end = place.end.min(address + data.len()).max(start);
            let to = bytes.get_mut(start - place.start..end - place.start);
            let from = data.get(start - address..end - address);
            if let (Some(to), Some(from)) = (to, from) {
                to.copy_from_slice(from);
            }
        }
        bytes
    }

    /// What the two numbers at this address announce.
    fn announced(&self, address: usize) -> Option<Range<usize>> {
        let numbers = self.bytes(&(address..address.checked_add(8)?));
        let (start, length) = numbers.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let start = u32::from_le_bytes(*start) as usize;
        let end = start.checked_add(length)?;
        let last = self.active().map(|(address, data)| address + data.len());
        let is_there =
            (1..=MAX_ASIDE_BYTES).contains(&length) && last.max().is_some_and(|last| end <= last);
        is_there.then_some(start..end)
    }

    /// All segments without those bytes, each with the number it had, and the number of
    /// the one that has them; `None` where one lies in another memory than the first.
    fn data_without(&self, aside: &Range<usize>) -> Option<(DataSection, u32)> {
        let mut all = DataSection::new();
        let mut left = Vec::new();
        for Data { kind, data, .. } in &self.0 {
            let DataKind::Active {
                memory_index: 0,
                offset_expr,
            } = kind
            else {
                if !matches!(kind, DataKind::Passive) {
                    return None;
                }
                all.passive(data.iter().copied());
                continue;
            };
            let address = constant(&mut offset_expr.get_operators_reader())?;
            let (before, behind) = without(address, data, aside);
            active(&mut all, before)?;
            left.push(behind);
        }
        let number = all.len();
        all.passive(self.bytes(aside));
        for piece in left.into_iter().filter(|(_, data)| !data.is_empty()) {
            active(&mut all, piece)?;
        }
        Some((all, number))
    }

    /// How large the image is without them, from its first byte to its last.
    fn written_without(&self, aside: &Range<usize>) -> usize {
        let first = self.active_without(aside).map(|(address, _)| address).min();
        let ends = self
            .active_without(aside)
            .map(|(address, data)| address + data.len());
        first
            .zip(ends.max())
            .map_or(0, |(first, last)| last - first)
    }
}

/// Bytes of a memory, and where they lie.
type Piece<'s> = (usize, &'s [u8]);

/// What of a segment lies before those bytes, and what behind them.
fn without<'s>(address: usize, data: &'s [u8], aside: &Range<usize>) -> (Piece<'s>, Piece<'s>) {
    let cut = |at: usize| data.split_at(at.saturating_sub(address).min(data.len()));
    let (before, _) = cut(aside.start);
    let (_, behind) = cut(aside.end);
    (
        (address, before),
        (address + data.len() - behind.len(), behind),
    )
}

fn active(all: &mut DataSection, (address, data): (usize, &[u8])) -> Option<()> {
    let address = ConstExpr::i32_const(u32::try_from(address).ok()?.cast_signed());
    all.active(0, &address, data.iter().copied());
    Some(())
}

#[cfg(test)]
mod tests;
