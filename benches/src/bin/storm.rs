//! What storms do to the main thread: `storm 8.0|9.1 [PART…] [FILE.json]`. Prints all figures;
//! writes them into FILE.
//!
//! All parts when none is named, but `soak`, a million log-ins.

use warden_benches::program::{Ask, When, run};
use warden_benches::storm::{
    black_hole, directories, endings, log_ins, operator, reconnects, reload, soak, unknown_keys,
};

const PARTS: [Ask; 14] = [
    ("log-ins", When::Always, log_ins::run),
    ("burst", When::Full, log_ins::burst),
    ("forged", When::Full, log_ins::forged),
    ("black-hole", When::Full, black_hole::run),
    ("directories", When::Full, directories::run),
    ("reconnects", When::Full, reconnects::run),
    ("unknown-keys", When::Full, unknown_keys::run),
    ("expiry", When::Always, endings::expiry),
    ("refusal", When::Full, endings::refusal),
    ("disconnect", When::Full, endings::disconnect),
    ("reload", When::Always, reload::run),
    ("commands", When::Full, operator::commands),
    ("unload", When::Full, operator::unload),
    ("soak", When::Named, soak::run),
];

fn main() {
    run("storm", &PARTS);
}
