//! What can be wrong with a file that an operator wrote.
//!
//! No message here holds a secret or the content of a file.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Opening, reading or listing failed.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// A directory, pipe, socket or device.
    #[error("is not a regular file")]
    NotRegular,
    /// More bytes than a file of this sort may have.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// The file's mode lets every user of the machine read a secret or change a key.
    #[error("can be {done} by every user of this machine (mode {mode:04o})")]
    Exposed {
        /// `read` or `written`.
        done: &'static str,
        /// Permission bits of the file.
        mode: u32,
    },
    /// Its size, time or inode differed before and after reading.
    #[error("changed while it was being read")]
    Unsettled,
}

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file, or the directory itself when that could not be listed.
    pub file: PathBuf,
    /// Path of the key within the file, for example `claims.name`; empty when
    /// the file as a whole is meant.
    pub key: String,
    /// What is wrong: one line, escaped.
    pub message: String,
    /// Nothing is wrong: it is only not ready, and will be taken without a change.
    pub passes: bool,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: ", self.file)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}
