//! The encoding of LDAP: BER with definite lengths (RFC 4511 §5.1).
//!
//! In comes a directory's bytes; out go elements, one after the other, each a slice of
//! them. And the other way round. Never: recursion, which whoever nests elements would
//! let run until the stack ends; a copy; a length that is believed before it is bounded.

/// Longest message taken from a directory, in bytes: bounds what it can make of memory.
pub(super) const MAX_MESSAGE_BYTES: usize = 8 << 20;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Bytes that are not what they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Class, form and number in one byte; longer tags do not occur in LDAP.
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// Elements that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element.
    ///
    /// # Errors
    /// When there is none, or it is cut.
    pub(super) fn next(&mut self) -> Result<Element<'a>, Malformed> {
        let (tag, start, end) = extent(self.0)?.ok_or(Malformed)?;
        let content = self.0.get(start..end).ok_or(Malformed)?;
        self.0 = self.0.get(end..).ok_or(Malformed)?;
        Ok(Element { tag, content })
    }

    /// The content of the next element, which must have this tag.
    ///
    /// # Errors
    /// When it has another, or there is none.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let element = self.next()?;
        (element.tag == tag)
            .then_some(element.content)
            .ok_or(Malformed)
    }

    /// The next element as a number from 0 to 2^31 - 1.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        let content = self.expect(tag)?;
        let is_negative = content.first().is_none_or(|byte| byte & 0x80 != 0);
        if is_negative || content.len() > 4 {
            return Err(Malformed);
        }
        Ok(content
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

/// How long the message is that these bytes begin with; `None` while that cannot be told.
///
/// # Errors
/// When they begin no message, or one that is too long.
pub(super) fn message_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Malformed);
    }
    match extent(bytes)? {
        Some((_, _, end)) if end > MAX_MESSAGE_BYTES => Err(Malformed),
        Some((_, _, end)) => Ok(Some(end)),
        None => Ok(None),
    }
}

/// Tag, and where the content of the first element starts and ends; `None` when the bytes
/// end before that is said.
fn extent(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    // The number of a longer tag follows it.
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    if *first < 0x80 {
        return Ok(Some((*tag, 2, 2 + usize::from(*first))));
    }
    // 0x80 is the indefinite form, which LDAP forbids.
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed);
    }
    let Some(length) = rest.get(..count) else {
        return Ok(None);
    };
    let length = length
        .iter()
        .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    let start = 2 + count;
    let end = start.checked_add(length).ok_or(Malformed)?;
    Ok(Some((*tag, start, end)))
}

/// Writes an element with this content.
pub(super) fn write(to: &mut Vec<u8>, tag: u8, content: &[u8]) {
    let (bytes, count) = length(content.len());
    to.push(tag);
    to.extend(bytes.into_iter().take(count));
    to.extend_from_slice(content);
}

/// Writes a number from 0 on, in as few bytes as can be.
pub(super) fn write_number(to: &mut Vec<u8>, tag: u8, number: u32) {
    let bytes = number.to_be_bytes();
    // The first bit is the sign: one more byte where it is set.
    let skip = bytes
        .iter()
        .zip(bytes.iter().skip(1))
        .take_while(|(byte, next)| **byte == 0 && **next & 0x80 == 0)
        .count();
    let content = bytes.get(skip..).unwrap_or(&bytes);
    if content.first().is_some_and(|byte| byte & 0x80 != 0) {
        to.extend_from_slice(&[tag, 5, 0]);
        to.extend_from_slice(content);
    } else {
        write(to, tag, content);
    }
}

/// Writes an element whose content `fill` writes.
pub(super) fn nest(to: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    to.push(tag);
    let start = to.len();
    fill(to);
    let (bytes, count) = length(to.len() - start);
    to.splice(start..start, bytes.into_iter().take(count));
}

/// The encoding of a length, and how many bytes of it count.
fn length(length: usize) -> ([u8; 5], usize) {
    // No message of ours comes near 2^32 bytes.
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match (a, b, c, d) {
        (0, 0, 0, d) if d < 0x80 => ([d, 0, 0, 0, 0], 1),
        (0, 0, 0, d) => ([0x81, d, 0, 0, 0], 2),
        (0, 0, c, d) => ([0x82, c, d, 0, 0], 3),
        (0, b, c, d) => ([0x83, b, c, d, 0], 4),
        (a, b, c, d) => ([0x84, a, b, c, d], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_come_one_after_the_other_and_end() {
        let bytes = [0x04, 0x02, b'a', b'b', 0x0a, 0x81, 0x01, 0x31];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.expect(OCTET_STRING), Ok(b"ab".as_slice()));
        assert_eq!(reader.number(ENUMERATED), Ok(49));
        assert!(reader.is_empty());
        assert_eq!(reader.next(), Err(Malformed));
    }

    #[test]
    fn what_is_cut_indefinite_or_longer_than_any_number_is_malformed() {
        for bad in [
            &[][..],
            &[0x04],
            &[0x04, 0x02, b'a'],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x04, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x04, 0xff],
            &[0x1f, 0x81, 0x01, 0x00],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(bad).next(), Err(Malformed), "{bad:x?}");
        }
        for bad in [
            &[0x02, 0x00][..],
            &[0x02, 0x01, 0xff],
            &[0x02, 0x05, 0, 0, 0, 0, 1],
        ] {
            assert_eq!(Reader::new(bad).number(INTEGER), Err(Malformed), "{bad:x?}");
        }
    }

    #[test]
    fn a_message_is_waited_for_only_when_it_may_be_one() {
        assert_eq!(message_length(&[]), Ok(None));
        assert_eq!(message_length(&[0x30]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x84, 0, 0]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x84, 0, 0, 1, 0]), Ok(Some(262)));
        assert_eq!(message_length(&[0x30, 0x05]), Ok(Some(7)));
        assert_eq!(message_length(b"HTTP/1.1 400"), Err(Malformed));
        assert_eq!(message_length(&[0x30, 0x84, 0, 0x80, 0, 0]), Err(Malformed));
        assert_eq!(message_length(&[0x30, 0x84, 0xff, 0, 0, 0]), Err(Malformed));
    }

    /// However deep somebody nests them, nothing here goes down with them.
    #[test]
    fn however_deep_elements_nest_they_are_read_as_one() {
        let mut bytes = Vec::new();
        for depth in (1..200_000_u32).rev() {
            bytes.extend_from_slice(&[0x30, 0x84]);
            bytes.extend_from_slice(&(depth * 6).to_be_bytes());
        }
        bytes.extend_from_slice(&[0x30, 0x84, 0, 0, 0, 0]);
        let mut reader = Reader::new(&bytes);
        assert!(reader.next().is_ok());
        assert!(reader.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number in 0..=0x7fff_ffff_u32, text in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = Vec::new();
            nest(&mut bytes, SEQUENCE, |inner| {
                write_number(inner, INTEGER, number);
                nest(inner, SET, |inner| write(inner, OCTET_STRING, &text));
            });
            prop_assert_eq!(message_length(&bytes), Ok(Some(bytes.len())));
            let mut outer = Reader::new(&bytes);
            let mut inner = Reader::new(outer.expect(SEQUENCE).unwrap());
            prop_assert!(outer.is_empty());
            prop_assert_eq!(inner.number(INTEGER), Ok(number));
            let mut set = Reader::new(inner.expect(SET).unwrap());
            prop_assert_eq!(set.expect(OCTET_STRING), Ok(text.as_slice()));
            prop_assert!(inner.is_empty() && set.is_empty());
        }

        #[test]
        fn no_bytes_are_more_than_they_are(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _bounded = message_length(&bytes);
            let mut reader = Reader::new(&bytes);
            let mut left = bytes.len();
            while let Ok(element) = reader.next() {
                prop_assert!(element.content.len() + 2 <= left);
                left -= element.content.len() + 2;
            }
        }
    }
}
