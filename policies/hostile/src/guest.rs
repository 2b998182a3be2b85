//! Small policies for tests: a few instructions of WebAssembly around answers
//! laid out in memory by hand, as the canonical ABI wants them.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::{Resolve, WorldId};

use crate::bytes::section;
use crate::memory::{BASE, Memory, Record};

/// The discriminant of `clock` in the contract's `input`.
pub const CLOCK: u8 = 3;

/// A policy that answers what it is told to, unless a body says otherwise.
#[derive(Clone)]
pub struct Guest {
    /// JSON Pointers; none reads no claims, `["*"]` all.
    pub claims: Vec<String>,
    /// Discriminants of `input` in the contract's order.
    pub inputs: Vec<u8>,
    /// The rules of each grant.
    pub grants: Vec<Vec<String>>,
    /// The denials of one restriction; none makes no restriction.
    pub denials: Vec<String>,
    /// Public and internal words of a denial.
    pub denial: Option<(&'static str, &'static str)>,
    /// Seconds the verdict holds.
    pub valid_for: Option<u64>,
    /// Seconds a session lasts.
    pub session_ttl: Option<u64>,
    /// Labels of the verdict.
    pub labels: Vec<(String, String)>,
    /// Instructions before the answers: may loop, trap or return another pointer.
    pub describe: String,
    /// As `describe`.
    pub configure: String,
    /// As `describe`; local 0 points to the request.
    pub evaluate: String,
    /// Instructions before `cabi_realloc` gives memory; local 3 is the size asked for.
    pub realloc: String,
    /// Imports of the module.
    pub imports: String,
    /// More fields of the module: functions, a start function, tables.
    pub fields: String,
    /// The name it gives itself.
    pub title: String,
    /// The words in which `configure` refuses.
    pub data_refusal: Option<String>,
    /// Whether its world imports an interface of WASI besides the contract's.
    pub wasi: bool,
    /// More worlds in its metadata, a section each: packages in the language of WIT.
    pub worlds: &'static [&'static str],
    /// The one principal whom `evaluate` treats as said above; everybody else gets no
    /// opinion. `None`: everybody.
    pub victim: Option<String>,
}

/// Two sections of metadata, each sound: the packages `a:a` and `b:b` need one another.
pub const CIRCLE: &[&str] = &[
    "package a:a { interface one { use b:b/one.{t}; } world w { import one; } } \
     package b:b { interface one { type t = u8; } }",
    "package b:b { interface two { use a:a/two.{t}; } world w { import two; } } \
     package a:a { interface two { type t = u8; } }",
];

impl Default for Guest {
    fn default() -> Self {
        Self {
            claims: vec![],
            inputs: vec![],
            grants: vec![],
            denials: vec![],
            denial: None,
            valid_for: None,
            session_ttl: None,
            labels: vec![],
            describe: String::new(),
            configure: String::new(),
            evaluate: String::new(),
            realloc: String::new(),
            imports: String::new(),
            fields: String::new(),
            title: "test".into(),
            data_refusal: None,
            wasi: false,
            worlds: &[],
            victim: None,
        }
    }
}

impl Guest {
    /// Grants these rules, in one grant.
    pub fn granting(rules: &[&str]) -> Self {
        Self {
            grants: vec![rules.iter().map(|r| (*r).to_owned()).collect()],
            ..Self::default()
        }
    }

    /// Runs these instructions before it grants.
    pub fn evaluating(instructions: &str) -> Self {
        Self {
            evaluate: instructions.to_owned(),
            ..Self::granting(&["+get", "~*"])
        }
    }

    /// The core module with component metadata.
    pub fn wasm(&self) -> Vec<u8> {
        let mut wasm = wat::parse_str(self.text()).unwrap_or_else(|e| panic!("{e}"));
        let (resolve, world) = self.world();
        embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8).unwrap();
        for text in self.worlds {
            wasm.extend(section_of(text));
        }
        wasm
    }

    /// The component that the host would make of the module.
    pub fn component(&self) -> Vec<u8> {
        let encoder = ComponentEncoder::default().module(&self.wasm());
        encoder
            .and_then(|mut e| e.encode())
            .unwrap_or_else(|e| panic!("{e:#}"))
    }

    fn text(&self) -> String {
        let mut memory = Memory::default();
        let description = self.lay_description(&mut memory);
        let configured = self.lay_configured(&mut memory);
        let verdict = self.lay_verdict(&mut memory);
        let spared = self.lay_no_opinion(&mut memory);
        let possible = self.lay_possible(&mut memory);
        let victim = memory.text(self.victim.as_deref().unwrap_or_default());
        let is_victim = match self.victim {
            Some(_) => is_principal(victim),
            None => "(i32.const 1)".to_owned(),
        };
        let (data, heap) = (memory.data(), memory.end());
        let pages = (heap / 65_536 + 2).max(8);
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const {heap}))
                (data (i32.const {BASE}) "{data}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local i32)
                  {realloc}
                  (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                  (global.set $next (i32.add (local.get 4) (local.get 3)))
                  (local.get 4))
                (func (export "describe") (result i32) {describe} (i32.const {description}))
                (func (export "configure") (param i32 i32) (result i32) {configure} (i32.const {configured}))
                (func $is_victim (param i32) (result i32) (local $i i32) {is_victim})
                (func $answer (param i32) (result i32) {evaluate} (i32.const {verdict}))
                (func (export "evaluate") (param i32) (result i32)
                  (if (result i32) (call $is_victim (local.get 0))
                    (then (call $answer (local.get 0)))
                    (else (i32.const {spared}))))
                (func (export "labels") (result i32) (i32.const {possible}))
                {fields})"#,
            imports = self.imports,
            realloc = self.realloc,
            describe = self.describe,
            configure = self.configure,
            evaluate = self.evaluate,
            fields = self.fields,
        )
    }

    fn world(&self) -> (Resolve, WorldId) {
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/policy.wit");
        let (mut package, _) = resolve.push_path(wit).unwrap();
        if self.wasi {
            let random =
                "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }";
            let world = "package test:scene; \
                 world policy { include warden:policy/policy@0.1.0; import wasi:random/random@0.2.0; }";
            resolve.push_str("random.wit", random).unwrap();
            package = resolve.push_str("world.wit", world).unwrap();
        }
        let world = resolve.select_world(&[package], Some("policy")).unwrap();
        (resolve, world)
    }

    fn lay_description(&self, memory: &mut Memory) -> usize {
        let all = self.claims == ["*"];
        let mut record = Record::default();
        for text in [self.title.as_str(), "1.2.3", "for tests"] {
            let text = memory.text(text);
            record.pair(text);
        }
        let pointers = if all {
            (0, 0)
        } else {
            memory.texts(&self.claims)
        };
        record.word(match (all, self.claims.is_empty()) {
            (true, _) => 2,
            (_, true) => 0,
            _ => 1,
        });
        record.pair(pointers);
        let inputs = (memory.put(&self.inputs), self.inputs.len());
        record.pair(inputs);
        memory.put(&record.0)
    }

    fn lay_configured(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        record.word(usize::from(self.data_refusal.is_some()));
        let text = memory.text(self.data_refusal.as_deref().unwrap_or_default());
        record.pair(text);
        memory.put(&record.0)
    }

    /// The verdict of a policy that has nothing to say.
    fn lay_no_opinion(&self, memory: &mut Memory) -> usize {
        let silent = Self {
            // A policy that reads the clock must say for how long it is silent.
            valid_for: self.inputs.contains(&CLOCK).then_some(3600),
            ..Self::default()
        };
        silent.lay_verdict(memory)
    }

    fn lay_verdict(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        let mut grants = Record::default();
        for grant in &self.grants {
            let rules = memory.texts(grant);
            grants.pair(rules);
        }
        record.pair((memory.put(&grants.0), self.grants.len()));
        let mut restriction = Record::default();
        let denials = memory.texts(&self.denials);
        restriction.pair(denials);
        restriction.0.extend([0; 36]);
        record.pair((
            memory.put(&restriction.0),
            usize::from(!self.denials.is_empty()),
        ));
        let (public, internal) = self.denial.unwrap_or_default();
        record.word(usize::from(self.denial.is_some()));
        for text in [public, internal] {
            record.word(usize::from(!text.is_empty()));
            let text = memory.text(text);
            record.pair(text);
        }
        record.word(0);
        for seconds in [self.valid_for, self.session_ttl] {
            record.0.extend(u64::from(seconds.is_some()).to_le_bytes());
            record.0.extend(seconds.unwrap_or_default().to_le_bytes());
        }
        record.pair(self.lay_labels(memory));
        memory.put(&record.0)
    }

    /// All it can answer are the labels that it does answer.
    fn lay_possible(&self, memory: &mut Memory) -> usize {
        let mut record = Record::default();
        record.pair(self.lay_labels(memory));
        memory.put(&record.0)
    }

    fn lay_labels(&self, memory: &mut Memory) -> (usize, usize) {
        let mut labels = Record::default();
        for (key, value) in &self.labels {
            for text in [key, value] {
                let text = memory.text(text);
                labels.pair(text);
            }
        }
        (memory.put(&labels.0), self.labels.len())
    }
}

/// Instructions: whether the request at local 0 is about the principal of this name.
fn is_principal((address, length): (usize, usize)) -> String {
    format!(
        "(if (i32.ne (i32.load offset=4 (local.get 0)) (i32.const {length})) (then (return (i32.const 0)))) \
         (loop $next \
           (if (i32.eq (local.get $i) (i32.const {length})) (then (return (i32.const 1)))) \
           (if (i32.ne (i32.load8_u (i32.add (i32.load (local.get 0)) (local.get $i))) \
                       (i32.load8_u (i32.add (i32.const {address}) (local.get $i)))) \
             (then (return (i32.const 0)))) \
           (local.set $i (i32.add (local.get $i) (i32.const 1))) \
           (br $next)) \
         (unreachable)"
    )
}

/// A custom section with the metadata of the world `w` in the first of some packages.
fn section_of(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve
        .push_str("w.wit", &format!("package x:x; {text}"))
        .unwrap();
    let (world, _) = resolve.worlds.iter().next().unwrap();
    let data = metadata::encode(&resolve, world, StringEncoding::UTF8, None).unwrap();
    let name = "component-type:more";
    let content = [&[name.len() as u8], name.as_bytes(), &data].concat();
    section(0, &content)
}
