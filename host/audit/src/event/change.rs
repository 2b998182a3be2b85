//! What was one way and is another: settings, users, files.

use serde::{Deserialize, Serialize};

use super::Argument;

/// Something that had one value and has another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change<'a> {
    /// The setting's or user's name.
    #[serde(borrow, with = "serde_bytes")]
    pub name: &'a [u8],
    /// Its value before; none where it was not there.
    #[serde(borrow)]
    pub before: Option<Argument<'a>>,
    /// Its value now; none where it is gone.
    #[serde(borrow)]
    pub after: Option<Argument<'a>>,
}

/// Files of a directory were read anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload<'a> {
    /// `policies`, `authenticators` or `sinks`.
    pub what: &'a str,
    /// The generation in force now.
    pub generation: u64,
    /// Its digest in hexadecimal; empty without.
    pub digest: &'a str,
    /// Names that were not in force before.
    #[serde(borrow)]
    pub added: Vec<&'a str>,
    /// Names in force as before, with other files.
    #[serde(borrow)]
    pub changed: Vec<&'a str>,
    /// Names no longer in force.
    #[serde(borrow)]
    pub removed: Vec<&'a str>,
    /// What is wrong; what it concerns is in force as before.
    #[serde(borrow)]
    pub errors: Vec<&'a str>,
}
