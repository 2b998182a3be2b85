//! SHA-256 over a canonical encoding: every part is preceded by its length.
//!
//! Two different sequences of parts never give the same bytes, so equal digests
//! mean equal parts.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 digest, shown in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes, as `sha256sum` prints it.
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finished(context)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn finished(context: Context) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 is 32 bytes long; zip copies all of them.
        for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
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

/// Takes the parts of what is digested, one after the other.
pub(crate) struct Digester(Context);

impl Digester {
    /// Begins with the name of what is digested.
    pub(crate) fn new(purpose: &str) -> Self {
        let mut digester = Self(Context::new(&SHA256));
        digester.bytes(purpose.as_bytes());
        digester
    }

    /// A byte string or text.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
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
        self.0.update(&(count as u64).to_be_bytes());
    }

    /// Which alternative follows.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.0.update(&[tag]);
    }

    /// Ends.
    pub(crate) fn finish(self) -> Digest {
        Digest::finished(self.0)
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

    fn digest(lists: &[Vec<String>]) -> Digest {
        let mut digester = Digester::new("test");
        digester.count(lists.len());
        lists.iter().for_each(|list| digester.list(list));
        digester.finish()
    }

    proptest! {
        #[test]
        fn different_parts_give_different_digests(
            a in proptest::collection::vec(proptest::collection::vec("[ab]{0,3}", 0..3), 0..3),
            b in proptest::collection::vec(proptest::collection::vec("[ab]{0,3}", 0..3), 0..3),
        ) {
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }
    }
}
