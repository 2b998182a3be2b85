//! A bundle's files, put where a server may be watching.
//!
//! In: a built policy, and the project whose data and tests belong to it, each read once.
//! Out: files in a directory, each there whole or not at all, the policy last; or the names
//! of those that lie there already and that the project does not have.

use std::fs;
use std::path::{Path, PathBuf};

use warden_policy::MANIFEST;
use warden_state::{Existing, write_whole};

use super::super::project::Project;
use crate::error::Error;

/// Data and tests of a policy: their places in the directory, and what was read.
pub(super) type Companions = Vec<(PathBuf, Vec<u8>)>;

/// Refuses a place to put bundles that is none.
pub(super) fn check(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--into {directory:?}: no directory; give a policy_dir that is there"
    )))
}

/// Reads data and tests of the project's policy.
///
/// # Errors
/// For what cannot be read, or be part of a bundle.
pub(super) fn companions(project: &Project) -> Result<Companions, Error> {
    let policies = project.policies();
    let read = |companion: PathBuf| {
        let from = policies.join(&companion);
        let content = fs::read(&from).map_err(Error::file(&from))?;
        Ok((companion, content))
    };
    listed(&policies, &project.name)?
        .into_iter()
        .map(read)
        .collect()
}

/// A line for each file that a server would read with the policy although the project does
/// not have it: what was checked is not what would run. Nobody but its owner takes it away.
///
/// # Errors
/// When the directory cannot be listed, or holds what no bundle can have.
pub(super) fn others(
    directory: &Path,
    project: &Project,
    companions: &Companions,
) -> Result<Vec<String>, Error> {
    let mut others = listed(directory, &project.name)?;
    others.retain(|there| companions.iter().all(|(own, _)| own != there));
    let others = others.iter().map(|file| {
        format!(
            "{:?}: is not in the project, and a server would read it with {}.wasm: remove it, or \
             put it into {}/ as well",
            directory.join(file),
            project.name,
            project.policies().display()
        )
    });
    Ok(others.collect())
}

/// What lies in a directory for the policy of this name, but the policy.
fn listed(directory: &Path, name: &str) -> Result<Vec<PathBuf>, Error> {
    let found = warden_policy::companions(directory, name);
    found.map_err(|error| Error::Project(format!("{}: {error}", directory.display())))
}

/// Whether a directory has a list of signed files, which does not list what is new in it.
pub(super) fn is_signed(directory: &Path) -> bool {
    directory.join(MANIFEST).symlink_metadata().is_ok()
}

/// Puts a whole bundle into a directory.
pub(super) fn bundle(
    directory: &Path,
    name: &str,
    companions: &Companions,
    bytes: &[u8],
) -> Result<(), Error> {
    for (companion, content) in companions {
        put(&directory.join(companion), content)?;
    }
    wasm(directory, name, bytes)
}

/// Puts a policy into a directory.
pub(super) fn wasm(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    put(&directory.join(format!("{name}.wasm")), bytes)
}

/// Puts a file there. One that is the same already is left alone, for a server would load it
/// again.
fn put(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| write_whole(path, 0o644, Existing::Replaced, &[content]))
        .map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::super::super::project::Language;
    use super::*;

    #[test]
    fn a_bundle_is_put_whole_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let project = Project {
            root: place.path().join("a"),
            language: Language::C,
            name: "a".to_owned(),
        };
        let policies = project.policies();
        fs::create_dir_all(policies.join("a.d/more")).unwrap();
        for file in [
            "a.txt",
            "a.tests.toml",
            "a.d/more/x.csv",
            "a.txt~",
            "b.txt",
            "README.md",
        ] {
            fs::write(policies.join(file), file).unwrap();
        }
        let live = place.path().join("live");
        fs::create_dir(&live).unwrap();
        fs::write(live.join("a.txt"), "old").unwrap();
        let companions = companions(&project).unwrap();
        // What is written afterwards is not what was read.
        fs::write(policies.join("a.txt"), "later").unwrap();
        bundle(&live, &project.name, &companions, b"wasm").unwrap();
        let text = |file: &str| fs::read_to_string(live.join(file)).unwrap();
        assert_eq!(text("a.txt"), "a.txt");
        assert_eq!(text("a.d/more/x.csv"), "a.d/more/x.csv");
        assert_eq!(text("a.wasm"), "wasm");
        let there = fs::read_dir(&live).unwrap().count();
        assert_eq!(there, 4, "a.txt, a.tests.toml, a.d and a.wasm");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let victim = place.path().join("victim");
        fs::write(&victim, "another's").unwrap();
        for link in ["a.wasm", "a.wasm.new"] {
            std::os::unix::fs::symlink(&victim, place.path().join(link)).unwrap();
        }
        wasm(place.path(), "a", b"wasm").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"another's");
        assert!(!place.path().join("a.wasm").is_symlink());
    }

    #[test]
    fn what_is_the_same_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.wasm");
        let changed = || fs::metadata(&path).unwrap().modified().unwrap();
        put(&path, b"one").unwrap();
        let before = changed();
        put(&path, b"one").unwrap();
        assert_eq!(changed(), before);
        put(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }
}
