//! A set of policies that is not in force: found under `preview_dir`, and loaded as the
//! one of `policy_dir` is.
//!
//! In: the name of a directory. Out: a generation that nobody is decided by, with all that
//! a load would have found fault with. Never: a directory elsewhere, whatever the name or a
//! symbolic link says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use warden_policy::{Digest, Generation, is_bundle_name};

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
        let dir = place(&root.ok_or_else(is_off)?, name)?;
        let _compiling = shared.compilations.begin().ok_or_else(unloading)?;
        let present = shared.generation.load_full();
        // Signed by one of `policy_keys`, where there are any; its revision is not
        // remembered, for it does not come into force.
        let loaded = shared
            .engine
            .load_untested(&dir, shared.frame(), present.as_ref());
        let (generation, errors) = match loaded {
            Ok(generation) => {
                let mut errors = generation.run_tests(shared.now()).errors(&dir);
                if let Err(older) = shared.engine.may_serve(&generation) {
                    errors.extend(older.errors);
                }
                (Some(generation), errors)
            }
            Err(error) => (None, error.errors),
        };
        let bundles = present.iter().flat_map(|present| present.bundles());
        Ok(Self {
            name: name.to_owned(),
            generation,
            errors: errors.iter().map(ToString::to_string).collect(),
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

/// The directory of a candidate, with every link on the way followed.
fn place(root: &Path, name: &str) -> Result<PathBuf, String> {
    if !is_bundle_name(name) {
        return Err(misnamed());
    }
    let found = |path: &Path| {
        path.canonicalize()
            .map_err(|error| format!("ERR {path:?}: {error}"))
    };
    let (root, place) = (found(root)?, found(&root.join(name))?);
    if !place.starts_with(&root) || place == root {
        return Err(format!("ERR candidate {name:?} leads out of preview_dir"));
    }
    if !place.is_dir() {
        return Err(format!("ERR candidate {name:?} is no directory"));
    }
    Ok(place)
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
        let next = root.join("next").canonicalize().unwrap();
        assert_eq!(place(&root, "next"), Ok(next.clone()));
        assert_eq!(place(&root, "latest"), Ok(next));
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
            let error = place(&root, name).unwrap_err();
            assert!(
                error.starts_with("ERR ") && error.contains(words),
                "{name:?}: {error}"
            );
        }
    }
}
