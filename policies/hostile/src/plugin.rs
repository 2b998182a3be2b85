//! Small authenticator plugins for tests, made as the policies of [`Guest`](crate::Guest)
//! are.

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::memory::{BASE, Memory, Record};

/// What a plugin answers.
#[derive(Clone, Debug)]
pub enum PluginAnswer {
    /// Vouches for a principal of this name, with these claims (names, and JSON text).
    Verified(String, Vec<(String, String)>),
    /// Not for it to judge.
    NotMine,
    /// Refuses in these words.
    Refused(String),
    /// Leaves it undecided in these words.
    Unavailable(String),
}

/// A plugin that answers what it is told to, unless a body says otherwise.
#[derive(Clone)]
pub struct PluginGuest {
    /// Discriminants of `input` in the contract's order.
    pub inputs: Vec<u8>,
    /// The words in which `initialise` refuses.
    pub refusal: Option<String>,
    /// What `authenticate` answers.
    pub answer: PluginAnswer,
    /// Instructions before the answers: may loop, trap or return another pointer.
    pub describe: String,
    /// As `describe`.
    pub initialise: String,
    /// As `describe`; local 0 points to the credential and the client.
    pub authenticate: String,
    /// As `describe`.
    pub close: String,
    /// Imports of the module.
    pub imports: String,
    /// More fields of the module.
    pub fields: String,
}

impl Default for PluginGuest {
    /// Vouches for `alice`, whoever comes.
    fn default() -> Self {
        Self {
            inputs: vec![],
            refusal: None,
            answer: PluginAnswer::Verified("alice".to_owned(), vec![]),
            describe: String::new(),
            initialise: String::new(),
            authenticate: String::new(),
            close: String::new(),
            imports: String::new(),
            fields: String::new(),
        }
    }
}

impl PluginGuest {
    /// The core module with component metadata.
    pub fn wasm(&self) -> Vec<u8> {
        let mut wasm = wat::parse_str(self.text()).unwrap_or_else(|e| panic!("{e}"));
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/plugin.wit");
        let (package, _) = resolve.push_path(wit).unwrap();
        let world = resolve.select_world(&[package], Some("plugin")).unwrap();
        embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8).unwrap();
        wasm
    }

    fn text(&self) -> String {
        let mut memory = Memory::default();
        let description = self.lay_description(&mut memory);
        let initialised = self.lay_initialised(&mut memory);
        let answer = self.lay_answer(&mut memory);
        let (data, heap) = (memory.data(), memory.end());
        let pages = (heap / 65_536 + 2).max(8);
        let Self {
            describe,
            initialise,
            authenticate,
            close,
            imports,
            fields,
            ..
        } = self;
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const {heap}))
                (global $calls (mut i32) (i32.const 0))
                (data (i32.const {BASE}) "{data}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local i32)
                  (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                  (global.set $next (i32.add (local.get 4) (local.get 3)))
                  (local.get 4))
                (func (export "describe") (result i32) {describe} (i32.const {description}))
                (func (export "initialise") (param i32 i32 i32 i32) (result i32)
                  {initialise} (i32.const {initialised}))
                (func (export "authenticate") (param i32) (result i32)
                  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                  {authenticate} (i32.const {answer}))
                (func (export "close") {close})
                {fields})"#
        )
    }

    fn lay_description(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        for text in ["test", "1.2.3", "for tests"] {
            let text = memory.text(text);
            record.pair(text);
        }
        let inputs = (memory.put(&self.inputs), self.inputs.len());
        record.pair(inputs);
        memory.put(&record.0)
    }

    fn lay_initialised(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        record.word(usize::from(self.refusal.is_some()));
        let text = memory.text(self.refusal.as_deref().unwrap_or_default());
        record.pair(text);
        memory.put(&record.0)
    }

    fn lay_answer(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        let mut case = |number: usize| {
            record.word(number);
            // The cases are aligned as the time within them is.
            record.word(0);
        };
        match &self.answer {
            PluginAnswer::Verified(name, claims) => {
                case(0);
                let name = memory.text(name);
                let mut list = Record::default();
                for (name, json) in claims {
                    for text in [name, json] {
                        let text = memory.text(text);
                        list.pair(text);
                    }
                }
                let claims = (memory.put(&list.0), claims.len());
                for pair in [name, (0, 0), (0, 0), claims] {
                    record.pair(pair);
                }
                // No end.
                record.0.extend([0; 16]);
            }
            PluginAnswer::NotMine => case(1),
            PluginAnswer::Refused(why) => {
                case(2);
                let why = memory.text(why);
                record.pair(why);
            }
            PluginAnswer::Unavailable(why) => {
                case(3);
                let why = memory.text(why);
                record.pair(why);
            }
        }
        record.0.resize(56, 0);
        memory.put(&record.0)
    }
}
