//! What stands before the value of a field.
//!
//! In: a field's name, when this is compiled. Out: the same bytes at the end of a line. A line
//! has some twenty of them: a copy of a length that is known beforehand takes a few instructions
//! where any other calls a function, so that more is copied than there is, and taken off again.

/// No beginning is longer.
const MOST_BYTES: usize = 32;

/// The beginning of a field.
pub(super) struct Start {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl Start {
    /// Does not compile when it is too long.
    pub(super) const fn of(text: &str) -> Self {
        let mut bytes = [0; MOST_BYTES];
        let (start, _) = bytes.split_at_mut(text.len());
        start.copy_from_slice(text.as_bytes());
        Self {
            bytes,
            length: text.len(),
        }
    }

    /// Appends it; without its first byte, which stands between two fields, where `is_first`.
    pub(super) fn put(&self, line: &mut Vec<u8>, is_first: bool) {
        if is_first {
            let bytes = self.bytes.get(1..self.length);
            line.extend_from_slice(bytes.unwrap_or_default());
        } else {
            line.extend_from_slice(&self.bytes);
            line.truncate(line.len() - (MOST_BYTES - self.length));
        }
    }
}
