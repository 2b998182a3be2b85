//! The gate: `warden-gate [--write]`.
//!
//! In: the hot paths of [`paths`], each run under callgrind, and `instructions.toml` with what
//! each took when that was last looked at. Out: a table, and a failure that names the path, when
//! one takes more than a twentieth more, or a quarter with another compiler. `--write` makes what it counts the new measure: for a
//! change that is worth its price, in its own commit.
//!
//! Instructions and not time: the same on a busy machine as on an idle one, so that a few parts
//! in a hundred can be told.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints its figures"
)]

mod callgrind;
mod measure;
mod paths;

use std::process::ExitCode;

use measure::{Counted, Measure};
use paths::HotPath;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        // What the gate starts itself with, under callgrind.
        ["run", name] => HotPath::named(name).map(|path| callgrind::run(&path)),
        [] => look(false),
        ["--write"] => look(true),
        _ => Err("usage: warden-gate [--write]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("warden-gate: {why}");
            ExitCode::FAILURE
        }
    }
}

fn look(writes: bool) -> Result<(), String> {
    let measure = Measure::read()?;
    let mut all = Vec::new();
    println!("| hot path | instructions | measure | ratio |\n|---|---|---|---|");
    for path in HotPath::all() {
        let counted = Counted {
            name: path.name,
            instructions: callgrind::count(path.name)?,
            measure: measure.of(path.name),
        };
        println!("{counted}");
        all.push(counted);
    }
    if writes {
        return measure::write(&all);
    }
    let unknown = measure.names().filter(|name| HotPath::named(name).is_err());
    let unknown: Vec<&str> = unknown.collect();
    let Some(most) = measure.most()? else {
        println!("{} is of another processor: nothing is held", measure::FILE);
        return Ok(());
    };
    let complaints = all.iter().filter_map(|counted| counted.complaint(most));
    let slower: Vec<String> = complaints.collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        return Err(format!(
            "{} names paths that there are not: {unknown}",
            measure::FILE
        ));
    }
    if slower.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nwhere the price is worth paying, `scripts/gate --write` makes it the new measure",
        slower.join("\n")
    ))
}
