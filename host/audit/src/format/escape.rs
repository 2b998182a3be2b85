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
/// It has a quotation mark.
pub(super) const QUOTE: u8 = 8;
/// It has a `|`, which stands between the items of a list.
pub(super) const BAR: u8 = 16;

/// What one byte asks for. Bits and not branches, so that many bytes are looked at at once.
const fn of_byte(byte: u8) -> u8 {
    let is_hidden = (byte < b' ') | (byte > b'~') | (byte == b'\\');
    let is_quote = byte == b'"';
    let in_text = is_hidden | is_quote | (byte == b' ') | (byte == b'=') | (byte == b'\'');
    let in_csv = is_quote | (byte == b',');
    (is_hidden as u8 * HIDDEN)
        | (in_text as u8 * SPECIAL_IN_TEXT)
        | (in_csv as u8 * SPECIAL_IN_CSV)
        | (is_quote as u8 * QUOTE)
        | ((byte == b'|') as u8 * BAR)
}

/// The same, looked up: better for a few bytes.
const OF_BYTE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "the loop ends with the table")]
        {
            table[byte] = of_byte(byte as u8);
        }
        byte += 1;
    }
    table
};

/// What its bytes together ask for: [`HIDDEN`], [`SPECIAL_IN_TEXT`], [`SPECIAL_IN_CSV`],
/// [`QUOTE`], [`BAR`].
pub(super) fn needs(value: &[u8]) -> u8 {
    let (chunks, rest) = value.as_chunks::<16>();
    let mut lanes = [0; 16];
    for chunk in chunks {
        for (lane, byte) in lanes.iter_mut().zip(chunk) {
            *lane |= of_byte(*byte);
        }
    }
    let of_chunks = u128::from_ne_bytes(lanes);
    let of_chunks = (of_chunks >> 64) | of_chunks;
    let of_chunks = (of_chunks >> 32) | of_chunks;
    let of_chunks = (of_chunks >> 16) | of_chunks;
    let [of_chunks, ..] = ((of_chunks >> 8) | of_chunks).to_le_bytes();
    rest.iter().fold(of_chunks, |all, byte| {
        all | OF_BYTE.get(usize::from(*byte)).copied().unwrap_or(u8::MAX)
    })
}

/// Appends the bytes, escaped; with [`QUOTE`] or [`BAR`] in `also`, those as `\xNN` too.
/// Returns what the bytes asked for.
pub(super) fn escape(out: &mut Vec<u8>, value: &[u8], also: u8) -> u8 {
    let needs = needs(value);
    if needs & (HIDDEN | also) == 0 {
        // Printable ASCII.
        out.extend_from_slice(value);
        return needs;
    }
    for chunk in value.utf8_chunks() {
        escape_text(out, chunk.valid(), also);
        for byte in chunk.invalid() {
            out.extend_from_slice(&hexadecimal(*byte));
        }
    }
    // A backslash is special in text.
    needs | SPECIAL_IN_TEXT
}

fn escape_text(out: &mut Vec<u8>, text: &str, also: u8) {
    let mut left = text;
    let is_doubtful = |byte: u8| {
        OF_BYTE
            .get(usize::from(byte))
            .is_none_or(|asks| asks & (HIDDEN | also) != 0)
    };
    while let Some(at) = left.bytes().position(is_doubtful) {
        // What is before the beginning of a character ends with the end of one.
        let (before, rest) = left.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let mut characters = rest.chars();
        match characters.next() {
            Some('\\') => out.extend_from_slice(br"\\"),
            Some('\n') => out.extend_from_slice(br"\n"),
            Some('\r') => out.extend_from_slice(br"\r"),
            Some('\t') => out.extend_from_slice(br"\t"),
            Some(other) => {
                let mut bytes = [0; 4];
                let bytes = other.encode_utf8(&mut bytes).as_bytes();
                if must_be_escaped(other, also) {
                    for byte in bytes {
                        out.extend_from_slice(&hexadecimal(*byte));
                    }
                } else {
                    out.extend_from_slice(bytes);
                }
            }
            None => {}
        }
        left = characters.as_str();
    }
    out.extend_from_slice(left.as_bytes());
}

fn must_be_escaped(character: char, also: u8) -> bool {
    match character {
        '\\' => true,
        '"' => also & QUOTE != 0,
        '|' => also & BAR != 0,
        ' '..='~' => false,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

/// A byte as `\xNN`.
pub(super) const fn hexadecimal(byte: u8) -> [u8; 4] {
    const fn of_half(half: u8) -> u8 {
        half + if half < 10 { b'0' } else { b'a' - 10 }
    }
    [b'\\', b'x', of_half(byte >> 4), of_half(byte & 0xf)]
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
