//! Names as the host writes them: what is outside `A-Za-z0-9._@:/+=,-` is `%XX`.
//!
//! In: an encoded name. Out: the name as an issuer or a directory gave it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A name as its issuer or directory gave it; `None` for what the host would not write.
///
/// A policy needs it only to look *into* a name. Compare names as they are, encoded, and
/// so they may stand in rules.
///
/// ```
/// use warden_sdk::decoded;
/// assert_eq!(decoded("read:cache:%2A").unwrap(), "read:cache:*");
/// assert_eq!(decoded("a%252A").unwrap(), "a%2A", "once, and no more");
/// assert_eq!(decoded("a*"), None);
/// ```
pub fn decoded(name: &str) -> Option<Cow<'_, str>> {
    is_encoded(name)
        .then(|| percent_decode_str(name).decode_utf8().ok())
        .flatten()
}

/// Only characters that a name can hold once the host has encoded it.
pub(crate) fn is_encoded(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@:/+=,-".contains(&b);
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => bytes.next().is_some_and(hexadecimal) && bytes.next().is_some_and(hexadecimal),
            other => plain(other),
        };
        if !good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_would_not_write_is_no_name() {
        for name in ["a b", "%", "%2", "%2g", "%2f", "\u{e9}", "%FF", "%C3"] {
            assert_eq!(decoded(name), None, "{name}");
        }
        assert_eq!(decoded("%C3%A9%25").unwrap(), "\u{e9}%");
        assert_eq!(decoded("").unwrap(), "");
    }
}
