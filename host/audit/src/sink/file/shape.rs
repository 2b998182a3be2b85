//! How lines of one file look.

use crate::chain::{self, Value};
use crate::format::{Field, Format};

/// Format, and whether each line carries a chain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) format: Format,
    pub(super) chained: bool,
}

/// What the next record must know of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) sequence: u64,
    pub(super) chain: Value,
}

impl Shape {
    /// What a file begins with, line end included; empty without.
    pub(super) fn header(self) -> Vec<u8> {
        let header = self.format.header(self.chained);
        header.map_or_else(Vec::new, |names| [names, "\n"].concat().into_bytes())
    }

    /// What a line says; `None` where it is not of this shape.
    pub(super) fn last(self, line: &[u8]) -> Option<Last> {
        let sealed = chain::split(self.format, line);
        if sealed.is_some() != self.chained {
            return None;
        }
        let fields = self.format.read(line).ok()?;
        let sequence = str::from_utf8(fields.bytes(Field::Sequence)?).ok()?;
        Some(Last {
            sequence: sequence.parse().ok()?,
            chain: sealed.map_or(chain::BEGINNING, |sealed| sealed.value),
        })
    }
}
