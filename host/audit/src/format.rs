//! A record as a line.
//!
//! In: a record with its number. Out: one line, without its end, as text, JSON or CSV; and the
//! way back, from a line to its fields. Never: a raw line feed, or any byte that is not
//! printable UTF-8; an argument that a sink does not want shown; a field that one format has
//! and another has not, but those that the Elastic Common Schema asks for.
//!
//! ```text
//! Record ─→ walk ─ (field, value) ─→ escape ─→ Text | Json | Csv ─→ line
//!                                               read::{text, json, csv} ─→ Fields
//! ```
//!
//! What the fields are: [`Field`] and docs/audit/records.md.

mod argument;
mod class;
mod csv;
mod escape;
mod fields;
mod json;
pub mod read;
mod remembered;
mod start;
mod text;
mod time;
mod walk;

pub use argument::Item;
pub use class::ECS_FIELDS;
pub use fields::{Field, Kind};
pub use remembered::Remembered;
pub use time::timestamp;

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
    /// Appends the line, without its end and without a chain value.
    pub fn write(self, line: &mut Vec<u8>, numbered: Numbered<'_, '_>, payload: Payload) {
        self.write_on(line, numbered, payload, &mut Remembered::default());
    }

    /// The same, of records in a row: what is the same in many of them is remembered. Allocates
    /// nothing once `line` and what is remembered are large enough.
    pub fn write_on(
        self,
        line: &mut Vec<u8>,
        numbered: Numbered<'_, '_>,
        payload: Payload,
        remembered: &mut Remembered,
    ) {
        match self {
            Self::Text => walk::walk(&mut text::Text::new(line, remembered), &numbered, payload),
            Self::Json => {
                let mut json = json::Json::new(line, remembered);
                walk::walk(&mut json, &numbered, payload);
                json.finish();
            }
            Self::Csv => {
                let mut csv = csv::Csv::new(line, remembered);
                walk::walk(&mut csv, &numbered, payload);
                csv.finish();
            }
        }
    }

    /// The line that a file of this format begins with, without its end: the names of the
    /// columns of CSV, with the column `chain` where each record has one.
    pub fn header(self, is_chained: bool) -> Option<&'static str> {
        (self == Self::Csv).then(|| fields::header(is_chained))
    }

    /// Reads a line back, with or without a chain value: what [`read::text`], [`read::json`]
    /// and [`read::csv`] do.
    ///
    /// # Errors
    /// When it is no line of this format. A header is none.
    pub fn read(self, line: &[u8]) -> Result<read::Fields, read::Unreadable> {
        match self {
            Self::Text => read::text(line),
            Self::Json => read::json(line),
            Self::Csv => read::csv(line),
        }
    }
}

#[cfg(test)]
mod tests;
