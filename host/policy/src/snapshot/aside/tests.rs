//! Modules with something set aside, and modules that only say so.

use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

use super::*;

/// Ten bytes at 1000 are set aside, in two segments of which the first begins before them.
const MODULE: &str = r#"(module
  (import "host" "log" (func $log))
  (import "host" "level" (global $level i32))
  (memory (export "memory") 1)
  (data $passive "passive")
  (global $stack (mut i32) (i32.const 5))
  (global $announced i32 (i32.const 16))
  (func $first (result i32) (i32.const 7))
  (func $read (param i32 i32 i32)
    (memory.copy (local.get 0) (i32.add (i32.const 1000) (local.get 1)) (local.get 2)))
  (func (export "passive")
    (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7)))
  (export "first" (func $first))
  (export "warden_aside" (global $announced))
  (export "warden_aside_read" (func $read))
  (data (i32.const 16) "\e8\03\00\00\0a\00\00\00")
  (data (i32.const 998) "ab01234")
  (data (i32.const 1005) "56789cd"))"#;

fn module(text: &str) -> Option<(Vec<u8>, usize)> {
    of_module(&wat::parse_str(text).unwrap())
}

struct Run {
    store: Store<()>,
    instance: Instance,
}

impl Run {
    fn of(wasm: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let log = wasmtime::Func::wrap(&mut store, || {});
        let ty = wasmtime::GlobalType::new(wasmtime::ValType::I32, wasmtime::Mutability::Const);
        let level = wasmtime::Global::new(&mut store, ty, 0_i32.into()).unwrap();
        let imports = [log.into(), level.into()];
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        Self { store, instance }
    }

    fn read(&mut self, from: i32, length: i32) -> Result<(), wasmtime::Error> {
        let read: TypedFunc<(i32, i32, i32), ()> =
            self.instance.get_typed_func(&mut self.store, READ).unwrap();
        read.call(&mut self.store, (100, from, length))
    }

    fn memory(&mut self, place: Range<usize>) -> Vec<u8> {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.unwrap().data(&self.store)[place].to_vec()
    }
}

#[test]
fn what_is_set_aside_is_read_and_no_longer_in_memory() {
    let (wasm, memory_bytes) = module(MODULE).unwrap();
    let mut run = Run::of(&wasm);
    assert_eq!(run.memory(998..1012), b"ab\0\0\0\0\0\0\0\0\0\0cd");
    run.read(0, 10).unwrap();
    assert_eq!(run.memory(100..110), b"0123456789");
    run.read(7, 2).unwrap();
    assert_eq!(run.memory(100..110), b"7823456789");
    run.read(9, 2).unwrap_err();
    assert_eq!(memory_bytes, 1012 - 16);
    // Whatever else there was is as it was.
    let passive: TypedFunc<(), ()> = run
        .instance
        .get_typed_func(&mut run.store, "passive")
        .unwrap();
    passive.call(&mut run.store, ()).unwrap();
    assert_eq!(run.memory(0..7), b"passive");
    let first: TypedFunc<(), i32> = run
        .instance
        .get_typed_func(&mut run.store, "first")
        .unwrap();
    assert_eq!(first.call(&mut run.store, ()).unwrap(), 7);
}

#[test]
fn a_component_is_moved_as_its_modules_are() {
    let inner = MODULE.replacen("(module", "(core module $m", 1);
    let component = wat::parse_str(format!("(component {inner})")).unwrap();
    let moved = move_out(&component).unwrap();
    assert_eq!(moved.memory_bytes, 1012 - 16);
    wasmtime::component::Component::new(&Engine::default(), &moved.component).unwrap();
    let nothing = wat::parse_str("(component (core module))").unwrap();
    assert!(move_out(&nothing).is_none());
    assert!(move_out(&wat::parse_str(MODULE).unwrap()).is_none());
}

#[test]
fn a_module_that_means_anything_else_stays_as_it_is() {
    for (what, by) in [
        ("\"warden_aside\"", "\"warden_beside\""),
        ("\"warden_aside_read\"", "\"warden_aside_write\""),
        ("(global $announced i32", "(global $announced (mut i32)"),
        (
            "(global $announced i32 (i32.const 16))",
            "(global $announced i32 (global.get $level))",
        ),
        ("(global $announced))", "(global $level))"),
        ("(func $read))", "(func $log))"),
        (
            "(export \"warden_aside_read\" (func $read))",
            "(export \"warden_aside_read\" (memory 0))",
        ),
        // Nothing, more than there is, more than there can be.
        (
            "\\e8\\03\\00\\00\\0a\\00\\00\\00",
            "\\e8\\03\\00\\00\\00\\00\\00\\00",
        ),
        (
            "\\e8\\03\\00\\00\\0a\\00\\00\\00",
            "\\e8\\03\\00\\00\\0d\\00\\00\\00",
        ),
        (
            "\\e8\\03\\00\\00\\0a\\00\\00\\00",
            "\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff",
        ),
        ("(i32.const 16) \"", "(i32.const 60000) \""),
    ] {
        assert!(MODULE.contains(what), "{what}");
        assert!(module(&MODULE.replacen(what, by, 1)).is_none(), "{by}");
    }
}

#[test]
fn bytes_that_are_no_module_are_left_alone() {
    let whole = wat::parse_str(MODULE).unwrap();
    for end in 0..whole.len() {
        of_module(&whole[..end]);
    }
    for at in 0..whole.len() {
        for flip in [0x01, 0x40, 0x80, 0xff] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= flip;
            of_module(&spoilt);
        }
    }
}
