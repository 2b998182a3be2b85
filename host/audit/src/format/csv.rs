//! A record as one line of CSV (RFC 4180), always the same columns.
//!
//! A value that begins with `=`, `+`, `-` or `@` has that byte written as `\xNN`: programs for
//! tables would take it for a formula and run it.

use csv_core::WriteResult;

use super::escape::{SPECIAL_IN_CSV, escape, hexadecimal};
use super::walk::Pairs;
use super::{Field, Format, Remembered, argument};
use crate::event::Argument;

/// What a formula begins with.
const FORMULA: &[u8] = b"=+-@";

/// Writes one line.
pub(super) struct Csv<'a> {
    line: &'a mut Vec<u8>,
    remembered: &'a mut Remembered,
    /// The column that is next.
    column: usize,
}

impl<'a> Csv<'a> {
    pub(super) fn new(line: &'a mut Vec<u8>, remembered: &'a mut Remembered) -> Self {
        Self {
            line,
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

    /// A value that is escaped as it is written, and quoted where its bytes asked for it.
    fn value(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>) -> u8) {
        self.go_to(field.column());
        let start = self.line.len();
        let asked = write(self.line);
        if let Some(first) = self.line.get(start).copied()
            && FORMULA.contains(&first)
        {
            self.line.splice(start..=start, hexadecimal(first));
        }
        if asked & SPECIAL_IN_CSV != 0 {
            self.quote(start);
        }
    }

    /// Puts what was written since `start` in quotation marks.
    fn quote(&mut self, start: usize) {
        let value = self.remembered.set_aside(self.line, start);
        self.line.truncate(start);
        self.line.push(b'"');
        // Every byte is a quotation mark at worst.
        self.line.resize(start + 1 + value.len() * 2, 0);
        let room = self.line.get_mut(start + 1..).unwrap_or_default();
        let (done, _, written) = csv_core::quote(value, room, b'"', b'"', true);
        debug_assert!(matches!(done, WriteResult::InputEmpty));
        self.line.truncate(start + 1 + written);
        self.line.push(b'"');
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
        self.value(field, |line| escape(line, value, 0));
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.value(field, |line| argument::write(line, &argument, 0));
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.value(field, |line| argument::write_list(line, items, 0));
    }
}
