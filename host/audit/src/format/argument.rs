//! One argument as printable text, and back.
//!
//! In: an argument. Out: its bytes, escaped, or a mark in parentheses: `(redacted)`,
//! `(digest:HEX)`, `(cut:BYTES)` with the beginning behind it, and `()` for no bytes. The first
//! byte of what was an opening parenthesis is written `\x28`, so that nobody can send a mark.

use std::io::Write as _;

use super::escape::{BAR, HIDDEN, SPECIAL_IN_TEXT, escape, hexadecimal, unescape};
use crate::event::Argument;

/// What stands between the items of a list in text and CSV; within an item it is `\x7c`.
const BETWEEN: u8 = b'|';

/// An argument that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// All of it.
    Plain(Vec<u8>),
    /// The beginning of it, and how many bytes it has.
    Cut(Vec<u8>, u64),
    /// Not to be seen.
    Redacted,
    /// Not to be seen; equal digests of one node stand for equal values.
    Digest([u8; 16]),
}

impl Item {
    /// As the argument that it was.
    pub fn as_argument(&self) -> Argument<'_> {
        match self {
            Self::Plain(bytes) => Argument::Plain(bytes),
            Self::Cut(bytes, total) => Argument::Cut(bytes, *total),
            Self::Redacted => Argument::Redacted,
            Self::Digest(digest) => Argument::Digest(*digest),
        }
    }
}

/// Appends it, escaped as [`escape`] does. Returns what its bytes asked for.
pub(super) fn write(out: &mut Vec<u8>, argument: &Argument<'_>, also: u8) -> u8 {
    match *argument {
        Argument::Plain([]) => out.extend_from_slice(b"()"),
        Argument::Plain([b'(', rest @ ..]) => {
            out.extend_from_slice(&hexadecimal(b'('));
            return escape(out, rest, also) | HIDDEN | SPECIAL_IN_TEXT;
        }
        Argument::Plain(bytes) => return escape(out, bytes, also),
        Argument::Cut(bytes, total) => {
            // Writing to a vector never fails.
            let _ = write!(out, "(cut:{total})");
            return escape(out, bytes, also);
        }
        Argument::Redacted => out.extend_from_slice(b"(redacted)"),
        Argument::Digest(digest) => {
            let _ = write!(out, "(digest:{:032x})", u128::from_be_bytes(digest));
        }
    }
    0
}

/// Appends several, with [`BETWEEN`] between them and no such byte in any. Returns what all
/// their bytes asked for.
pub(super) fn write_list<'a>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = Argument<'a>>,
    also: u8,
) -> u8 {
    let mut needs = 0;
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(BETWEEN);
        }
        needs |= write(out, &item, also | BAR);
    }
    needs
}

/// What [`write_list`] wrote.
pub(super) fn read_list(text: &str) -> Option<Vec<Item>> {
    text.split(char::from(BETWEEN)).map(read).collect()
}

/// What was written; `None` when it is nothing that [`write()`] writes.
pub(super) fn read(text: &str) -> Option<Item> {
    let Some(marked) = text.strip_prefix('(') else {
        let bytes = unescape(text)?;
        return (!bytes.is_empty()).then_some(Item::Plain(bytes));
    };
    let (mark, rest) = marked.split_once(')')?;
    if let Some(total) = mark.strip_prefix("cut:") {
        return Some(Item::Cut(unescape(rest)?, total.parse().ok()?));
    }
    if !rest.is_empty() {
        return None;
    }
    match mark {
        "" => Some(Item::Plain(Vec::new())),
        "redacted" => Some(Item::Redacted),
        _ => {
            let digits = mark.strip_prefix("digest:")?;
            let digest = u128::from_str_radix(digits, 16).ok()?;
            let is_digest = digits.len() == 32 && !digits.starts_with('+');
            is_digest.then(|| Item::Digest(digest.to_be_bytes()))
        }
    }
}
