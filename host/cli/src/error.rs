//! What can go wrong on the command line. No message holds key material or a
//! password.

use std::io;
use std::path::{Path, PathBuf};

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
    /// A server that cannot be reached, or does not let us in.
    #[error("{0}")]
    Server(String),
    /// Policies that could not be compared, or not for sure, so that what changes is not known.
    #[error("{0}")]
    NotCompared(String),
    /// Records that cannot be read, so that nothing is known of them.
    #[error("{0}")]
    Records(String),
    /// A token that is not one; the text says why.
    #[error("{0}")]
    NotAToken(String),
    /// Signing or making a key failed.
    #[error("{0}")]
    Crypto(String),
    /// Nothing can be done with policies here; the text says why.
    #[error("{0}")]
    Policy(#[from] warden_policy::Error),
    /// A policy's project that cannot be made or built; the text says why and what to do.
    #[error("{0}")]
    Project(String),
    /// A file that is to be ours alone is not.
    #[error(transparent)]
    NotOurs(#[from] warden_state::Error),
    /// Standard input or output failed.
    #[error("{0}")]
    Stream(#[from] io::Error),
}

impl Error {
    /// What the system said of a file, as an error that names it.
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// The exit status: 2 for wrong usage, for a server that was not reached and for
    /// policies that were not compared or records that were not read, so that nobody takes any of them for an answer.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Server(_) | Self::NotCompared(_) | Self::Records(_) => 2,
            _ => 1,
        }
    }
}
