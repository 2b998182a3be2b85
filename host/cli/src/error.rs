//! What can go wrong on the command line. No message holds key material.

use std::io;
use std::path::PathBuf;

/// Why a command failed; shown behind `warden: `.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read or written.
    #[error("{path:?}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key that cannot be used; the text says why and what is accepted.
    #[error("{path:?}: {why}")]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Arguments that do not fit together or cannot be read.
    #[error("{0}")]
    Usage(String),
    /// A token that is not one; the text says why.
    #[error("{0}")]
    NotAToken(String),
    /// Signing or making a key failed.
    #[error("{0}")]
    Crypto(String),
    /// Standard input or output failed.
    #[error("{0}")]
    Stream(#[from] io::Error),
}
