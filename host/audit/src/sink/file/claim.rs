//! One writer for each file, within this process.
//!
//! In: a path. Out: a claim on it, until it is dropped; none while another sink has one. The
//! lock on the file itself keeps other processes out, and nobody of this one: a sink that ends
//! and the one that follows it may both live for a moment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static CLAIMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The right to write to a file.
#[derive(Debug)]
pub(super) struct Claim(PathBuf);

impl Claim {
    /// Claims a path; `None` while somebody else has it.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let path = plain(path);
        claimed().insert(path.clone()).then(|| Self(path))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        claimed().remove(&self.0);
    }
}

/// The path without links and detours in its directory.
fn plain(path: &Path) -> PathBuf {
    let directory = path.parent().and_then(|parent| parent.canonicalize().ok());
    match (directory, path.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

fn claimed() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Claim;
    use std::path::Path;

    #[test]
    fn a_file_has_one_writer_at_a_time() {
        let path = Path::new("/nowhere/audit.log");
        let first = Claim::of(path);
        assert!(first.is_some() && Claim::of(path).is_none());
        drop(first);
        assert!(Claim::of(path).is_some());
    }
}
