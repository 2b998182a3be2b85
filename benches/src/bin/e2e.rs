//! What warden costs, end to end: `e2e 8.0|9.1 [PART…] [FILE.json]`. Prints a table; writes
//! the same as JSON into FILE.
//!
//! Parts: `sessions`, `unused`, `whole`, `cached`, `uncached`, `directory`, `audit`, `processor`; all of them when
//! none is named.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use serde_json::{Value, json};
use warden_benches::e2e::processor::{self, Account};
use warden_benches::e2e::{audit, commands, directory, log_ins};
use warden_benches::pairs::{Answer, PAIRS};
use warden_tests::Line;

/// A name and the questions it asks.
type Part = (&'static str, fn(Line) -> Vec<Answer>);

const PARTS: [Part; 7] = [
    ("sessions", commands::sessions),
    ("unused", commands::unused),
    ("whole", |line| vec![log_ins::whole(line)]),
    ("cached", log_ins::cached),
    ("uncached", log_ins::uncached),
    ("directory", directory::log_ins),
    ("audit", audit::costs),
];

/// Answers with a table of its own.
const PROCESSOR: &str = "processor";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let line = if words.iter().any(|word| word == "8.0") {
        Line::V8_0
    } else {
        Line::V9_1
    };
    println!(
        "Valkey {}, medians of at least {PAIRS} pairs in turn\n",
        line.number()
    );
    let mut answers: Vec<Value> = Vec::new();
    let named = |part: &str| words.iter().any(|word| word == part);
    let all = !named(PROCESSOR) && !PARTS.iter().any(|(part, _)| named(part));
    let asked = PARTS.iter().filter(|(part, _)| all || named(part));
    let asked: Vec<&Part> = asked.collect();
    if !asked.is_empty() {
        println!("| question | measured | baseline | rate | server CPU |\n|---|---|---|---|---|");
    }
    for (_, ask) in asked {
        for answer in ask(line) {
            println!("{answer}");
            answers.push(answer.json());
        }
    }
    if all || named(PROCESSOR) {
        println!("\n{}", Account::HEADING);
        for account in processor::log_ins(line) {
            println!("{account}");
            answers.push(account.json());
        }
    }
    if let Some(file) = words.iter().find(|word| word.ends_with(".json")) {
        let document = json!({ "valkey": line.number(), "answers": answers });
        std::fs::write(file, format!("{document:#}\n")).expect("the file can be written");
    }
}
