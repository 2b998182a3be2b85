//! A record as one line of CSV (RFC 4180), always the same columns.
//!
//! A value that begins with `=`, `+`, `-` or `@` has that byte written as `\xNN`: programs for
//! tables would take it for a formula and run it.

use csv_core::WriteResult;

use super::escape::{HIDDEN, SPECIAL_IN_CSV, escape, needs};
use super::walk::Pairs;
use super::{Field, Format, Remembered, argument};
use crate::event::Argument;

/// What a formula begins with.
const FORMULA: &[u8] = b"=+-@";

/// Writes one line.
pub(super) struct Csv<'a> {
    line: &'a mut Vec<u8>,
    scratch: &'a mut String,
    remembered: &'a mut Remembered,
    /// The column that is next.
    column: usize,
}

impl<'a> Csv<'a> {
    pub(super) fn new(
        line: &'a mut Vec<u8>,
        scratch: &'a mut String,
        remembered: &'a mut Remembered,
    ) -> Self {
        Self {
            line,
            scratch,
            remembered,
            column: 0,
        }
    }

    /// Ends the line: the columns up to that of the chain value, which is not ours to write.
    pub(super) fn finish(mut self) {
        self.go_to(Field::Chain.column() - 1);
    }

    fn go_to(&mut self, column: usize) {
        // INVARIANT: pairs come in the order of the columns.
        debug_assert!(column >= self.column);
        let commas = column.saturating_sub(self.column);
        let end = self.line.len() + commas;
        self.line.resize(end, b',');
        self.column = column;
    }

    /// What is printable, quoted where its bytes asked for it.
    fn value(line: &mut Vec<u8>, value: &[u8], asked: u8) {
        if asked & SPECIAL_IN_CSV == 0 {
            line.extend_from_slice(value);
            return;
        }
        line.push(b'"');
        let start = line.len();
        // Every byte is a quotation mark at worst.
        line.resize(start + value.len() * 2, 0);
        let room = line.get_mut(start..).unwrap_or_default();
        let (done, _, written) = csv_core::quote(value, room, b'"', b'"', true);
        debug_assert!(matches!(done, WriteResult::InputEmpty));
        line.truncate(start + written);
        line.push(b'"');
    }

    /// What was escaped into the scratch.
    fn escaped(&mut self, asked: u8) {
        let first = self.scratch.bytes().next();
        if let Some(first) = first.filter(|first| FORMULA.contains(first)) {
            let escaped = match first {
                b'=' => "\\x3d",
                b'+' => "\\x2b",
                b'-' => "\\x2d",
                _ => "\\x40",
            };
            self.scratch.replace_range(..1, escaped);
        }
        Self::value(self.line, self.scratch.as_bytes(), asked);
    }
}

impl Pairs for Csv<'_> {
    fn is_told(&mut self, version: u64) -> bool {
        self.go_to(Field::User.column());
        let is_told = self.remembered.again(version, Format::Csv, self.line);
        if is_told {
            self.column = Field::Method.column();
        }
        is_told
    }

    fn told(&mut self) {
        self.go_to(Field::Method.column());
        self.remembered.keep(self.line);
    }

    fn time(&mut self, field: Field, at_us: u64) {
        self.go_to(field.column());
        super::time::write(self.line, at_us);
    }

    fn number(&mut self, field: Field, number: u64) {
        let mut digits = itoa::Buffer::new();
        self.word(field, digits.format(number));
    }

    fn flag(&mut self, field: Field, is_so: bool) {
        self.word(field, if is_so { "true" } else { "false" });
    }

    fn word(&mut self, field: Field, word: &str) {
        self.go_to(field.column());
        self.line.extend_from_slice(word.as_bytes());
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        self.go_to(field.column());
        let asked = needs(value);
        let is_formula = value.first().is_some_and(|first| FORMULA.contains(first));
        if asked & HIDDEN == 0 && !is_formula {
            Self::value(self.line, value, asked);
        } else {
            self.scratch.clear();
            let asked = escape(self.scratch, value, 0);
            self.escaped(asked);
        }
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.go_to(field.column());
        self.scratch.clear();
        let asked = argument::write(self.scratch, &argument, 0);
        self.escaped(asked);
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.go_to(field.column());
        self.scratch.clear();
        let asked = argument::write_list(self.scratch, items, 0);
        self.escaped(asked);
    }
}
