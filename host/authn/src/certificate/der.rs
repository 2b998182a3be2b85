//! Strict reading of DER, one element at a time (X.690 §8.1, §10.1).
//!
//! In come bytes; out go tags and values that account for every byte, or nothing.
//! Names are read with this: a parser that passes over what it does not understand
//! would make another name of them.

/// Tag of an OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of a SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;
/// Tag of a SET.
pub(crate) const SET: u8 = 0x31;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// Its identifier octet.
    pub(crate) tag: u8,
    /// Its contents octets.
    pub(crate) value: &'a [u8],
    /// All of it, tag and length included.
    pub(crate) whole: &'a [u8],
}

/// The first element and what follows it; `None` when it is malformed, of indefinite
/// length, or its length is not in the shortest form.
pub(crate) fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let has_long_tag = tag & 0x1f == 0x1f;
    if has_long_tag {
        return None;
    }
    let (length, rest) = length(rest)?;
    let (value, rest) = rest.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
    Some((Element { tag, value, whole }, rest))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits
        .iter()
        .fold(0, |length, &digit| length << 8 | usize::from(digit));
    let shortest = length >= 0x80 && digits.first() != Some(&0);
    shortest.then_some((length, rest))
}

/// All elements, to the last byte.
pub(crate) fn all(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = first(bytes)?;
        elements.push(element);
        bytes = rest;
    }
    Some(elements)
}

/// The contents of the one element there is, when it has this tag.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    match first(bytes)? {
        (element, []) if element.tag == tag => Some(element.value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_accounted_for() {
        assert_eq!(only(&[0x0c, 1, b'a'], 0x0c), Some(&b"a"[..]));
        for bad in [
            &[][..],
            &[0x0c],
            &[0x0c, 1],
            &[0x0c, 2, b'a'],
            &[0x0c, 1, b'a', 0],
            &[0x0c, 0x81, 1, b'a'],
            &[0x0c, 0x82, 0, 0x80],
            &[0x0c, 0x80, b'a', 0, 0],
            &[0x0c, 0x85, 0, 0, 0, 0, 1, b'a'],
            &[0x1f, 0x0c, 1, b'a'],
            &[0x13, 1, b'a'],
        ] {
            assert_eq!(only(bad, 0x0c), None, "{bad:?}");
        }
        assert_eq!(all(&[5, 0, 5]), None);
        assert_eq!(all(&[5, 0, 5, 0]).map(|all| all.len()), Some(2));
    }

    proptest! {
        #[test]
        fn what_is_read_is_exactly_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(elements) = all(&bytes) {
                let again: Vec<u8> = elements.iter().flat_map(|element| element.whole.to_vec()).collect();
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
