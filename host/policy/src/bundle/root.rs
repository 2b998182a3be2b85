//! A directory of which files are read that lie in it, and no others.
//!
//! In: a directory, opened once, and paths whose links lead to somewhere in it. Out: what
//! lies there, opened. Between the two nothing is believed: no link is followed any more,
//! at no place of the path, so that whoever swaps a directory for a link in time gets an
//! error and not another file.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

/// What every open of ours says; `NOFOLLOW` holds for the last part of a name, and each
/// part is opened by itself.
const ALWAYS: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
/// A directory on the way, for which the right to look for names in it is enough.
const ON_THE_WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// An open directory.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens a directory; links that lead to it are followed.
    ///
    /// # Errors
    /// When there is none, or it cannot be entered.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = ON_THE_WAY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty())?;
        // Another one by now only has no file at the same place.
        let path = path.canonicalize()?;
        Ok(Self { dir, path })
    }

    /// Where a path leads, from this directory on, links followed; `None`: out of it.
    ///
    /// # Errors
    /// When it leads nowhere.
    pub fn inside(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let real = path.canonicalize()?;
        Ok(real.strip_prefix(&self.path).ok().map(Path::to_owned))
    }

    /// Opens a directory in this one by what [`inside`](Self::inside) told.
    ///
    /// # Errors
    /// When that is no directory, and when there is a link in its place, or on the way.
    pub fn directory(&self, inside: &Path) -> io::Result<OwnedFd> {
        self.walk(inside, ON_THE_WAY)
    }

    /// The same of what is to be read.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn file(&self, inside: &Path) -> io::Result<OwnedFd> {
        // NONBLOCK: a FIFO must not hold us.
        self.walk(inside, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    fn walk(&self, inside: &Path, last: OFlags) -> io::Result<OwnedFd> {
        let mut reached: Option<OwnedFd> = None;
        let mut parts = inside.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let flags = parts.peek().map_or(last, |_| ON_THE_WAY);
            let at = reached.as_ref().unwrap_or(&self.dir).as_fd();
            reached = Some(openat(at, name, flags | ALWAYS, Mode::empty())?);
        }
        reached.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_a_link_by_the_time_it_is_opened_is_not_followed() {
        let around = tempfile::tempdir().unwrap();
        let (dir, secrets) = (around.path().join("policies"), around.path().join("s"));
        for made in ["a.d/eu", "b.d"] {
            fs::create_dir_all(dir.join(made)).unwrap();
        }
        fs::create_dir_all(secrets.join("eu")).unwrap();
        fs::write(dir.join("a.d/eu/roles.toml"), b"ours").unwrap();
        fs::write(secrets.join("eu/roles.toml"), b"theirs").unwrap();
        symlink("../a.d", dir.join("b.d/link")).unwrap();
        let root = Root::open(&dir).unwrap();
        let linked = dir.join("b.d/link/eu/roles.toml");
        let inside = root.inside(&linked).unwrap().unwrap();
        assert_eq!(inside, Path::new("a.d/eu/roles.toml"));
        let read = |inside: &Path| {
            let mut text = String::new();
            let mut file = fs::File::from(root.file(inside)?);
            file.read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(&inside).unwrap(), "ours");
        let directory = Path::new("a.d/eu");
        assert!(root.directory(directory).is_ok());

        for (place, target) in [
            ("a.d/eu/roles.toml", secrets.join("eu/roles.toml")),
            ("a.d/eu", secrets.join("eu")),
            ("a.d", secrets.clone()),
        ] {
            let (place, moved) = (dir.join(place), around.path().join("moved"));
            fs::rename(&place, &moved).unwrap();
            symlink(target, &place).unwrap();
            assert!(fs::read(&linked).unwrap() == b"theirs", "{place:?}");
            assert!(read(&inside).is_err(), "{place:?}");
            let is_above = !place.ends_with("roles.toml");
            assert_eq!(root.directory(directory).is_err(), is_above, "{place:?}");
            fs::remove_file(&place).unwrap();
            fs::rename(&moved, &place).unwrap();
        }
        assert_eq!(read(&inside).unwrap(), "ours");
        for other in ["", "..", "../s/eu/roles.toml", "/etc/hostname"] {
            assert!(read(Path::new(other)).is_err(), "{other:?}");
        }
        assert_eq!(root.inside(&secrets).unwrap(), None);
        assert!(root.inside(&dir.join("none")).is_err());
    }
}
