//! What the programs that measure have in common: `NAME 8.0|9.1 [--quick] [PART…] [FILE.json]`.
//!
//! In: the words of the command line, and a program's parts. Out: each question with its figures,
//! printed, and written into FILE.

use std::path::Path;

use warden_tests::Line;

use crate::figures::{Document, Part, Question};
use crate::machine;
use crate::report::Machine;

/// Which server is asked, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The server line.
    pub line: Line,
    /// Shorter rounds and fewer pairs: a look, not a measurement.
    pub is_quick: bool,
}

/// A part: its name, when it is asked, and what asks it.
pub type Ask = (&'static str, When, fn(Run) -> Vec<Question>);

/// When a part is asked that is not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// In a full run.
    Full,
    /// Never.
    Named,
}

/// Asks what the command line names.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub fn run(program: &str, parts: &[Ask]) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let named = |word: &str| words.iter().any(|other| other == word);
    let is_known = |word: &&String| {
        let is_part = parts.iter().any(|(name, ..)| *name == word.as_str());
        is_part || word.ends_with(".json") || ["8.0", "9.1", "--quick"].contains(&word.as_str())
    };
    let unknown: Vec<&String> = words.iter().filter(|word| !is_known(word)).collect();
    assert!(unknown.is_empty(), "there is no part {unknown:?}");
    let run = Run {
        line: if named("8.0") { Line::V8_0 } else { Line::V9_1 },
        is_quick: named("--quick"),
    };
    let is_any_named = parts.iter().any(|(name, ..)| named(name));
    let is_asked = |(name, when, _): &&Ask| match when {
        _ if is_any_named => named(name),
        When::Always => true,
        When::Full => !run.is_quick,
        When::Named => false,
    };
    println!("{program}, Valkey {}", run.line.number());
    let file = words.iter().find(|word| word.ends_with(".json"));
    let tell = |name, questions| {
        let document = Document {
            program: program.to_owned(),
            valkey: Some(run.line.number().to_owned()),
            parts: vec![answered(name, questions, run.is_quick)],
        };
        // After each: one that fails takes no other with it.
        if let Some(file) = file {
            let written = document.write(Path::new(file));
            written.expect("the file can be written");
        }
    };
    tell("machine", vec![machine::look()]);
    for (name, _, ask) in parts.iter().filter(is_asked) {
        tell(name, ask(run));
    }
}

/// What a bench inside one process measured that is none of criterion's: printed, and for the
/// report where `scripts/bench` runs it.
pub fn inside_one_process(name: &str, questions: Vec<Question>) {
    let part = answered(name, questions, false);
    let Some(folder) = std::env::var_os("WARDEN_FIGURES") else {
        return;
    };
    let document = Document {
        program: INSIDE.to_owned(),
        valkey: None,
        parts: vec![part],
    };
    let written = document.write(&Path::new(&folder).join("rooms.json"));
    written.expect("the file can be written");
}

/// The program that needs no server.
pub(crate) const INSIDE: &str = "inside one process";

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn answered(name: &str, questions: Vec<Question>, is_quick: bool) -> Part {
    let taken = Machine::this().taken();
    for question in &questions {
        print!("{question}");
    }
    Part {
        name: name.to_owned(),
        taken: Some(if is_quick { taken + ", a look" } else { taken }),
        questions,
    }
}

impl Run {
    /// Requests of a round that has so many in a full run.
    #[must_use]
    pub const fn requests(self, full: usize) -> usize {
        if self.is_quick { full / 3 } else { full }
    }

    /// Pairs of a question that has so many in a full run.
    #[must_use]
    pub const fn pairs(self, full: usize) -> usize {
        if self.is_quick {
            crate::pairs::PAIRS
        } else {
            full
        }
    }

    /// Rounds of a question that has so many in a full run: one is a look.
    #[must_use]
    pub const fn rounds(self, full: usize) -> usize {
        if self.is_quick { 1 } else { full }
    }

    /// Pipeline depths that are looked at: what is asked for is asked at 16.
    #[must_use]
    pub const fn depths(self) -> &'static [usize] {
        if self.is_quick { &[16] } else { &[1, 16] }
    }
}
