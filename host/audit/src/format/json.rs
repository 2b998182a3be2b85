//! A record as one JSON object (RFC 8259), flat, with the names of the Elastic Common Schema.

use super::class::CONSTANT;
use super::escape::{HIDDEN, QUOTE, escape};
use super::walk::Pairs;
use super::{Field, Format, Remembered, argument};
use crate::event::Argument;

/// Writes one line.
pub(super) struct Json<'a> {
    line: &'a mut Vec<u8>,
    remembered: &'a mut Remembered,
    /// Where its first field begins.
    start: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(line: &'a mut Vec<u8>, remembered: &'a mut Remembered) -> Self {
        line.push(b'{');
        let start = line.len();
        Self {
            line,
            remembered,
            start,
        }
    }

    /// Ends the line.
    pub(super) fn finish(self) {
        self.line.push(b'}');
    }

    fn name(&mut self, field: Field) {
        let is_first = self.line.len() == self.start;
        field.json_start().put(self.line, is_first);
    }

    /// A string that is escaped as it is written. What its bytes asked for tells whether JSON
    /// must escape any once more.
    fn string(&mut self, write: impl FnOnce(&mut Vec<u8>) -> u8) {
        let start = self.line.len();
        self.line.push(b'"');
        let asked = write(self.line);
        if asked & (HIDDEN | QUOTE) == 0 {
            self.line.push(b'"');
            return;
        }
        let written = self.remembered.set_aside(self.line, start + 1);
        let text = String::from_utf8_lossy(written);
        self.line.truncate(start);
        // Writing a string into a vector never fails.
        let _ = serde_json::to_writer(&mut *self.line, &text);
    }
}

impl Pairs for Json<'_> {
    fn is_told(&mut self, version: u64) -> bool {
        self.remembered.again(version, Format::Json, self.line)
    }

    fn told(&mut self) {
        self.remembered.keep(self.line);
    }

    fn time(&mut self, field: Field, at_us: u64) {
        self.name(field);
        self.line.push(b'"');
        super::time::write(self.line, at_us);
        self.line.push(b'"');
    }

    fn number(&mut self, field: Field, number: u64) {
        self.name(field);
        let mut digits = itoa::Buffer::new();
        self.line
            .extend_from_slice(digits.format(number).as_bytes());
    }

    fn flag(&mut self, field: Field, is_so: bool) {
        self.name(field);
        let word = if is_so { "true" } else { "false" };
        self.line.extend_from_slice(word.as_bytes());
    }

    fn word(&mut self, field: Field, word: &str) {
        self.name(field);
        self.line.push(b'"');
        self.line.extend_from_slice(word.as_bytes());
        self.line.push(b'"');
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        self.name(field);
        self.string(|line| escape(line, value, 0));
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.name(field);
        self.string(|line| argument::write(line, &argument, 0));
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.name(field);
        self.line.push(b'[');
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.line.push(b',');
            }
            self.string(|line| argument::write(line, &item, 0));
        }
        self.line.push(b']');
    }

    fn class(&mut self, class: &'static str) {
        self.line.extend_from_slice(CONSTANT.as_bytes());
        self.line.extend_from_slice(class.as_bytes());
    }
}
