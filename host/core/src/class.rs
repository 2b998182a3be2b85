//! A session's class: sessions that every policy must treat alike.

use std::fmt;

/// Digest of (authenticator, name, projected request).
///
/// Two sessions of one class are indistinguishable to the policies in force, so
/// they share one Valkey user and one decision. Made by the policy room only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassKey([u8; 32]);

impl ClassKey {
    /// Wraps a 256-bit digest.
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ClassKey {
    /// The first 8 bytes in hexadecimal: enough to tell classes apart for a reader.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassKey({self})")
    }
}
