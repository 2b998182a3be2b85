//! How a server splits a line into words: `sdssplitargs` of Valkey 8.0. That of 9.1
//! lets text touch the end of a quote; what passes here means the same to both.

/// The words of a line, or `None` where the server gives up: a quote that never
/// closes, or one that is not followed by white space.
///
/// Outside quotes a backslash is a character like any other. Inside double quotes
/// it begins an escape; inside single quotes it only escapes a single quote.
pub fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r', after @ ..] = rest {
            rest = after;
        }
        // The line is a C string: a NUL ends it.
        if rest.first().is_none_or(|byte| *byte == 0) {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// One word and what follows it.
fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        rest = match rest {
            [] | [0, ..] => return Some((word, rest)),
            [b' ' | b'\n' | b'\r' | b'\t', after @ ..] => return Some((word, after)),
            [b'"', after @ ..] => return ended(word, double(after)?),
            [b'\'', after @ ..] => return ended(word, single(after)?),
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        }
    }
}

/// The rest of a word whose quoted part was just read: nothing may touch its end.
fn ended(mut word: Vec<u8>, (quoted, rest): (Vec<u8>, &[u8])) -> Option<(Vec<u8>, &[u8])> {
    word.extend(quoted);
    match rest.first() {
        None | Some(0 | b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r') => Some((word, rest)),
        Some(_) => None,
    }
}

fn double(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut text = Vec::new();
    loop {
        let (byte, after) = match rest {
            [] | [0, ..] => return None,
            [b'"', after @ ..] => return Some((text, after)),
            [b'\\', b'x', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                let value = hex(*high)? * 16 + hex(*low)?;
                (u8::try_from(value).ok()?, after)
            }
            [b'\\', escaped, after @ ..] if *escaped != 0 => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        text.push(byte);
        rest = after;
    }
}

fn single(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    loop {
        let (byte, after) = match rest {
            [] | [0, ..] => return None,
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [b'\'', after @ ..] => return Some((text, after)),
            [byte, after @ ..] => (*byte, after),
        };
        text.push(byte);
        rest = after;
    }
}
