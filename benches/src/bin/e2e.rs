//! What warden costs, end to end: `e2e 8.0|9.1 [FILE]`. Prints a table; writes the same
//! as JSON into FILE.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use serde_json::{Value, json};
use warden_benches::e2e::{commands, log_ins};
use warden_benches::pairs::{Answer, PAIRS};
use warden_tests::Line;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let line = if words.iter().any(|word| word == "8.0") {
        Line::V8_0
    } else {
        Line::V9_1
    };
    println!(
        "Valkey {}, medians of {PAIRS} pairs in turn\n",
        line.number()
    );
    println!("| question | measured | baseline | rate | server CPU |\n|---|---|---|---|---|");
    let mut answers: Vec<Value> = Vec::new();
    let parts: [fn(Line) -> Vec<Answer>; 5] = [
        commands::sessions,
        commands::unused,
        |line| vec![log_ins::whole(line)],
        log_ins::cached,
        log_ins::uncached,
    ];
    for part in parts {
        for answer in part(line) {
            println!("{answer}");
            answers.push(answer.json());
        }
    }
    let file = words
        .iter()
        .find(|word| !["8.0", "9.1"].contains(&word.as_str()));
    if let Some(file) = file {
        let document = json!({ "valkey": line.number(), "answers": answers });
        std::fs::write(file, format!("{document:#}\n")).expect("the file can be written");
    }
}
