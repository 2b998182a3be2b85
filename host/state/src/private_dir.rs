//! The state directory and files in it: ours alone, or not used.
//!
//! Files are created 0600 under a temporary name and renamed into place;
//! reading checks owner, mode, kind and size of what was opened, not of a path.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, Timespec, Timestamps, UTIME_NOW, utimensat};

use crate::whole_file::{Existing, write_whole};

/// A file or directory of the state directory that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} {problem}")]
pub struct Error {
    /// Which one.
    pub path: PathBuf,
    /// Why, and what to do about it.
    pub problem: String,
}

impl Error {
    /// An error about this path.
    pub fn new(path: &Path, problem: String) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }
}

/// A directory that only our own user can enter.
pub struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Creates it with mode 0700 where it is missing, then checks it.
    ///
    /// # Errors
    /// When it is not a directory of ours with mode 0700.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if let Err(error) = DirBuilder::new().mode(0o700).create(path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(Error::new(path, format!("cannot be created: {error}")));
        }
        let dir = Self(path.to_owned());
        dir.check()?;
        Ok(dir)
    }

    /// Checks again that nobody else can have put files into it.
    ///
    /// # Errors
    /// When it is not a directory of ours with mode 0700.
    pub fn check(&self) -> Result<(), Error> {
        let found =
            std::fs::symlink_metadata(&self.0).map_err(|e| Error::new(&self.0, e.to_string()))?;
        if !found.is_dir() {
            return Err(Error::new(
                &self.0,
                "is not a directory (a symbolic link is not followed)".into(),
            ));
        }
        ours(&found, 0o700).map_err(|e| Error::new(&self.0, e))
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a file of ours; `None` when there is none.
    ///
    /// # Errors
    /// When it is not a regular file of ours with mode 0600, or over `bound` bytes.
    pub fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&path);
        match file {
            Ok(file) => read_ours(file, bound)
                .map(Some)
                .map_err(|e| Error::new(&path, e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::new(&path, e.to_string())),
        }
    }

    /// Writes a file whole or not at all, replacing one of that name.
    ///
    /// # Errors
    /// When it cannot be written or renamed into place.
    pub fn replace(&self, name: &str, parts: &[&[u8]]) -> Result<(), Error> {
        let path = self.path(name);
        write_whole(&path, 0o600, Existing::Replaced, parts)
            .map_err(|e| Error::new(&path, e.to_string()))
    }

    /// Waits until the names of files that were replaced or created are on disk, too: after
    /// a loss of power they are there.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), Error> {
        File::open(&self.0)
            .and_then(|dir| dir.sync_all())
            .map_err(|e| Error::new(&self.0, e.to_string()))
    }

    /// Notes that a file was used now: as its time of modification.
    ///
    /// # Errors
    /// When there is none, or the system refuses.
    pub fn touch(&self, name: &str) -> Result<(), Error> {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        let path = self.path(name);
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| Error::new(&path, e.to_string()))
    }

    /// Writes a file unless there is one of that name already.
    ///
    /// # Errors
    /// When it cannot be written or linked into place.
    pub fn create(&self, name: &str, parts: &[&[u8]]) -> Result<(), Error> {
        let path = self.path(name);
        match write_whole(&path, 0o600, Existing::Kept, parts) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            written => written.map_err(|e| Error::new(&path, e.to_string())),
        }
    }
}

fn read_ours(file: File, bound: u64) -> Result<Vec<u8>, String> {
    let found = file.metadata().map_err(|e| e.to_string())?;
    if !found.is_file() {
        return Err("is not a regular file".into());
    }
    ours(&found, 0o600)?;
    let mut bytes = Vec::new();
    let read = file
        .take(bound.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    if read as u64 > bound {
        return Err(format!("is larger than {bound} bytes"));
    }
    Ok(bytes)
}

/// Adds bytes to the end of a file that only our own user can read or write, and makes it
/// where there is none.
///
/// # Errors
/// When it is a link, no regular file, somebody else's or open to others.
pub fn append_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let problem = |why: String| Error::new(path, why);
    let mut file = opened.map_err(|e| problem(e.to_string()))?;
    let found = file.metadata().map_err(|e| problem(e.to_string()))?;
    if !found.is_file() {
        return Err(problem("is not a regular file".into()));
    }
    ours(&found, 0o600).map_err(problem)?;
    file.write_all(bytes).map_err(|e| problem(e.to_string()))
}

fn ours(found: &Metadata, mode: u32) -> Result<(), String> {
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        return Err(format!(
            "belongs to user id {}, not to ours ({us})",
            found.uid()
        ));
    }
    let open = found.mode() & 0o777 & !mode;
    if open != 0 {
        return Err(format!(
            "is open to others (mode {:04o}); make it {mode:04o}",
            found.mode() & 0o7777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_open_to_others_is_refused_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        PrivateDir::open(&path).unwrap();
        chmod(&path, 0o750);
        let Err(error) = PrivateDir::open(&path) else {
            panic!("accepted");
        };
        assert!(error.to_string().contains("make it 0700"), "{error}");
    }

    #[test]
    fn a_symbolic_link_is_no_state_directory_and_no_state_file() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real");
        let link = root.path().join("link");
        let dir = PrivateDir::open(&real).unwrap();
        symlink(&real, &link).unwrap();
        assert!(PrivateDir::open(&link).is_err());

        dir.replace("a", &[b"x"]).unwrap();
        symlink(real.join("a"), real.join("b")).unwrap();
        assert_eq!(dir.read("a", 10).unwrap().as_deref(), Some(&b"x"[..]));
        assert!(dir.read("b", 10).is_err());
    }

    #[test]
    fn only_what_is_ours_alone_is_added_to() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        append_private(&path, b"x").unwrap();
        append_private(&path, b"y").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"xy");
        let link = root.path().join("link");
        symlink(&path, &link).unwrap();
        append_private(&link, b"z").unwrap_err();
        chmod(&path, 0o640);
        let open = append_private(&path, b"z").unwrap_err().to_string();
        assert!(open.contains("make it 0600"), "{open}");
        let pipe = root.path().join("pipe");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(CWD, &pipe, kind, 0o600.into(), 0).unwrap();
        append_private(&pipe, b"z").unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"xy");
    }

    #[test]
    fn a_file_others_can_write_or_read_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let dir = PrivateDir::open(&root.path().join("state")).unwrap();
        dir.replace("a", &[b"x", b"y"]).unwrap();
        chmod(&dir.path("a"), 0o640);
        assert!(dir.read("a", 10).is_err());
        chmod(&dir.path("a"), 0o600);
        assert!(dir.read("a", 1).is_err(), "over the bound");
        assert!(dir.read("missing", 1).unwrap().is_none());
    }

    #[test]
    fn creating_never_replaces_and_leaves_no_temporary_file() {
        let root = tempfile::tempdir().unwrap();
        let dir = PrivateDir::open(&root.path().join("state")).unwrap();
        dir.create("a", &[b"1"]).unwrap();
        dir.create("a", &[b"2"]).unwrap();
        assert_eq!(dir.read("a", 10).unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(std::fs::read_dir(dir.path("")).unwrap().count(), 1);
    }
}
