//! A record as `name=value` pairs, one space between them.
//!
//! A value is bare, or in quotation marks when it holds anything but printable ASCII other
//! than space, `=`, `'`, `"` and backslash. Within quotation marks a quotation mark is `\x22`,
//! so that every `"` of a line begins or ends a value.

use super::argument;
use super::escape::{HIDDEN, QUOTE, SPECIAL_IN_TEXT, escape, needs};
use super::walk::Pairs;
use super::{Field, Format, Remembered};
use crate::event::Argument;

/// Writes one line.
pub(super) struct Text<'a> {
    line: &'a mut Vec<u8>,
    scratch: &'a mut String,
    remembered: &'a mut Remembered,
    /// Where the line begins.
    start: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(
        line: &'a mut Vec<u8>,
        scratch: &'a mut String,
        remembered: &'a mut Remembered,
    ) -> Self {
        let start = line.len();
        Self {
            line,
            scratch,
            remembered,
            start,
        }
    }

    fn name(&mut self, field: Field) {
        let start = field.text_start().as_bytes();
        let is_first = self.line.len() == self.start;
        let start = start.get(usize::from(is_first)..).unwrap_or_default();
        self.line.extend_from_slice(start);
    }

    /// What is printable and has no quotation mark, quoted where its bytes asked for it.
    fn value(line: &mut Vec<u8>, value: &[u8], asked: u8) {
        if asked & SPECIAL_IN_TEXT == 0 {
            line.extend_from_slice(value);
        } else {
            line.push(b'"');
            line.extend_from_slice(value);
            line.push(b'"');
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
        self.name(field);
        let mut digits = itoa::Buffer::new();
        self.line
            .extend_from_slice(digits.format(number).as_bytes());
    }

    fn flag(&mut self, field: Field, is_so: bool) {
        self.word(field, if is_so { "true" } else { "false" });
    }

    fn word(&mut self, field: Field, word: &str) {
        self.name(field);
        self.line.extend_from_slice(word.as_bytes());
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        self.name(field);
        let asked = needs(value);
        if asked & (HIDDEN | QUOTE) == 0 {
            Self::value(self.line, value, asked);
        } else {
            self.scratch.clear();
            let asked = escape(self.scratch, value, QUOTE);
            Self::value(self.line, self.scratch.as_bytes(), asked);
        }
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.name(field);
        self.scratch.clear();
        let asked = argument::write(self.scratch, &argument, QUOTE);
        Self::value(self.line, self.scratch.as_bytes(), asked);
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.name(field);
        self.scratch.clear();
        let asked = argument::write_list(self.scratch, items, QUOTE);
        Self::value(self.line, self.scratch.as_bytes(), asked);
    }
}
