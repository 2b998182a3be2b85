//! What warden costs, end to end: `e2e 8.0|9.1 [--quick] [PART…] [FILE.json]`. Prints all
//! figures; writes them into FILE.
//!
//! All parts when none is named; with `--quick` those of a few seconds.

use warden_benches::e2e::{audit, commands, directory, loading, log_ins, memory, processor};
use warden_benches::program::{Ask, When, run};

const PARTS: [Ask; 11] = [
    ("sessions", When::Always, commands::sessions),
    ("unused", When::Always, commands::unused),
    ("whole", When::Always, log_ins::whole),
    ("cached", When::Always, log_ins::cached),
    ("memory", When::Always, memory::of_each),
    ("loading", When::Always, loading::with_policies),
    ("uncached", When::Full, log_ins::uncached),
    ("directory", When::Full, directory::log_ins),
    ("valkey-ldap", When::Named, directory::beside_valkey_ldap),
    ("audit", When::Full, audit::costs),
    ("processor", When::Always, processor::log_ins),
];

fn main() {
    run("e2e", &PARTS);
}
