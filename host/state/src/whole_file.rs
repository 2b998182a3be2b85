//! Files that are there whole or not at all.
//!
//! In: a path, bytes and a mode. Out: the file, written and synced under a temporary name
//! of the same directory that begins with a dot, then put in its place.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing is an error of kind `AlreadyExists`.
    Kept,
    /// It is replaced.
    Replaced,
}

/// Writes a file whole or not at all, with at most this mode from its first byte on.
///
/// # Errors
/// When it cannot be written or put in its place; then nothing has changed.
pub fn write_whole(path: &Path, mode: u32, existing: Existing, parts: &[&[u8]]) -> io::Result<()> {
    let aside = aside(path)?;
    // A file of that name can only be left over from a process with our number.
    let _ = fs::remove_file(&aside);
    let placed = write(&aside, mode, parts).and_then(|()| match existing {
        Existing::Replaced => fs::rename(&aside, path),
        Existing::Kept => fs::hard_link(&aside, path),
    });
    if placed.is_err() || existing == Existing::Kept {
        let removed = fs::remove_file(&aside);
        // The first error is the one to report.
        return placed.and(removed);
    }
    placed
}

fn aside(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let name = name.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id())))
}

fn write(path: &Path, mode: u32, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_is_there_is_replaced_only_when_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        write_whole(&path, 0o600, Existing::Kept, &[b"1", b"2"]).unwrap();
        let error = write_whole(&path, 0o600, Existing::Kept, &[b"3"]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"12");
        write_whole(&path, 0o600, Existing::Replaced, &[b"3"]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_placed_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        fs::create_dir(&path).unwrap();
        assert!(write_whole(&path, 0o600, Existing::Replaced, &[b"1"]).is_err());
        assert!(write_whole(&path, 0o600, Existing::Kept, &[b"1"]).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
