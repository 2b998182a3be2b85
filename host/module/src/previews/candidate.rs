//! A set of policies that is not in force: found under `preview_dir`, and loaded as the
//! one of `policy_dir` is.
//!
//! In: the name of a directory. Out: a generation that nobody is decided by, with its
//! snapshots taken, and all that a load would have found fault with. Never: a directory elsewhere, whatever the name or a
//! symbolic link says.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use warden_policy::{BundleError, Digest, Ear, Generation, Root, is_bundle_name};

use crate::ffi::rest_if_crashing;
use crate::shared::Shared;

/// A candidate, as far as it could be loaded.
pub(crate) struct Candidate {
    /// The name of its directory.
    pub(crate) name: String,
    /// Its policies; `None` where something is wrong with them.
    pub(crate) generation: Option<Arc<Generation>>,
    /// Why a load would not take it: faults of bundles, tests that do not hold, or a
    /// revision older than one that was run.
    pub(crate) errors: Vec<String>,
    /// The number of the generation in force that it was loaded beside.
    pub(crate) beside: Option<u64>,
    /// The bundles in force, by name.
    pub(crate) present: BTreeMap<String, Digest>,
}

impl Candidate {
    /// Reads, compiles and tests it. For a thread that may take its time, with at least
    /// 1 MiB of stack.
    ///
    /// # Errors
    /// When there is no such directory, or the module is being unloaded.
    pub(crate) fn load(shared: &Shared, name: &str) -> Result<Self, String> {
        let root = shared.settings.load().preview_dir.clone();
        let place = Place::open(&root.ok_or_else(is_off)?, name)?;
        let dir = place.path();
        let _compiling = shared.compilations.begin().ok_or_else(unloading)?;
        let present = shared.generation.load_full();
        // Signed by one of `policy_keys`, where there are any; its revision is not
        // remembered, for it does not come into force.
        let loaded = shared
            .engine
            .load_untested(&dir, shared.frame(), present.as_ref(), Ear::Shut);
        let (generation, errors) = match loaded {
            Ok(generation) => {
                let mut errors = generation.run_tests(shared.now(), Ear::Shut).errors(&dir);
                if let Err(older) = shared.engine.may_serve(&generation) {
                    errors.extend(older.errors);
                }
                // Each request would have it read its data anew.
                while generation.take_snapshot().is_some() {
                    rest_if_crashing();
                    if shared.is_stopping() {
                        return Err(unloading());
                    }
                }
                (Some(generation), errors)
            }
            Err(error) => (None, error.errors),
        };
        let bundles = present.iter().flat_map(|present| present.bundles());
        Ok(Self {
            name: name.to_owned(),
            generation,
            errors: errors.into_iter().map(|error| place.told(error)).collect(),
            beside: present.as_ref().map(|present| present.number()),
            present: bundles
                .map(|bundle| (bundle.name().to_owned(), bundle.digest()))
                .collect(),
        })
    }
}

/// The words for a name that is none.
pub(crate) fn misnamed() -> String {
    "ERR a candidate is named by 1 to 64 letters, digits, - and _: the name of a directory in preview_dir".to_owned()
}

/// The words where there is no `preview_dir`.
pub(crate) fn is_off() -> String {
    "ERR previews are off: set warden.preview_dir to a directory of candidates".to_owned()
}

/// The words for who waits while the module is unloaded.
pub(crate) fn unloading() -> String {
    "ERR warden is being unloaded".to_owned()
}

/// The directory of a candidate, opened: what is put in its place from now on is another.
struct Place {
    dir: OwnedFd,
    /// Where it lies, links followed, for people.
    shown: String,
}

impl Place {
    /// # Errors
    /// In words for whoever asks, when there is none of this name or it leads elsewhere.
    fn open(root: &Path, name: &str) -> Result<Self, String> {
        if !is_bundle_name(name) {
            return Err(misnamed());
        }
        let lost = |path: &Path, error: io::Error| format!("ERR {path:?}: {error}");
        let opened = Root::open(root).map_err(|error| lost(root, error))?;
        let path = root.join(name);
        let inside = opened.inside(&path).map_err(|error| lost(&path, error))?;
        let inside = inside.filter(|inside| !inside.as_os_str().is_empty());
        let inside =
            inside.ok_or_else(|| format!("ERR candidate {name:?} leads out of preview_dir"))?;
        let dir = opened
            .directory(&inside)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotADirectory => format!("ERR candidate {name:?} is no directory"),
                _ => lost(&path, error),
            })?;
        let shown = root.join(inside).display().to_string();
        Ok(Self { dir, shown })
    }

    /// A path to this very directory while it is open.
    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.dir.as_raw_fd()).into()
    }

    /// An error as it is told: with the place that people know.
    fn told(&self, mut error: BundleError) -> String {
        if Path::new(&error.file) == self.path() {
            error.file.clone_from(&self.shown);
        }
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_candidate_lies_in_its_directory_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("candidates");
        std::fs::create_dir_all(root.join("next")).unwrap();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        std::fs::write(root.join("file"), b"").unwrap();
        symlink(root.join("next"), root.join("latest")).unwrap();
        symlink(dir.path().join("secrets"), root.join("out")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(".", root.join("itself")).unwrap();
        std::fs::write(root.join("next/mark"), b"").unwrap();
        for name in ["next", "latest"] {
            let place = Place::open(&root, name).unwrap();
            assert_eq!(Path::new(&place.shown), root.join("next"));
            assert!(place.path().join("mark").is_file());
        }
        for (name, words) in [
            ("..", "is named by"),
            (".", "is named by"),
            ("", "is named by"),
            ("next/", "is named by"),
            ("../secrets", "is named by"),
            ("/etc", "is named by"),
            ("next\0", "is named by"),
            ("out", "leads out of preview_dir"),
            ("up", "leads out of preview_dir"),
            ("itself", "leads out of preview_dir"),
            ("file", "is no directory"),
            ("none", "No such file"),
        ] {
            let error = Place::open(&root, name).err().unwrap();
            assert!(
                error.starts_with("ERR ") && error.contains(words),
                "{name:?}: {error}"
            );
        }
    }

    #[test]
    fn what_takes_the_place_of_a_candidate_is_not_read() {
        let around = tempfile::tempdir().unwrap();
        let root = around.path().join("candidates");
        std::fs::create_dir_all(root.join("next")).unwrap();
        std::fs::create_dir(around.path().join("secrets")).unwrap();
        std::fs::write(root.join("next/mark"), b"").unwrap();
        let place = Place::open(&root, "next").unwrap();
        std::fs::rename(root.join("next"), around.path().join("moved")).unwrap();
        symlink(around.path().join("secrets"), root.join("next")).unwrap();
        assert!(!root.join("next/mark").exists());
        assert!(place.path().join("mark").is_file());
        let error = |file: PathBuf| BundleError {
            file: file.display().to_string(),
            fault: warden_policy::Fault::Changing,
        };
        let told = place.told(error(place.path()));
        assert!(
            told.contains("candidates/next") && !told.contains("/proc"),
            "{told}"
        );
        assert!(
            place
                .told(error("rbac.wasm".into()))
                .starts_with("\"rbac.wasm\"")
        );
    }
}
