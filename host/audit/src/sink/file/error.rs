//! What can be wrong with a file of records, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file cannot be written to. One line: the file, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path:?}: {what}{}{advice}", if advice.is_empty() { "" } else { "; " })]
pub struct Error {
    path: PathBuf,
    what: String,
    advice: &'static str,
    kind: io::ErrorKind,
}

impl Error {
    pub(super) fn new(path: &Path, what: impl Into<String>, advice: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            what: what.into(),
            advice,
            kind: io::ErrorKind::Other,
        }
    }

    /// What the system said while this was done: `cannot be opened`.
    pub(super) fn system(path: &Path, done: &str, error: &io::Error) -> Self {
        Self {
            path: path.to_owned(),
            what: format!("{done}: {error}"),
            advice: advice(error.kind()),
            kind: error.kind(),
        }
    }

    /// What the system said, as far as it has a kind of its own.
    pub const fn kind(&self) -> io::ErrorKind {
        self.kind
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind, error)
    }
}

const fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull => "free space on that file system, or keep fewer files",
        io::ErrorKind::QuotaExceeded => "raise the quota of the server's user, or keep fewer files",
        io::ErrorKind::FileTooLarge => {
            "raise what the server may write into a file (LimitFSIZE of systemd, ulimit -f), or \
             set rotate_bytes below it"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount that file system for writing",
        io::ErrorKind::PermissionDenied => {
            "let the server's user write to that file and to its directory"
        }
        io::ErrorKind::NotFound => "make the directory, for the server's user",
        io::ErrorKind::NotADirectory => "name a file in a directory",
        _ => "",
    }
}
