//! A bundle's files, put where a server may be watching.
//!
//! In: a built policy, and the project whose data and tests belong to it. Out: files in a
//! directory, each there whole or not at all, the policy last.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::project::Project;
use crate::error::Error;

/// What a half-written file is named like: no server reads it.
const UNFINISHED: &str = ".new";

/// Refuses a place to put bundles that is none.
pub(super) fn check(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--into {directory:?}: no directory; give a policy_dir that is there"
    )))
}

/// Data and tests of the project's policy, by their place in `policies/`.
///
/// # Errors
/// For what cannot be part of a bundle.
pub(super) fn companions(project: &Project) -> Result<Vec<PathBuf>, Error> {
    let found = warden_policy::companions(&project.policies(), &project.name);
    found.map_err(|error| {
        let lines: Vec<String> = error.errors.iter().map(ToString::to_string).collect();
        Error::Project(lines.join("; "))
    })
}

/// Puts a whole bundle into a directory.
pub(super) fn bundle(
    directory: &Path,
    project: &Project,
    companions: &[PathBuf],
    bytes: &[u8],
) -> Result<(), Error> {
    for companion in companions {
        let from = project.policies().join(companion);
        let content = fs::read(&from).map_err(|source| failed(&from, source))?;
        put(&directory.join(companion), &content)?;
    }
    wasm(directory, &project.name, bytes)
}

/// Puts a policy into a directory.
pub(super) fn wasm(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    put(&directory.join(format!("{name}.wasm")), bytes)
}

/// Puts a file there, whole: written beside its place, then renamed. One that is the same
/// already is left alone, for a server would load it again.
fn put(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| write(&unfinished, content))
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|source| failed(path, source))
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
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
        bundle(&live, &project, &companions, b"wasm").unwrap();
        let text = |file: &str| fs::read_to_string(live.join(file)).unwrap();
        assert_eq!(text("a.txt"), "a.txt");
        assert_eq!(text("a.d/more/x.csv"), "a.d/more/x.csv");
        assert_eq!(text("a.wasm"), "wasm");
        let there = fs::read_dir(&live).unwrap().count();
        assert_eq!(there, 4, "a.txt, a.tests.toml, a.d and a.wasm");
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
