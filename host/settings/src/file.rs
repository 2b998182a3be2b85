//! Reading one small file whole, or not at all.
//!
//! In comes a path and a bound; out come the bytes of a regular file that did not
//! change while it was read. Symbolic links are followed (mounted secrets and
//! configuration maps are links); a pipe or device is never opened.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use warden_core::Timestamp;
use zeroize::Zeroizing;

use crate::Error;

/// The flag of open(2), as the standard library takes it.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Who may know what the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone may read it, but not everyone may write it.
    Public,
    /// Not readable by every user of the machine either.
    Secret,
}

/// Reads a file of at most `limit_bytes`.
///
/// # Errors
/// Everything that leaves a doubt about the content: see [`Error`].
pub fn read(path: &Path, limit_bytes: u64, access: Access) -> Result<Zeroizing<Vec<u8>>, Error> {
    let before = fs::metadata(path).map_err(unreadable)?;
    check(&before, limit_bytes, access)?;
    // Should a pipe have taken its place since, this does not wait for a writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NONBLOCK)
        .open(path)
        .map_err(unreadable)?;
    let capacity = usize::try_from(before.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    (&file)
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let after = file.metadata().map_err(unreadable)?;
    check(&after, limit_bytes, access)?;
    if identity(&before) != identity(&after) || u64::try_from(bytes.len()) != Ok(after.len()) {
        return Err(Error::Unsettled);
    }
    Ok(bytes)
}

/// When a file was last written, as far as the file system tells.
pub fn last_change(path: &Path) -> Option<Timestamp> {
    let seconds = fs::metadata(path).ok()?.mtime();
    Some(Timestamp::from_unix_seconds(u64::try_from(seconds).ok()?))
}

fn check(metadata: &Metadata, limit_bytes: u64, access: Access) -> Result<(), Error> {
    if !metadata.is_file() {
        return Err(Error::NotRegular);
    }
    if metadata.len() > limit_bytes {
        return Err(Error::TooLarge(limit_bytes));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(Error::Exposed {
            done: "written",
            mode,
        });
    }
    if access == Access::Secret && mode & 0o004 != 0 {
        return Err(Error::Exposed { done: "read", mode });
    }
    Ok(())
}

/// What differs when a file was replaced or written to.
fn identity(metadata: &Metadata) -> (u64, u64, u64, i64, i64) {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

fn unreadable(error: io::Error) -> Error {
    Error::Unreadable(error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn write(mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"12345").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_file_over_its_limit_is_refused_rather_than_cut() {
        let file = write(0o600);
        assert_eq!(*read(file.path(), 5, Access::Secret).unwrap(), b"12345");
        assert_eq!(
            read(file.path(), 4, Access::Secret).unwrap_err(),
            Error::TooLarge(4)
        );
    }

    #[test]
    fn a_secret_everyone_may_read_is_refused() {
        let file = write(0o644);
        assert!(read(file.path(), 5, Access::Public).is_ok());
        let error = read(file.path(), 5, Access::Secret).unwrap_err();
        assert_eq!(
            error.to_string(),
            "can be read by every user of this machine (mode 0644)"
        );
    }

    #[test]
    fn a_file_everyone_may_write_is_refused() {
        let file = write(0o602);
        assert!(matches!(
            read(file.path(), 5, Access::Public),
            Err(Error::Exposed {
                done: "written",
                ..
            })
        ));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            read(directory.path(), 5, Access::Public).unwrap_err(),
            Error::NotRegular
        );
        assert!(matches!(
            read(&directory.path().join("none"), 5, Access::Public),
            Err(Error::Unreadable(_))
        ));
    }
}
