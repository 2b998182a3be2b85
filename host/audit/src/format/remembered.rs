//! What was last written of a connection: it may have many records in a row.

use super::Format;

/// The part of a line that tells of a connection, to be written once more.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The client's [`version`](crate::Client::version), and the format of what was written.
    of: Option<(u64, Format)>,
    written: Vec<u8>,
    /// Where in a line what is to be remembered begins.
    start: usize,
}

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
}
