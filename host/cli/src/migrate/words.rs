//! One line of a server's configuration, divided into words as the server divides it.
//!
//! Words stand between white space. In `"…"` a backslash escapes: `\n`, `\r`, `\t`, `\b`, `\a`,
//! `\xHH`, and any other character as itself; in `'…'` only `\'` does. There are no comments
//! behind a value: `#` is a word like another. A word goes on behind a closing quote, as for
//! servers of 9.1; those of 8.0 do not start with such a line.

use zeroize::Zeroizing;

/// A word; it may be a password.
pub(super) type Word = Zeroizing<Vec<u8>>;

/// A quote that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// The words of a line.
pub(super) fn split(line: &[u8]) -> Result<Vec<Word>, Unbalanced> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        match rest {
            [] => return Ok(words),
            [space, after @ ..] if is_space(*space) => rest = after,
            _ => {
                // As long as it can become: it is never copied to another place.
                let mut word = Zeroizing::new(Vec::with_capacity(rest.len()));
                rest = take(rest, &mut word)?;
                words.push(word);
            }
        }
    }
}

/// Words as one value: with one space between them, as the server makes one of them.
pub(super) fn joined(words: &[Word]) -> Option<Zeroizing<String>> {
    let length = words.iter().map(|word| word.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(
            std::str::from_utf8(word)
                .ok()
                .filter(|word| !word.contains('\0'))?,
        );
    }
    Some(text)
}

/// Takes one word off the beginning.
fn take<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] => return Ok(rest),
            [space, ..] if is_space(*space) => return Ok(rest),
            [b'"', after @ ..] => rest = take_double(after, word)?,
            [b'\'', after @ ..] => rest = take_single(after, word)?,
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn take_double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] => return Err(Unbalanced),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn take_single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        match rest {
            [] => return Err(Unbalanced),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => byte.wrapping_sub(b'0') & 0x0f,
    }
}

/// White space of the C locale.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let words = split(line.as_bytes()).unwrap_or_else(|_| panic!("unbalanced: {line}"));
        words
            .iter()
            .map(|word| String::from_utf8(word.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn words_are_divided_and_unquoted_as_the_server_does() {
        let table: [(&str, &[&str]); 16] = [
            ("", &[]),
            (" \t ", &[]),
            ("a  b\tc", &["a", "b", "c"]),
            ("a \x0bb\x0c", &["a", "b"]),
            (r#"a "b c""#, &["a", "b c"]),
            (r#"a """#, &["a", ""]),
            (r#"a ''"#, &["a", ""]),
            (r#"a b"c d""#, &["a", "bc d"]),
            (r#"a "\x41\n\t\"\\\q""#, &["a", "A\n\t\"\\q"]),
            (r#"a "\xZZ""#, &["a", "xZZ"]),
            (r"a 'b \'c\' \n'", &["a", r"b 'c' \n"]),
            (r#"a b'c'd"e""#, &["a", "bcde"]),
            (r#"a 'b'"" c"#, &["a", "b", "c"]),
            ("a b # c", &["a", "b", "#", "c"]),
            (r"a cn=x\,y", &["a", r"cn=x\,y"]),
            (r#"a "\xc3\xa9""#, &["a", "é"]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_refused() {
        for line in [
            r#"a "b"#,
            "a 'b",
            r#"a "b\"#,
            r#"a "b\""#,
            r"a 'b\'",
            r#"a 'b' ""#,
        ] {
            assert_eq!(split(line.as_bytes()).unwrap_err(), Unbalanced, "{line}");
        }
    }
}
