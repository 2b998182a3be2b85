//! A value in each line that depends on all lines before it.
//!
//! In: lines, as a format wrote them. Out: the same lines with one field more, the last: 64
//! lower-case hexadecimal digits of
//!
//! ```text
//! SHA-256(chain value of the line before ‖ bytes of this line up to its chain field)
//! ```
//!
//! where the value before the first line is 32 zero bytes, and the separator before the field
//! belongs to the field. Whoever changes, removes, adds or moves a line must write every later
//! one anew. Never: a key. That nobody did so is what a [checkpoint](crate::checkpoint) proves.

use aws_lc_rs::digest::{Context, SHA256};

use crate::format::Format;

/// A chain value.
pub type Value = [u8; 32];

/// What the first line of all is chained to.
pub const BEGINNING: Value = [0; 32];

/// Where a chain has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    value: Value,
}

/// A line with a chain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What the value is of: the line up to the chain field.
    pub body: &'a [u8],
    /// The value it carries.
    pub value: Value,
}

impl Chain {
    /// A chain without a line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A chain that goes on after the line of this value.
    pub const fn resume(value: Value) -> Self {
        Self { value }
    }

    /// The value of the last line; [`BEGINNING`] without one.
    pub const fn value(&self) -> Value {
        self.value
    }

    /// Appends the chain field to the line that begins at `start` and reaches to the end of
    /// `lines`, without its line end.
    pub fn seal(&mut self, format: Format, lines: &mut Vec<u8>, start: usize) {
        let (before, after) = field(format);
        // Of a JSON object the field is the last member.
        if format == Format::Json && lines.len() > start && lines.last() == Some(&b'}') {
            lines.pop();
        }
        self.value = next(&self.value, lines.get(start..).unwrap_or_default());
        lines.extend_from_slice(before);
        let mut text = [b'0'; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(&self.value) {
            pair.copy_from_slice(&digits(byte));
        }
        lines.extend_from_slice(&text);
        lines.extend_from_slice(after);
    }
}

/// The value of a line that follows one of value `before`.
pub fn next(before: &Value, body: &[u8]) -> Value {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(body);
    let mut value = BEGINNING;
    for (to, from) in value.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    value
}

/// A line, without its end, taken apart; `None` where it carries no chain value.
pub fn split(format: Format, line: &[u8]) -> Option<Sealed<'_>> {
    let (before, after) = field(format);
    let line = line.strip_suffix(after)?;
    let (body, value) = line.split_at_checked(line.len().checked_sub(64)?)?;
    Some(Sealed {
        body: body.strip_suffix(before)?,
        value: read_hex(value)?,
    })
}

/// What stands before and after the digits.
const fn field(format: Format) -> (&'static [u8], &'static [u8]) {
    match format {
        Format::Text => (b" chain=", b""),
        Format::Json => (b",\"warden.chain\":\"", b"\"}"),
        Format::Csv => (b",", b""),
    }
}

/// As lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(digits).map(char::from).collect()
}

fn digits(byte: &u8) -> [u8; 2] {
    let digit = |nibble| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        }
    };
    [digit(byte >> 4), digit(byte & 15)]
}

/// Bytes from twice as many lower-case hexadecimal digits.
pub fn read_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODIES: [(Format, &[u8], &[u8]); 3] = [
        (
            Format::Text,
            b"sequence=1 event=start",
            b"sequence=1 event=start",
        ),
        (Format::Json, b"{\"a\":1}", b"{\"a\":1"),
        (Format::Csv, b"a,\"b,c\",", b"a,\"b,c\","),
    ];

    #[test]
    fn a_line_carries_the_digest_of_the_value_before_and_of_itself() {
        let mut chain = Chain::new();
        let mut lines = b"sequence=1".to_vec();
        chain.seal(Format::Text, &mut lines, 0);
        // { head -c 32 /dev/zero; printf sequence=1; } | sha256sum
        let known = "73368d727c51c588368695e55ffb5977f08b245789366b512b18a14b363c8c8d";
        assert!(lines.starts_with(b"sequence=1 chain="));
        let sealed = split(Format::Text, &lines).unwrap();
        assert_eq!(sealed.value, next(&BEGINNING, b"sequence=1"));
        assert_eq!(hex(&sealed.value), known);
    }

    #[test]
    fn each_format_gives_back_what_was_sealed() {
        for (format, line, body) in BODIES {
            let mut chain = Chain::resume([7; 32]);
            let mut lines = b"the line before\n".to_vec();
            let start = lines.len();
            lines.extend_from_slice(line);
            chain.seal(format, &mut lines, start);
            assert!(lines.starts_with(b"the line before\n"));
            let sealed = split(format, &lines[start..]).unwrap();
            assert_eq!(sealed.body, body, "{format:?}");
            assert_eq!(sealed.value, chain.value());
            assert_eq!(chain.value(), next(&[7; 32], body));
        }
        let mut lines = b"{\"a\":1}".to_vec();
        Chain::new().seal(Format::Json, &mut lines, 0);
        let document: serde_json::Value = serde_json::from_slice(&lines).unwrap();
        assert_eq!(document["warden.chain"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn what_carries_no_chain_value_is_told_from_what_does() {
        let upper = format!("a chain={}", "A".repeat(64));
        let short = format!("a chain={}", "a".repeat(63));
        for line in ["", "sequence=1", "a chain=", &upper, &short] {
            for format in [Format::Text, Format::Json, Format::Csv] {
                assert_eq!(split(format, line.as_bytes()), None, "{line}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_change_of_a_line_changes_its_value(
            body: Vec<u8>,
            before: Value,
            place: prop::sample::Index,
            other in 1_u8..,
        ) {
            let value = next(&before, &body);
            let mut changed = [&before[..], &body[..]].concat();
            changed[place.index(32 + body.len())] ^= other;
            let (before, body) = changed.split_at(32);
            prop_assert_ne!(value, next(before.try_into().unwrap(), body));
        }

        #[test]
        fn hexadecimal_digits_round_trip(value: Value) {
            prop_assert_eq!(read_hex(hex(&value).as_bytes()), Some(value));
        }
    }
}
