//! A record as a line.

use crate::event::Record;
use crate::settings::Payload;

/// How a record is written: one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    Text,
    /// One JSON object with the names of the Elastic Common Schema.
    Json,
    /// RFC 4180, always the same columns.
    Csv,
}

/// A record with its place in what a sink writes.
#[derive(Clone, Copy, Debug)]
pub struct Numbered<'a, 'r> {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Which server wrote it: 40 hexadecimal digits.
    pub node: &'a str,
    /// What happened.
    pub record: &'a Record<'r>,
}

impl Format {
    /// Appends the line, without its end.
    pub fn write(self, line: &mut Vec<u8>, numbered: Numbered<'_, '_>, payload: Payload) {
        let _ = (numbered, payload);
        line.extend_from_slice(b"sequence=");
    }
}
