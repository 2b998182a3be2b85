//! Policies that load well and strike when they are asked about their victim.

use crate::guest::{CLOCK, Guest};
use crate::table::Strikes::{AtEvaluation, InVain};
use crate::table::{Hostile, victim};

/// Takes `cabi_realloc` over when memory for the victim's name is asked for, which
/// is longer than every other text of a request.
fn at_the_name(name: &str, body: &str) -> String {
    let length = victim(name).len();
    format!("(if (i32.eq (local.get 3) (i32.const {length})) (then {body}))")
}

/// Answers a verdict whose first list, the grants, is said to lie there.
fn grants_at(address: &str, count: &str) -> String {
    format!(
        "(i32.store (i32.const 64) (i32.const {address})) (i32.store (i32.const 68) (i32.const {count})) \
         (return (i32.const 64))"
    )
}

/// Answers `grants` grants, each of them the same `rules` rules, each of them the
/// same `bytes` bytes: large for the host, small for the guest.
fn repeated(grants: usize, rules: usize, bytes: usize) -> String {
    format!(
        "(drop (memory.grow (i32.const 40))) \
         (memory.fill (i32.const 0x90000) (i32.const 0x78) (i32.const {bytes})) \
         (i32.store8 (i32.const 0x90000) (i32.const 0x7e)) \
         {} {} {}",
        fill(0xb0000, rules, "0x90000", bytes),
        fill(0xa0000, grants, "0xb0000", rules),
        grants_at("0xa0000", &grants.to_string()),
    )
}

/// Writes the pair (address, length) `count` times.
fn fill(at: usize, count: usize, address: &str, length: usize) -> String {
    format!(
        "(global.set $i (i32.const 0)) \
         (block (loop (br_if 1 (i32.ge_u (global.get $i) (i32.const {count}))) \
           (i32.store (i32.add (i32.const {at}) (i32.mul (global.get $i) (i32.const 8))) (i32.const {address})) \
           (i32.store offset=4 (i32.add (i32.const {at}) (i32.mul (global.get $i) (i32.const 8))) (i32.const {length})) \
           (global.set $i (i32.add (global.get $i) (i32.const 1))) (br 0)))"
    )
}

const LOG: &str = "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))";
const RANDOM: &str =
    "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))";
const COUNTER: &str = "(global $i (mut i32) (i32.const 0))";

fn running(instructions: &str) -> Guest {
    Guest {
        fields: COUNTER.into(),
        ..Guest::evaluating(instructions)
    }
}

/// A policy of this name that is asked about its victim.
fn guest(
    strikes: crate::Strikes,
    name: &'static str,
    does: &'static str,
    words: &'static str,
    make: impl Fn() -> Guest + Send + Sync + 'static,
) -> Hostile {
    Hostile::new(strikes, name, does, words, move || {
        Guest {
            victim: Some(victim(name)),
            ..make()
        }
        .wasm()
    })
}

pub(crate) fn guests() -> Vec<Hostile> {
    [
        time_and_space(),
        reallocations(),
        answers(),
        rules(),
        in_vain(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn time_and_space() -> Vec<Hostile> {
    let failing =
        |name, does, words, make: fn() -> Guest| guest(AtEvaluation, name, does, words, make);
    vec![
        failing("endless-loop", "never answers", "of CPU time", || {
            running("(loop (br 0))")
        }),
        failing(
            "endless-log",
            "writes messages without end",
            "of CPU time",
            || Guest {
                imports: LOG.into(),
                ..running("(loop (call $log (i32.const 3) (i32.const 1024) (i32.const 40)) (br 0))")
            },
        ),
        failing(
            "recursion",
            "calls itself without end",
            "exhausted its stack",
            || Guest {
                fields: "(func $deep (param i64 i64) (result i64) \
                         (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0))))"
                    .into(),
                ..running("(drop (call $deep (i64.const 1) (i64.const 2)))")
            },
        ),
        failing(
            "indirect-recursion",
            "calls itself through a table without end",
            "exhausted its stack",
            || {
                Guest {
                fields: "(type $f (func (param i64) (result i64))) (table 1 funcref) (elem (i32.const 0) $deep) \
                         (func $deep (type $f) \
                         (i64.add (i64.const 1) (call_indirect (type $f) (local.get 0) (i32.const 0))))"
                    .into(),
                ..running("(drop (call_indirect (type $f) (i64.const 1) (i32.const 0)))")
            }
            },
        ),
        failing(
            "memory",
            "asks for all memory there is and stops when it gets none",
            "bytes of memory",
            || {
                running(
                    "(if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable)))",
                )
            },
        ),
        failing(
            "memory-in-steps",
            "asks for one page after the other, and goes on asking",
            "of CPU time",
            || running("(loop (drop (memory.grow (i32.const 1))) (br 0))"),
        ),
        failing(
            "table",
            "asks for a table of a million entries and stops when it gets none",
            "table entries",
            || Guest {
                fields: "(table $t 1 funcref)".into(),
                ..running(
                    "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then (unreachable)))",
                )
            },
        ),
        failing("unreachable", "traps", "unreachable", || {
            running("(unreachable)")
        }),
        failing("division", "divides by zero", "divide by zero", || {
            running("(drop (i32.div_u (i32.const 1) (i32.load (i32.const 64))))")
        }),
        failing(
            "out-of-bounds",
            "reads beyond its memory",
            "out of bounds",
            || running("(drop (i32.load (i32.const -4)))"),
        ),
        failing(
            "wasi",
            "calls WASI, which is there and does nothing",
            "wasi:random",
            || Guest {
                imports: RANDOM.into(),
                wasi: true,
                ..running("(drop (call $random))")
            },
        ),
    ]
}

fn reallocations() -> Vec<Hostile> {
    let failing = |name: &'static str, does, words, body: &'static str| {
        guest(AtEvaluation, name, does, words, move || Guest {
            realloc: at_the_name(name, body),
            ..running("")
        })
    };
    vec![
        failing(
            "endless-reallocation-for-the-request",
            "never gives memory for the request",
            "of CPU time",
            "(loop (br 0))",
        ),
        failing(
            "wild-reallocation-for-the-whole-request",
            "gives memory it does not have for the request",
            "beyond end of memory",
            "(return (i32.const -64))",
        ),
    ]
}

fn answers() -> Vec<Hostile> {
    let failing = |name, does, words, instructions: fn() -> String| {
        guest(AtEvaluation, name, does, words, move || {
            running(&instructions())
        })
    };
    vec![
        failing(
            "longest-list",
            "answers a list of 4,294,967,295 grants",
            "out of bounds",
            || grants_at("8", "-1"),
        ),
        failing(
            "list-beyond-memory",
            "answers a list that ends beyond its memory",
            "out of bounds",
            || grants_at("0x7fff8", "8"),
        ),
        failing(
            "unaligned-list",
            "answers a list at an odd address",
            "aligned",
            || grants_at("2", "1"),
        ),
        failing(
            "million-empty-grants",
            "answers a million empty grants, small for it and large for the host",
            "too much data",
            || {
                format!(
                    "(drop (memory.grow (i32.const 200))) {}",
                    grants_at("0x90000", "1000000")
                )
            },
        ),
        failing(
            "million-empty-rules",
            "answers a million empty rules, small for it and large for the host",
            "too much data",
            || {
                format!(
                    "(drop (memory.grow (i32.const 200))) \
                     (i32.store (i32.const 256) (i32.const 0x90000)) (i32.store (i32.const 260) (i32.const 1000000)) {}",
                    grants_at("256", "1")
                )
            },
        ),
        failing(
            "long-rule",
            "answers a rule of 1.5 MB",
            "too much data",
            || repeated(1, 1, 1_500_000),
        ),
        failing(
            "long-rules",
            "answers 64 grants of 1,024 rules of 1 KB, all of them one text",
            "too much data",
            || repeated(64, 1024, 1024),
        ),
        failing(
            "bad-utf8",
            "answers a rule that is no UTF-8",
            "utf-8",
            || {
                format!(
                    "(i32.store (i32.const 256) (i32.const 264)) (i32.store (i32.const 260) (i32.const 1)) \
                     (i32.store (i32.const 264) (i32.const 300)) (i32.store (i32.const 268) (i32.const 2)) \
                     (i32.store (i32.const 300) (i32.const 0xfffe)) {}",
                    grants_at("256", "1")
                )
            },
        ),
        failing(
            "bad-discriminant",
            "answers neither a denial nor none",
            "discriminant",
            || "(i32.store8 (i32.const 80) (i32.const 7)) (return (i32.const 64))".into(),
        ),
        failing(
            "answer-beyond-memory",
            "answers at an address it does not have",
            "out of bounds",
            || "(return (i32.const -8))".into(),
        ),
        failing(
            "unaligned-answer",
            "answers at an odd address",
            "aligned",
            || "(return (i32.const 65))".into(),
        ),
    ]
}

fn rules() -> Vec<Hostile> {
    let failing =
        |name, does, words, make: fn() -> Guest| guest(AtEvaluation, name, does, words, make);
    vec![
        failing(
            "no-permission",
            "answers a rule that is no permission",
            "nopass",
            || Guest::granting(&["+get", "nopass"]),
        ),
        failing(
            "two-rules-in-one",
            "answers a rule that holds a line end and another rule",
            "malformed rule",
            || Guest::granting(&["+get\n+@all", "~*"]),
        ),
        failing("many-grants", "answers 65 grants", "65 grants", || Guest {
            grants: vec![vec!["+get".into()]; 65],
            ..Guest::default()
        }),
        failing(
            "many-rules",
            "answers a grant of 1,025 rules",
            "1025 rules",
            || Guest::granting(&["+get"; 1025]),
        ),
        failing(
            "many-rules-together",
            "answers 64 grants of 100 rules each",
            "6400 rules",
            || Guest {
                grants: vec![vec!["+get".into(); 100]; 64],
                ..Guest::default()
            },
        ),
        failing("many-labels", "answers 33 labels", "33 labels", || Guest {
            labels: vec![("team".into(), "red".into()); 33],
            ..Guest::granting(&["+get", "~*"])
        }),
        failing(
            "label-of-two-lines",
            "answers a label that holds a line end",
            "a label that",
            || Guest {
                labels: vec![("team".into(), "red\nwarden_status:ok".into())],
                ..Guest::granting(&["+get", "~*"])
            },
        ),
        failing(
            "timeless",
            "reads the clock and does not say for how long its answer holds",
            "valid-for",
            || Guest {
                inputs: vec![CLOCK],
                ..Guest::granting(&["+get", "~*"])
            },
        ),
    ]
}

fn in_vain() -> Vec<Hostile> {
    let vain = |name, does, make: fn() -> Guest| guest(InVain, name, does, "", make);
    vec![
        vain(
            "many-messages",
            "writes a thousand messages of control characters and answers",
            || Guest {
                imports: LOG.into(),
                fields: format!(
                    "{COUNTER} (data (i32.const 512) \"\\n# warden: forged\\r\\n\\1b[2J\")"
                ),
                ..Guest::evaluating(
                    "(loop (call $log (i32.const 3) (i32.const 512) (i32.const 23)) \
                     (global.set $i (i32.add (global.get $i) (i32.const 1))) \
                     (br_if 0 (i32.lt_u (global.get $i) (i32.const 1000))))",
                )
            },
        ),
        vain(
            "content-without-memory",
            "asks for all memory there is, gets none and answers",
            || running("(drop (memory.grow (i32.const 65000)))"),
        ),
        vain(
            "memory-in-use-given-for-the-request",
            "has the request written over its own data",
            || Guest {
                realloc: at_the_name(
                    "memory-in-use-given-for-the-request",
                    "(return (i32.const 1024))",
                ),
                ..running("")
            },
        ),
        vain(
            "valid-for-no-time",
            "says its answer holds for 0 seconds",
            || Guest {
                valid_for: Some(0),
                ..Guest::granting(&["+get", "~*"])
            },
        ),
        vain(
            "session-of-no-time",
            "says a session lasts 0 seconds",
            || Guest {
                session_ttl: Some(0),
                ..Guest::granting(&["+get", "~*"])
            },
        ),
        vain(
            "valid-for-ever",
            "says its answer holds for 18,446,744,073,709,551,615 seconds, and the session too",
            || Guest {
                valid_for: Some(u64::MAX),
                session_ttl: Some(u64::MAX),
                ..Guest::granting(&["+get", "~*"])
            },
        ),
    ]
}
