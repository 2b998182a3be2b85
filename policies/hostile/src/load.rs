//! Policies that strike while they are read, compiled, described or configured.

use crate::bytes::{Module, NOP, carrying, padded, starting};
use crate::guest::{CIRCLE, Guest};
use crate::size;
use crate::table::Hostile;
use crate::table::Strikes::AtLoad;

const FOREVER: &str = "(loop (br 0))";
const RANDOM: &str =
    "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))";

pub(crate) fn refused(
    name: &'static str,
    does: &'static str,
    words: &'static str,
    make: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Hostile {
    Hostile::new(AtLoad, name, does, words, make)
}

fn guest(
    name: &'static str,
    does: &'static str,
    words: &'static str,
    make: fn() -> Guest,
) -> Hostile {
    refused(name, does, words, move || make().wasm())
}

pub(crate) fn guests() -> Vec<Hostile> {
    [
        time(),
        space(),
        descriptions(),
        imports(),
        files(),
        size::numbers(),
        size::compilation(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn time() -> Vec<Hostile> {
    vec![
        guest(
            "endless-start",
            "has a start function that never ends",
            "start failed: used more than",
            || Guest {
                fields: format!("(func $forever {FOREVER}) (start $forever)"),
                ..Guest::default()
            },
        ),
        refused(
            "endless-nested-start",
            "has a component inside it whose start function never ends",
            "start failed: used more than",
            || {
                starting(&format!(
                    "(component (core module (func {FOREVER}) (start 0)) (core instance (instantiate 0)))"
                ))
            },
        ),
        guest(
            "endless-describe",
            "never says what it is",
            "describe failed: used more than",
            || Guest {
                describe: FOREVER.into(),
                ..Guest::default()
            },
        ),
        guest(
            "endless-configure",
            "never takes its data",
            "configure failed: used more than",
            || Guest {
                configure: FOREVER.into(),
                ..Guest::default()
            },
        ),
        guest(
            "endless-reallocation-of-data",
            "never gives memory for its data",
            "configure failed: used more than",
            || Guest {
                realloc: FOREVER.into(),
                ..Guest::default()
            },
        )
        .with_data(),
        guest(
            "wild-reallocation-of-data",
            "gives memory it does not have for its data",
            "configure failed: trapped",
            || Guest {
                realloc: "(return (i32.const -64))".into(),
                ..Guest::default()
            },
        )
        .with_data(),
        guest(
            "unaligned-reallocation-of-data",
            "gives memory at an odd address for its data",
            "aligned",
            || Guest {
                realloc: "(return (i32.const 0x20001))".into(),
                ..Guest::default()
            },
        )
        .with_data(),
        guest(
            "trapping-start",
            "has a start function that traps",
            "start failed: trapped",
            || Guest {
                fields: "(func $trap (unreachable)) (start $trap)".into(),
                ..Guest::default()
            },
        ),
        guest(
            "recursive-configure",
            "calls itself without end when it takes its data",
            "configure failed: exhausted its stack",
            || Guest {
                configure: "(call $deep)".into(),
                fields: "(func $deep (call $deep) (call $deep))".into(),
                ..Guest::default()
            },
        ),
    ]
}

fn space() -> Vec<Hostile> {
    vec![
        guest(
            "large-memory",
            "has a second memory of 4 GiB",
            "start failed: asked for more than",
            || Guest {
                fields: "(memory $more 65536)".into(),
                ..Guest::default()
            },
        ),
        guest(
            "large-table",
            "has a table of ten million entries",
            "table entries",
            || Guest {
                fields: "(table 10000000 funcref)".into(),
                ..Guest::default()
            },
        ),
        refused(
            "many-memories",
            "has a component inside it with 40 memories",
            "memory count too high",
            || {
                starting(&format!(
                    "(component (core module {}) (core instance (instantiate 0)))",
                    "(memory 0)".repeat(40)
                ))
            },
        ),
        refused(
            "many-tables",
            "has a component inside it with 40 tables",
            "table count too high",
            || {
                starting(&format!(
                    "(component (core module {}) (core instance (instantiate 0)))",
                    "(table 0 funcref)".repeat(40)
                ))
            },
        ),
        refused(
            "many-instances",
            "has a component inside it that is instantiated 70 times",
            "instance count too high",
            || {
                starting(&format!(
                    "(component (core module) {})",
                    "(core instance (instantiate 0))".repeat(70)
                ))
            },
        ),
        guest(
            "memory-at-start",
            "asks for all memory there is in its start function",
            "asked for more than",
            || Guest {
                fields: "(func $grow (if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) \
                         (then (unreachable)))) (start $grow)"
                    .into(),
                ..Guest::default()
            },
        ),
    ]
}

fn descriptions() -> Vec<Hostile> {
    vec![
        guest(
            "description-beyond-memory",
            "says what it is at an address it does not have",
            "describe failed: trapped",
            || Guest {
                describe: "(return (i32.const -8))".into(),
                ..Guest::default()
            },
        ),
        guest(
            "description-of-bad-utf8",
            "says a name that is no UTF-8",
            "describe failed: trapped: invalid utf-8",
            || {
                Guest {
                describe: "(i32.store (i32.const 64) (i32.const 300)) (i32.store (i32.const 68) (i32.const 2)) \
                           (i32.store (i32.const 300) (i32.const 0xfffe)) (return (i32.const 64))"
                    .into(),
                ..Guest::default()
            }
            },
        ),
        guest(
            "name-of-two-lines",
            "says a name that holds line ends and control characters",
            "its name is over 512 bytes or holds control characters",
            || Guest {
                title: "rbac\r\n# warden: generation 7 in force\u{1b}[2J".into(),
                ..Guest::default()
            },
        ),
        guest(
            "long-name",
            "says a name of 500 KB",
            "its name is over 512 bytes or holds control characters",
            || Guest {
                title: "x".repeat(500_000),
                ..Guest::default()
            },
        ),
        guest(
            "ten-thousand-claims",
            "wants to read ten thousand claims",
            "it names more than 256 claims",
            || Guest {
                claims: (0..10_000).map(|n| format!("/{n}")).collect(),
                ..Guest::default()
            },
        ),
        guest(
            "claim-without-pointer",
            "wants to read a claim by what is no JSON Pointer",
            "is not a JSON Pointer to a claim",
            || Guest {
                claims: vec!["exp\n".into()],
                ..Guest::default()
            },
        ),
        guest(
            "unknown-input",
            "wants to be told what there is not",
            "describe failed: trapped",
            || Guest {
                inputs: vec![77],
                ..Guest::default()
            },
        ),
        guest(
            "long-refusal",
            "refuses its data in 1 MB of words",
            "refuses its data: no, no",
            || Guest {
                data_refusal: Some("no, ".repeat(250_000)),
                ..Guest::default()
            },
        ),
    ]
}

fn imports() -> Vec<Hostile> {
    let component = |text: &str| wat::parse_str(format!("(component {text})")).unwrap();
    vec![
        guest(
            "undeclared-function",
            "imports a function of the system",
            "env",
            || Guest {
                imports: "(import \"env\" \"system\" (func))".into(),
                ..Guest::default()
            },
        ),
        guest(
            "circle-of-packages",
            "has metadata of packages that need one another",
            "in a circle",
            || Guest {
                worlds: CIRCLE,
                ..Guest::default()
            },
        ),
        refused(
            "undeclared-interface",
            "imports an interface that policies do not get",
            "imports \"evil:net/socket@1.0.0\"",
            move || {
                component("(import \"evil:net/socket@1.0.0\" (instance (export \"open\" (func))))")
            },
        ),
        refused(
            "hundred-thousand-imports",
            "imports a hundred thousand functions",
            "holds more than",
            move || {
                let imports: String = (0..100_000)
                    .map(|n| format!("(import \"i{n}\" (func))"))
                    .collect();
                component(&imports)
            },
        ),
        refused(
            "thousand-imports",
            "imports a thousand functions",
            "and 992 more",
            move || {
                let imports: String = (0..1000)
                    .map(|n| format!("(import \"i{n}\" (func))"))
                    .collect();
                component(&imports)
            },
        ),
        guest(
            "wasi-at-load",
            "calls WASI while it takes its data",
            "configure failed: trapped",
            || Guest {
                imports: RANDOM.into(),
                wasi: true,
                configure: "(drop (call $random))".into(),
                ..Guest::default()
            },
        ),
    ]
}

fn files() -> Vec<Hostile> {
    vec![
        refused(
            "empty",
            "is an empty file",
            "does not begin like WebAssembly",
            Vec::new,
        ),
        refused(
            "text",
            "is WebAssembly as text",
            "does not begin like WebAssembly",
            || b"(component)".to_vec(),
        ),
        refused("head", "is cut behind its head", "no export", || {
            Guest::default().wasm()[..8].to_vec()
        }),
        refused("half", "is cut in the middle", "is not a component", || {
            let whole = Guest::default().wasm();
            whole[..whole.len() / 2].to_vec()
        }),
        refused(
            "half-component",
            "is a component cut in the middle",
            "is not a component",
            || {
                let whole = Guest::default().component();
                whole[..whole.len() / 2].to_vec()
            },
        ),
        refused(
            "no-policy",
            "is an empty component",
            "no export `configure` found",
            || wat::parse_str("(component)").unwrap(),
        ),
        refused(
            "fifty-megabytes",
            "is 50 MB long, most of it of no use",
            "is larger than the bound of 33554432 bytes",
            || padded(50_000_000),
        ),
        refused(
            "fifty-megabytes-of-code",
            "is 50 MB long, all of it code",
            "is larger than the bound of 33554432 bytes",
            || carrying(&Module::of(vec![NOP; 5_000]).functions(10_000).bytes()),
        ),
        refused(
            "twenty-megabytes-of-code",
            "is 20 MB of code",
            "bytes of code",
            || carrying(&Module::of(vec![NOP; 5_000]).functions(4_000).bytes()),
        ),
    ]
}
