//! What storms do to the main thread: `storm 8.0|9.1 [PART…]`.
//!
//! Parts: `log-ins`, `burst`, `forged`, `black-hole`, `directories`, `reconnects`, `unknown-keys`,
//! `expiry`, `refusal`, `disconnect`, `reload`, `commands`, `unload`; all of them when none is
//! named.
//! `soak`, a million log-ins, only by name.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use warden_benches::storm::stage::sessions_that_fit;
use warden_benches::storm::{
    black_hole, directories, endings, log_ins, operator, reconnects, reload, soak, unknown_keys,
};
use warden_tests::Line;

/// A name and what it runs.
type Part = (&'static str, fn(Line));

const PARTS: [Part; 14] = [
    ("log-ins", log_ins::run),
    ("burst", log_ins::burst),
    ("forged", log_ins::forged),
    ("black-hole", black_hole::run),
    ("directories", directories::run),
    ("reconnects", reconnects::run),
    ("unknown-keys", unknown_keys::run),
    ("expiry", endings::expiry),
    ("refusal", endings::refusal),
    ("disconnect", endings::disconnect),
    ("reload", reload::run),
    ("commands", operator::commands),
    ("unload", operator::unload),
    ("soak", soak::run),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let line = if words.iter().any(|word| word == "8.0") {
        Line::V8_0
    } else {
        Line::V9_1
    };
    let named = |part: &str| words.iter().any(|word| word == part);
    let all = !PARTS.iter().any(|(part, _)| named(part));
    println!(
        "Valkey {}, up to {} sessions",
        line.number(),
        sessions_that_fit()
    );
    for (part, run) in PARTS {
        if named(part) || (all && part != "soak") {
            run(line);
        }
    }
}
