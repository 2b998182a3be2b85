//! A record as `name=value` pairs, one space between them.
//!
//! A value is bare, or in quotation marks when it holds anything but printable ASCII other
//! than space, `=`, `'`, `"` and backslash. Within quotation marks a quotation mark is `\x22`,
//! so that every `"` of a line begins or ends a value.

use super::argument;
use super::escape::{QUOTE, SPECIAL_IN_TEXT, escape};
use super::walk::Pairs;
use super::{Field, Format, Remembered};
use crate::event::Argument;

/// Writes one line.
pub(super) struct Text<'a> {
    line: &'a mut Vec<u8>,
    remembered: &'a mut Remembered,
    /// Where the line begins.
    start: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(line: &'a mut Vec<u8>, remembered: &'a mut Remembered) -> Self {
        let start = line.len();
        Self {
            line,
            remembered,
            start,
        }
    }

    fn name(&mut self, field: Field) {
        let is_first = self.line.len() == self.start;
        field.text_start().put(self.line, is_first);
    }

    /// A value that is escaped as it is written, and quoted where its bytes asked for it.
    fn value(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>) -> u8) {
        self.name(field);
        let start = self.line.len();
        let asked = write(self.line);
        if asked & SPECIAL_IN_TEXT != 0 {
            self.line.insert(start, b'"');
            self.line.push(b'"');
        }
    }
}

impl Pairs for Text<'_> {
    fn is_told(&mut self, version: u64) -> bool {
        self.remembered.again(version, Format::Text, self.line)
    }

    fn told(&mut self) {
        self.remembered.keep(self.line);
    }

    fn time(&mut self, field: Field, at_us: u64) {
        self.name(field);
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
        self.name(field);
        self.line.extend_from_slice(word.as_bytes());
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        self.value(field, |line| escape(line, value, QUOTE));
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.value(field, |line| argument::write(line, &argument, QUOTE));
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.value(field, |line| argument::write_list(line, items, QUOTE));
    }
}
