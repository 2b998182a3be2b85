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
    /// Why: `buffer full`, `disconnected`, `not written before the end`.
    pub cause: &'a str,
}

/// All records up to here, signed (RFC 8032).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// The public key in hexadecimal, 64 digits.
    pub key: &'a str,
    /// The signature in hexadecimal, 128 digits.
    pub signature: &'a str,
}
