//! How much work compiling code is, counted before it is done.
//!
//! In come the sections of a module, out goes a refusal when a function, or all of
//! them together, takes too many *steps*. A step is about one value the compiler
//! keeps: one for each instruction, one for each value that a call, a branch or the
//! edge of a block carries (a block of three bytes may carry two thousand), one for
//! each place a branch leads to, one for each variable, and some for every block a
//! variable may have to be carried through. Bytes alone bound none of these.

use wasmparser::{
    BinaryReaderError, BlockType, CompositeInnerType, Encoding, FuncType, FunctionBody, Operator,
    Payload, TypeRef,
};

use super::{bounded, malformed, size};
use crate::error::Fault;

/// Steps of one function. A function is compiled as a whole: 250,000 instructions that
/// store took 830 MB and 6 s, 300 loops by 20,000 variables 710 MB and 14 s; four
/// times as many values carried by blocks, in 6 KB of code, 3.9 GB.
pub(crate) const MAX_FUNCTION_STEPS: usize = 250_000;

/// Steps of all functions: bounds the time, 10 to 50 µs each.
pub(crate) const MAX_STEPS: usize = 8_000_000;

/// Of so many pairs of a block and a variable one counts as a step.
const PAIRS: usize = 32;

/// The module that is being read, and the steps of those before it.
#[derive(Default)]
pub(crate) struct Effort {
    /// How many values a function of each type takes and gives.
    types: Vec<usize>,
    /// The type of each function, the imported ones first.
    functions: Vec<u32>,
    /// The function whose body comes next.
    next: usize,
    steps: usize,
}

impl Effort {
    /// Takes the next part of a module.
    ///
    /// # Errors
    /// When it is malformed or too much.
    pub(crate) fn add(&mut self, payload: &Payload<'_>) -> Result<(), Fault> {
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => {
                *self = Self {
                    steps: self.steps,
                    ..Self::default()
                };
                Ok(())
            }
            Payload::CodeSectionEntry(body) => self.body(body),
            other => self.declare(other).map_err(malformed),
        }
    }

    fn declare(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    let types = group?.into_types();
                    self.types
                        .extend(types.map(|ty| match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => values(ty),
                            _ => 0,
                        }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import?.ty {
                        self.functions.push(ty);
                    }
                }
                self.next = self.functions.len();
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), Fault> {
        let own = self.function(self.next);
        self.next = self.next.saturating_add(1);
        let mut count = Count::new(own);
        for local in body.get_locals_reader().map_err(malformed)? {
            let (many, _) = local.map_err(malformed)?;
            count.add_variables(size(many))?;
        }
        for operator in body.get_operators_reader().map_err(malformed)? {
            count.add(self, &operator.map_err(malformed)?)?;
        }
        bounded(&mut self.steps, count.steps, MAX_STEPS, "steps of code")
    }

    /// What a type, a function carries; nothing for one that is not there, which the
    /// validation refuses later.
    fn ty(&self, index: u32) -> usize {
        self.types.get(size(index)).copied().unwrap_or_default()
    }

    fn function(&self, index: usize) -> usize {
        self.functions.get(index).map_or(0, |index| self.ty(*index))
    }

    fn block(&self, ty: BlockType) -> usize {
        match ty {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(index) => self.ty(index),
        }
    }
}

fn values(ty: &FuncType) -> usize {
    ty.params().len().saturating_add(ty.results().len())
}

/// The steps of one function.
struct Count {
    steps: usize,
    variables: usize,
    /// How many values each block around the current place carries, the outermost first.
    labels: Vec<usize>,
}

impl Count {
    fn new(own: usize) -> Self {
        Self {
            steps: own,
            variables: own,
            labels: vec![own],
        }
    }

    fn add_steps(&mut self, steps: usize) -> Result<(), Fault> {
        let what = "steps of code in one function";
        bounded(&mut self.steps, steps, MAX_FUNCTION_STEPS, what)
    }

    fn add_variables(&mut self, variables: usize) -> Result<(), Fault> {
        self.variables = self.variables.saturating_add(variables);
        self.add_steps(variables)
    }

    fn add(&mut self, module: &Effort, operator: &Operator<'_>) -> Result<(), Fault> {
        let carried = match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let values = module.block(*blockty);
                self.labels.push(values);
                values.saturating_add(self.variables / PAIRS)
            }
            Operator::TryTable { try_table } => {
                let values = module.block(try_table.ty);
                self.labels.push(values);
                values
                    .saturating_add(try_table.catches.len())
                    .saturating_add(self.variables / PAIRS)
            }
            Operator::Else => self.label(0),
            Operator::End => self.labels.pop().unwrap_or_default(),
            Operator::Return => self.labels.first().copied().unwrap_or_default(),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.label(*relative_depth)
            }
            Operator::BrTable { targets } => {
                let places = size(targets.len()).saturating_add(1);
                places.saturating_mul(self.label(targets.default()).saturating_add(1))
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                module.function(size(*function_index))
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => module.ty(*type_index),
            _ => 0,
        };
        self.add_steps(carried.saturating_add(1))
    }

    fn label(&self, depth: u32) -> usize {
        self.labels
            .iter()
            .rev()
            .nth(size(depth))
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::Parser;

    use super::*;

    fn steps(fields: &str) -> usize {
        let wasm = wat::parse_str(format!("(module {fields})")).unwrap();
        let mut effort = Effort::default();
        for payload in Parser::new(0).parse_all(&wasm) {
            effort.add(&payload.unwrap()).unwrap();
        }
        effort.steps
    }

    #[test]
    fn a_step_is_an_instruction_a_variable_or_a_value_that_is_carried() {
        // The end of a function is an instruction too.
        assert_eq!(steps("(func)"), 1);
        assert_eq!(steps("(func nop nop)"), 3);
        assert_eq!(steps("(func (local i32 i64))"), 3);
        let ty = "(type $t (func (param i32 i32) (result i32 i32 i32)))";
        let import = "(import \"m\" \"f\" (func $f (type $t)))";
        let call = |instructions: &str| {
            steps(&format!(
                "{ty} {import} (func i32.const 0 i32.const 0 {instructions} unreachable)"
            ))
        };
        let plain = call("nop");
        assert_eq!(call("call $f"), plain + 5);
        assert_eq!(call("block (type $t) unreachable end"), plain + 2 + 10);
        assert_eq!(
            call("loop (type $t) br 0 end"),
            plain + 2 + 15,
            "the block, the branch and the end carry five each"
        );
        assert_eq!(
            steps("(func (block (br_table 0 0 0 0 (i32.const 0))))"),
            steps("(func (block (br 0)))") + 5
        );
    }

    #[test]
    fn variables_count_again_at_each_block() {
        let blocks = |variables: usize| {
            let (locals, blocks) = ("i32 ".repeat(variables), "block end ".repeat(10));
            steps(&format!("(func (local {locals}) {blocks})"))
        };
        assert_eq!(blocks(640) - blocks(0), 640 + 10 * 20);
    }

    #[test]
    fn each_module_has_its_own_types_and_all_have_one_bound() {
        let module = "(core module (type (func (param i32 i32))) (func (type 0)))";
        let one = "(component (core module (func)))";
        for (text, expected) in [(one, 1), (&format!("(component {module} {module})"), 10)] {
            let wasm = wat::parse_str(text).unwrap();
            let mut effort = Effort::default();
            for payload in Parser::new(0).parse_all(&wasm) {
                effort.add(&payload.unwrap()).unwrap();
            }
            assert_eq!(effort.steps, expected);
        }
    }
}
