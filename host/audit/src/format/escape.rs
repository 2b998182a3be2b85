//! Bytes as printable text, and back.
//!
//! In: any bytes. Out: printable UTF-8 on one line, that says the same. `\\` is a backslash;
//! `\n`, `\r` and `\t` are what they are everywhere; `\xNN` is the byte of that value, for each
//! byte of another character that is not to be seen as it is, and for each byte that is not
//! UTF-8. This comes before the quoting of a format, and is the same in all three.
//!
//! Characters that are not to be seen: control characters (U+0000 to U+001F, U+007F to
//! U+009F), line and paragraph separators (U+2028, U+2029), those that change the direction of
//! what stands beside them (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), which
//! would let a key look like another field, and the byte order mark (U+FEFF).

/// Of all bytes of a value together: it has a byte that must be escaped, or is not ASCII.
pub(super) const HIDDEN: u8 = 1;
/// It must be quoted in text.
pub(super) const SPECIAL_IN_TEXT: u8 = 2;
/// It must be quoted in CSV (RFC 4180 §2).
pub(super) const SPECIAL_IN_CSV: u8 = 4;

/// What one byte asks for.
fn of_byte(byte: u8) -> u8 {
    let is_hidden = !(b' '..0x7f).contains(&byte) | (byte == b'\\');
    let is_quote = byte == b'"';
    let in_text = is_hidden | is_quote | (byte == b' ') | (byte == b'=') | (byte == b'\'');
    let in_csv = is_quote | (byte == b',');
    // Bits and not branches, so that many bytes are looked at in one instruction.
    (u8::from(is_hidden) * HIDDEN)
        | (u8::from(in_text) * SPECIAL_IN_TEXT)
        | (u8::from(in_csv) * SPECIAL_IN_CSV)
}

/// What its bytes together ask for: [`HIDDEN`], [`SPECIAL_IN_TEXT`], [`SPECIAL_IN_CSV`].
pub(super) fn needs(value: &[u8]) -> u8 {
    let all = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | of_byte(*byte));
    let (chunks, rest) = value.as_chunks::<16>();
    chunks
        .iter()
        .fold(all(rest), |so_far, chunk| so_far | all(chunk))
}

/// Appends the bytes, escaped. Characters of `also`, which are ASCII, are written as `\xNN`.
pub(super) fn escape(out: &mut String, value: &[u8], also: &str) {
    if needs(value) & HIDDEN == 0
        && !also.bytes().any(|byte| value.contains(&byte))
        && let Ok(text) = std::str::from_utf8(value)
    {
        out.push_str(text);
        return;
    }
    for chunk in value.utf8_chunks() {
        escape_text(out, chunk.valid(), also);
        for byte in chunk.invalid() {
            hexadecimal(out, *byte);
        }
    }
}

fn escape_text(out: &mut String, text: &str, also: &str) {
    let mut left = text;
    while let Some(at) = left.find(|c| must_be_escaped(c, also)) {
        let (before, rest) = left.split_at(at);
        out.push_str(before);
        let mut characters = rest.chars();
        match characters.next() {
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => {
                let mut bytes = [0; 4];
                for byte in other.encode_utf8(&mut bytes).bytes() {
                    hexadecimal(out, byte);
                }
            }
            None => {}
        }
        left = characters.as_str();
    }
    out.push_str(left);
}

fn must_be_escaped(character: char, also: &str) -> bool {
    match character {
        '\\' => true,
        ' '..='~' => also.contains(character),
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

/// Appends one byte as `\xNN`.
pub(super) fn hexadecimal(out: &mut String, byte: u8) {
    out.push_str("\\x");
    for half in [byte >> 4, byte & 0xf] {
        out.extend(char::from_digit(u32::from(half), 16));
    }
}

/// The bytes that were escaped; `None` when a backslash begins nothing that [`escape`] writes.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some(at) = left.iter().position(|byte| *byte == b'\\') {
        let (before, rest) = left.split_at_checked(at)?;
        bytes.extend_from_slice(before);
        let (byte, rest) = match rest {
            [_, b'\\', rest @ ..] => (b'\\', rest),
            [_, b'n', rest @ ..] => (b'\n', rest),
            [_, b'r', rest @ ..] => (b'\r', rest),
            [_, b't', rest @ ..] => (b'\t', rest),
            [_, b'x', high, low, rest @ ..] => (digit(*high)? << 4 | digit(*low)?, rest),
            _ => return None,
        };
        bytes.push(byte);
        left = rest;
    }
    bytes.extend_from_slice(left);
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
