//! Notices changes of files: by the operating system's reports, and by looking.
//!
//! In: directories with all they hold, and single files elsewhere. Out: a
//! [`Load::Changed`] when the system reports something near them, and an answer to
//! whether anything really differs. Reports come too often (a log file beside a
//! key) or not at all (network file systems, some overlays, a directory that was
//! replaced), so what counts is the look: size, times, inode and mode of every
//! file. It opens nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::ffi::{Level, log};
use crate::loader::Load;

/// Entries looked at below one directory: bounds the look when a setting names `/`.
const MAX_ENTRIES: usize = 10_000;

/// Levels looked at below a directory.
const MAX_DEPTH: usize = 8;

/// What is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Directories with all they hold.
    pub(crate) directories: BTreeSet<PathBuf>,
    /// Single files.
    pub(crate) files: BTreeSet<PathBuf>,
}

/// What tells one state of a file from another; `None` for a file that is not there.
type Look = BTreeMap<PathBuf, Option<[i128; 6]>>;

/// Reports and looks.
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: Watched,
    seen: Look,
}

impl Watch {
    /// Watches nothing yet. Reports go to `loads`.
    pub(crate) fn new(loads: Sender<Load>) -> Self {
        let report = move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // An error (a lost event, say) counts as a change. The channel is
                // closed only at unload.
                let _ = loads.try_send(Load::Changed);
            }
        };
        let watcher = notify::recommended_watcher(report)
            .inspect_err(|error| {
                log(
                    Level::Warning,
                    &format!("changes of files are noticed late: {error}"),
                )
            })
            .ok();
        Self {
            watcher,
            watched: Watched::default(),
            seen: Look::new(),
        }
    }

    /// Watches exactly this from now on, and answers whether that is something new.
    pub(crate) fn follow(&mut self, watched: Watched) -> bool {
        if watched == self.watched {
            return false;
        }
        self.change(&watched);
        self.watched = watched;
        true
    }

    /// Whether anything differs from the last look. A directory that was replaced
    /// is watched anew.
    pub(crate) fn has_changed(&mut self) -> bool {
        let now = look(&self.watched);
        let changed = now != self.seen;
        if changed {
            self.seen = now;
            let watched = std::mem::take(&mut self.watched);
            self.change(&watched);
            self.watched = watched;
        }
        changed
    }

    /// Asks the system for reports about `next` instead of what is watched now.
    fn change(&mut self, next: &Watched) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (path, _) in places(&self.watched) {
            // A path that is gone is no longer watched anyway.
            let _ = watcher.unwatch(&path);
        }
        for (path, mode) in places(next) {
            if let Err(error) = watcher.watch(&path, mode) {
                log(
                    Level::Verbose,
                    &format!("changes in {path:?} are noticed late: {error}"),
                );
            }
        }
    }
}

/// Where the system is asked to look: a file's directory too, for files are renamed over.
fn places(watched: &Watched) -> BTreeMap<PathBuf, RecursiveMode> {
    let near = watched.files.iter().filter_map(|file| file.parent());
    let near = near.map(|path| (path.to_owned(), RecursiveMode::NonRecursive));
    let whole = watched
        .directories
        .iter()
        .map(|path| (path.clone(), RecursiveMode::Recursive));
    near.chain(whole).collect()
}

fn look(watched: &Watched) -> Look {
    let mut look = Look::new();
    for directory in &watched.directories {
        let bound = look.len() + MAX_ENTRIES;
        look_below(directory, MAX_DEPTH, bound, &mut look);
    }
    for file in &watched.files {
        look.insert(file.clone(), state(file));
    }
    look
}

fn look_below(path: &Path, depth: usize, bound: usize, look: &mut Look) {
    if look.len() >= bound {
        return;
    }
    look.insert(path.to_owned(), state(path));
    let Some(below) = depth.checked_sub(1) else {
        return;
    };
    // What is no directory, or cannot be listed, has nothing below it.
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        look_below(&entry.path(), below, bound, look);
    }
}

/// Of the link itself where it is one, and of what it leads to.
fn state(path: &Path) -> Option<[i128; 6]> {
    let link = fs::symlink_metadata(path).ok()?;
    let target = fs::metadata(path).unwrap_or_else(|_| link.clone());
    let nanoseconds =
        |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Some([
        i128::from(link.ino()),
        i128::from(target.dev()) << 64 | i128::from(target.ino()),
        i128::from(target.size()),
        i128::from(target.mode()),
        nanoseconds(target.mtime(), target.mtime_nsec()),
        nanoseconds(target.ctime(), target.ctime_nsec()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn watch(directory: &Path) -> Watch {
        let (loads, _) = crossbeam_channel::unbounded();
        let mut watch = Watch::new(loads);
        watch.follow(Watched {
            directories: [directory.to_owned()].into(),
            files: BTreeSet::new(),
        });
        watch.has_changed();
        watch
    }

    #[test]
    fn nothing_new_is_no_change() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "1").unwrap();
        assert!(!watch(directory.path()).has_changed());
    }

    #[test]
    fn a_file_written_renamed_over_or_removed_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        let mut watch = watch(directory.path());
        fs::write(&a, "1").unwrap();
        assert!(watch.has_changed());
        fs::write(&b, "1").unwrap();
        assert!(watch.has_changed());
        fs::rename(&b, &a).unwrap();
        assert!(watch.has_changed());
        fs::remove_file(&a).unwrap();
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
    }

    #[test]
    fn a_link_that_is_swapped_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        for version in ["1", "2"] {
            fs::create_dir(directory.path().join(version)).unwrap();
            fs::write(directory.path().join(version).join("a"), "same").unwrap();
        }
        symlink("1", directory.path().join("..data")).unwrap();
        let mut watch = watch(directory.path());
        symlink("2", directory.path().join("..next")).unwrap();
        fs::rename(
            directory.path().join("..next"),
            directory.path().join("..data"),
        )
        .unwrap();
        assert!(watch.has_changed());
    }

    #[test]
    fn a_loop_of_links_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        symlink(".", directory.path().join("loop")).unwrap();
        assert!(!watch(directory.path()).has_changed());
    }
}
