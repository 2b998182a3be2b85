//! One open file, checked, and whole lines at its end.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, fcntl_lock};

use super::error::Error;

/// Who may do what with it: the server's user writes, the group reads.
const MODE: u32 = 0o640;

/// A regular file of ours that nobody else writes to.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// Device and number: what a rename does not change.
    identity: (u64, u64),
    /// Where it has to be cut back to first, because that failed before.
    ragged: Option<u64>,
}

impl Opened {
    /// Opens it for appending, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        check_kind(path)?;
        let opened = match Self::take(path, false) {
            Err((ErrorKind::NotFound, _)) => match Self::take(path, true) {
                // Somebody made it meanwhile, as logrotate does.
                Err((ErrorKind::AlreadyExists, _)) => Self::take(path, false),
                made => made,
            },
            opened => opened,
        };
        opened.map_err(|(_, error)| error)
    }

    fn take(path: &Path, is_new: bool) -> Result<Self, (ErrorKind, Error)> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(is_new)
            .mode(MODE)
            .custom_flags(flags.bits().cast_signed())
            .open(path);
        let done = if is_new {
            "cannot be made"
        } else {
            "cannot be opened"
        };
        let file = opened.map_err(|e| (e.kind(), Error::system(path, done, &e)))?;
        Self::check(path, file, is_new).map_err(|error| (ErrorKind::Other, error))
    }

    fn check(path: &Path, file: File, is_new: bool) -> Result<Self, Error> {
        let system = |done| move |e: io::Error| Error::system(path, done, &e);
        let found = file.metadata().map_err(system("cannot be looked at"))?;
        if !found.is_file() {
            return Err(not_regular(path));
        }
        let us = rustix::process::geteuid().as_raw();
        if found.uid() != us {
            let what = format!("belongs to user id {}, not to ours ({us})", found.uid());
            return Err(Error::new(
                path,
                what,
                "give it to the server's user, or move it away",
            ));
        }
        // What the umask took from a new file is given; what an old one has too much is taken.
        let mode = if is_new { MODE } else { found.mode() & MODE };
        if found.mode() & 0o7777 != mode {
            let mode = fs::Permissions::from_mode(mode);
            file.set_permissions(mode)
                .map_err(system("cannot be closed to others"))?;
        }
        // A lock of the process: a child that is saving does not hold it after our end.
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            if errno == rustix::io::Errno::AGAIN || errno == rustix::io::Errno::ACCESS {
                let what = "another process writes to it";
                Error::new(
                    path,
                    what,
                    "give each server and each sink a file of its own",
                )
            } else {
                Error::system(path, "cannot be locked", &errno.into())
            }
        })?;
        Ok(Self {
            identity: identity(&found),
            file,
            ragged: None,
        })
    }

    /// Whether the path still leads to it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == self.identity)
    }

    /// Bytes in it.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// When it was last written to, in seconds since 1970; `None` where nothing is in it.
    pub(super) fn last_change_seconds(&self) -> Option<u64> {
        let found = self.file.metadata().ok().filter(|found| found.len() > 0)?;
        u64::try_from(found.mtime()).ok()
    }

    /// Appends whole lines. After an error those of the answered number of bytes are in it,
    /// whole, and of the next one nothing.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        self.mend().map_err(|error| (0, error))?;
        let mut written = 0;
        let error = loop {
            let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) else {
                return Ok(());
            };
            match self.file.write(rest) {
                Ok(0) => break ErrorKind::WriteZero.into(),
                Ok(count) => written = written.saturating_add(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        let done = lines.get(..written).unwrap_or_default();
        let whole = done.iter().rposition(|&byte| byte == b'\n');
        let whole = whole.map_or(0, |place| place.saturating_add(1));
        self.cut(written.saturating_sub(whole));
        Err((whole, error))
    }

    /// Takes bytes off the end; where that fails, the next append does it first.
    fn cut(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if bytes == 0 {
            return;
        }
        if let Ok(length) = self.length() {
            self.ragged = Some(length.saturating_sub(bytes));
            // Tried again before anything is written.
            let _ = self.mend();
        }
    }

    fn mend(&mut self) -> io::Result<()> {
        if let Some(end) = self.ragged {
            // Somebody may have emptied it meanwhile: it never grows by this.
            self.file.set_len(end.min(self.length()?))?;
            self.ragged = None;
        }
        Ok(())
    }
}

/// Opens a regular file of ours to look into it; `None` where it is none.
pub(super) fn open_to_read(path: &Path) -> Option<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).ok()?;
    let found = file.metadata().ok()?;
    let us = rustix::process::geteuid().as_raw();
    (found.is_file() && found.uid() == us).then_some(file)
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Refuses what is there and no regular file, before it is opened.
fn check_kind(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(Error::new(
            path,
            "is a symbolic link, which is not followed",
            "name the file itself",
        )),
        Ok(found) if !found.is_file() => Err(not_regular(path)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::system(path, "cannot be looked at", &error)),
    }
}

fn not_regular(path: &Path) -> Error {
    Error::new(
        path,
        "is not a regular file",
        "name a file, or move that away",
    )
}
