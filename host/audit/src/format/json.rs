//! A record as one JSON object (RFC 8259), flat, with the names of the Elastic Common Schema.

use super::class::CONSTANT;
use super::escape::{HIDDEN, escape, needs};
use super::walk::Pairs;
use super::{Field, argument};
use crate::event::Argument;

/// Writes one line.
pub(super) struct Json<'a> {
    line: &'a mut Vec<u8>,
    scratch: &'a mut String,
    /// Where the line begins.
    start: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(line: &'a mut Vec<u8>, scratch: &'a mut String) -> Self {
        let start = line.len();
        line.push(b'{');
        Self {
            line,
            scratch,
            start,
        }
    }

    /// Ends the line.
    pub(super) fn finish(self) {
        self.line.push(b'}');
    }

    fn name(&mut self, field: Field) {
        let start = field.json_start();
        let start = if self.line.len() == self.start + 1 {
            start.trim_start_matches(',')
        } else {
            start
        };
        self.line.extend_from_slice(start.as_bytes());
    }

    /// Writes it in quotation marks.
    fn string(line: &mut Vec<u8>, text: &str) {
        // Writing a string into a vector never fails.
        let _ = serde_json::to_writer(line, text);
    }

    /// An argument as a string.
    fn item(&mut self, argument: &Argument<'_>) {
        self.scratch.clear();
        argument::write(self.scratch, argument, "");
        Self::string(self.line, self.scratch);
    }
}

impl Pairs for Json<'_> {
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
        match std::str::from_utf8(value) {
            Ok(text) if needs(value) & HIDDEN == 0 => Self::string(self.line, text),
            _ => {
                self.scratch.clear();
                escape(self.scratch, value, "");
                Self::string(self.line, self.scratch);
            }
        }
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.name(field);
        self.item(&argument);
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        self.name(field);
        self.line.push(b'[');
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.line.push(b',');
            }
            self.item(&item);
        }
        self.line.push(b']');
    }

    fn class(&mut self, class: &'static str) {
        self.line.extend_from_slice(CONSTANT.as_bytes());
        self.line.extend_from_slice(class.as_bytes());
    }
}
