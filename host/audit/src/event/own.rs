//! What a sink says about itself.

use serde::{Deserialize, Serialize};

/// A sink began to write.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start<'a> {
    /// Version of warden.
    pub version: &'a str,
    /// Version of the server.
    pub server: &'a str,
    /// Whether what was written before is gone on with.
    pub resumed: bool,
    /// Bytes of a line that a crash left unfinished, taken off.
    pub cut_bytes: u64,
}

/// Records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss<'a> {
    /// Exactly how many.
    pub records: u64,
    /// Why: one of the words below.
    pub cause: &'a str,
}

impl Loss<'static> {
    /// The sink could not write, and no more could wait for it.
    pub const BUFFER_FULL: &'static str = "buffer full";
    /// Its destination was away, and nothing is kept meanwhile.
    pub const DISCONNECTED: &'static str = "disconnected";
    /// Another destination, or another form of lines, was set before they were taken.
    pub const DESTINATION_CHANGED: &'static str = "destination changed";
    /// The server ended, or the sink, before they were written: told at the next start.
    pub const ENDED: &'static str = "not written before the end";
    /// A record was too large to wait anywhere, or its line to be read by anybody.
    pub const TOO_LARGE: &'static str = "too large";
    /// What stands in the place of a record that was too large.
    pub const ONE_TOO_LARGE: Self = Self {
        records: 1,
        cause: Self::TOO_LARGE,
    };
}

/// All records up to here, signed (RFC 8032).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// The public key in hexadecimal, 64 digits.
    pub key: &'a str,
    /// The signature in hexadecimal, 128 digits.
    pub signature: &'a str,
}
