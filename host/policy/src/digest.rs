//! SHA-256 over a canonical encoding: every part is preceded by its length.
//!
//! Two different sequences of parts never give the same bytes, so equal digests
//! mean equal parts.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// A SHA-256 digest, shown in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes, as `sha256sum` prints it.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(digest(&SHA256, bytes))
    }

    /// Reads a digest as it is shown; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let nibble = |letter: u8| match letter {
            b'0'..=b'9' => Some(letter - b'0'),
            b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let pairs: &[[u8; 2]; 32] = pairs.try_into().ok().filter(|_| rest.is_empty())?;
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<aws_lc_rs::digest::Digest> for Digest {
    fn from(digest: aws_lc_rs::digest::Digest) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 is 32 bytes long; zip copies all of them.
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Small parts are gathered up to so many bytes: each part that is handed on by itself
/// costs more than it takes to digest it, and every log-in has a dozen.
const GATHERED: usize = 1024;

/// Takes the parts of what is digested, one after the other.
pub(crate) struct Digester {
    gathered: [u8; GATHERED],
    /// How many of its bytes are taken.
    length: usize,
    /// What is digested already.
    begun: Option<Context>,
}

impl Digester {
    /// Begins with the name of what is digested.
    pub(crate) fn new(purpose: &str) -> Self {
        let mut digester = Self {
            gathered: [0; GATHERED],
            length: 0,
            begun: None,
        };
        digester.bytes(purpose.as_bytes());
        digester
    }

    /// A byte string or text.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.add(bytes);
    }

    /// A list of texts.
    pub(crate) fn list(&mut self, items: &[String]) {
        self.count(items.len());
        for item in items {
            self.bytes(item.as_bytes());
        }
    }

    /// How many parts follow.
    pub(crate) fn count(&mut self, count: usize) {
        self.add(&(count as u64).to_be_bytes());
    }

    /// Which alternative follows.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.add(&[tag]);
    }

    fn add(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.gathered.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
            return;
        }
        let (gathered, _) = self.gathered.split_at(self.length);
        let context = self.begun.get_or_insert_with(|| Context::new(&SHA256));
        context.update(gathered);
        context.update(bytes);
        self.length = 0;
    }

    /// Ends.
    pub(crate) fn finish(self) -> Digest {
        let (gathered, _) = self.gathered.split_at(self.length);
        match self.begun {
            None => Digest::of(gathered),
            Some(mut context) => {
                context.update(gathered);
                context.finish().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_what_sha256sum_prints() {
        assert_eq!(
            Digest::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn reads_what_it_shows_and_nothing_else() {
        let shown = Digest::of(b"abc").to_string();
        assert_eq!(Digest::parse(&shown), Some(Digest::of(b"abc")));
        for other in [
            "",
            &shown[1..],
            &format!("{shown}0"),
            &shown.to_uppercase(),
            &shown.replace('b', "é"),
        ] {
            assert_eq!(Digest::parse(other), None, "{other}");
        }
    }

    fn digest(lists: &[Vec<String>]) -> Digest {
        let mut digester = Digester::new("test");
        digester.count(lists.len());
        lists.iter().for_each(|list| digester.list(list));
        digester.finish()
    }

    #[test]
    fn parts_of_any_length_are_digested_in_their_order() {
        let parts = [10, 600, 600, 5000, 3, 1024, 0, 1025].map(|length| vec![b'x'; length]);
        let mut digester = Digester::new("test");
        let mut whole = Vec::new();
        for part in std::iter::once(&b"test".to_vec()).chain(&parts) {
            whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
            whole.extend_from_slice(part);
        }
        parts.iter().for_each(|part| digester.bytes(part));
        assert_eq!(digester.finish(), Digest::of(&whole));
    }

    proptest! {
        #[test]
        fn parts_are_digested_as_if_they_were_one(lengths in proptest::collection::vec(prop_oneof![0_usize..40, 980_usize..1040, Just(1004_usize)], 0..8)) {
            let mut digester = Digester::new("test");
            let mut whole = 4_u64.to_be_bytes().to_vec();
            whole.extend_from_slice(b"test");
            for (part, length) in (b'a'..).zip(lengths) {
                let part = vec![part; length];
                digester.bytes(&part);
                whole.extend_from_slice(&(length as u64).to_be_bytes());
                whole.extend_from_slice(&part);
            }
            prop_assert_eq!(digester.finish(), Digest::of(&whole));
        }

        #[test]
        fn different_parts_give_different_digests(
            a in proptest::collection::vec(proptest::collection::vec("[ab]{0,3}", 0..3), 0..3),
            b in proptest::collection::vec(proptest::collection::vec("[ab]{0,3}", 0..3), 0..3),
        ) {
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }
    }
}
