//! The files that a migration writes: whole or not at all, and none that is there unless that is
//! wanted.

use std::io;
use std::path::Path;

use warden_state::{Existing, write_whole};

use crate::error::Error;

/// Before anything is written.
pub(super) fn refuse_existing(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Ok(_) => Err(already(path)),
        Err(_) => Ok(()),
    }
}

/// Writes one file.
pub(super) fn place(path: &Path, mode: u32, existing: Existing, bytes: &[u8]) -> Result<(), Error> {
    write_whole(path, mode, existing, &[bytes]).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => already(path),
        _ => Error::file(path)(source),
    })
}

fn already(path: &Path) -> Error {
    Error::file(path)(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "is there already; --force replaces it",
    ))
}
