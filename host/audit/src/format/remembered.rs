//! What stays from line to line: what was last written of a connection, which may have many
//! records in a row, and room to work in.

use super::Format;

/// What stays from line to line of one sink.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The client's [`version`](crate::Client::version), and the format of what was written.
    of: Option<(u64, Format)>,
    written: Vec<u8>,
    /// Where in a line what is to be remembered begins.
    start: usize,
    /// Where a value is while it is quoted.
    aside: Vec<u8>,
}

/// What of that stays allocated: more is given back when the next value is quoted.
const ASIDE_BYTES: usize = 64 * 1024;

impl Remembered {
    /// Writes what was written of this client, if that is known; else it is written now, and
    /// kept by [`Self::keep`].
    pub(super) fn again(&mut self, version: u64, format: Format, line: &mut Vec<u8>) -> bool {
        if self.of == Some((version, format)) {
            line.extend_from_slice(&self.written);
            return true;
        }
        self.of = Some((version, format));
        self.start = line.len();
        false
    }

    /// Keeps what was written since.
    pub(super) fn keep(&mut self, line: &[u8]) {
        self.written.clear();
        let written = line.get(self.start..).unwrap_or_default();
        self.written.extend_from_slice(written);
    }

    /// Copies what stands behind `start`, to be written there in another way.
    pub(super) fn set_aside(&mut self, line: &[u8], start: usize) -> &[u8] {
        self.aside.clear();
        self.aside.shrink_to(ASIDE_BYTES);
        let value = line.get(start..).unwrap_or_default();
        self.aside.extend_from_slice(value);
        &self.aside
    }
}
