//! A policy's project: the directory `warden policy new` makes and `build` works in.
//!
//! ```text
//! Cargo.toml or src/*.c        what language it is in
//! policies/NAME.tests.toml     what the policy is called
//! policies/NAME.*              its data, beside which the built policy is put
//! ```
//!
//! In: a directory. Out: where what lies in it. Nothing is read but names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use warden_policy::{MANIFEST, is_bundle_name};

use crate::error::Error;

/// Where a project's policy, its data and its tests lie; what `--dir` is without being given.
pub(super) const POLICIES: &str = "policies";
/// Where a project keeps the SDK.
pub(super) const SDK: &str = "sdk";
/// What the name of a test file ends with.
const TESTS: &str = ".tests.toml";

/// What a policy is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// A crate, built by cargo.
    Rust,
    /// Sources under `src/`, built by clang and LLVM's linker.
    C,
}

impl Language {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
        }
    }
}

/// A policy's project.
pub(super) struct Project {
    pub(super) root: PathBuf,
    pub(super) language: Language,
    pub(super) name: String,
}

impl Project {
    /// The project in a directory. Without a name, its one test file has it.
    ///
    /// # Errors
    /// When there is none, or no name can be told.
    pub(super) fn find(root: &Path, name: Option<&str>) -> Result<Self, Error> {
        let language = if root.join("Cargo.toml").is_file() {
            Language::Rust
        } else if !sources(&root.join("src"))?.is_empty() {
            Language::C
        } else {
            return Err(Error::Project(
                "no policy to build here: there is neither Cargo.toml nor src/*.c; \
                 begin one with: warden policy new NAME"
                    .to_owned(),
            ));
        };
        let name = match name {
            Some(name) => checked(name)?,
            None => only_name(&root.join(POLICIES))?,
        };
        Ok(Self {
            root: root.to_owned(),
            language,
            name,
        })
    }

    /// Where data and tests are, and the policy is to be.
    pub(super) fn policies(&self) -> PathBuf {
        self.root.join(POLICIES)
    }
}

/// A name that a bundle can have.
///
/// # Errors
/// For any other.
pub(super) fn checked(name: &str) -> Result<String, Error> {
    if is_bundle_name(name) && name != MANIFEST {
        return Ok(name.to_owned());
    }
    Err(Error::Usage(format!(
        "{name:?} cannot be a policy's name: 1 to 64 letters, digits, '-' and '_', and not \
         {MANIFEST}, which is the list of what is signed"
    )))
}

/// The name that the one test file has.
fn only_name(policies: &Path) -> Result<String, Error> {
    let names = listed(policies)?;
    let mut names = names
        .iter()
        .filter_map(|name| name.strip_suffix(TESTS))
        .filter(|name| is_bundle_name(name));
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, _) => Err(Error::Project(format!(
            "no {POLICIES}/NAME{TESTS} says what the policy is called: write one, or give --name"
        ))),
        (Some(one), Some(other)) => Err(Error::Project(format!(
            "{POLICIES}/ has test files of {one:?} and {other:?}: say which policy is built here \
             with --name"
        ))),
    }
}

/// The C sources directly in a directory, sorted; none when it is not there.
pub(super) fn sources(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let names = listed(directory)?;
    let names = names.iter().filter(|name| name.ends_with(".c"));
    Ok(names.map(|name| directory.join(name)).collect())
}

/// The names in a directory, sorted; none when it is not there. Those that are not UTF-8 are
/// nobody's.
fn listed(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::file(directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(
            entry
                .map_err(Error::file(directory))?
                .file_name()
                .into_string(),
        );
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[&str]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for file in files {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        place
    }

    fn found(files: &[&str], name: Option<&str>) -> Result<(Language, String), String> {
        let place = place(files);
        let project = Project::find(place.path(), name).map_err(|error| error.to_string())?;
        Ok((project.language, project.name))
    }

    #[test]
    fn the_language_is_what_is_there_and_the_name_that_of_the_test_file() {
        let rust = ["Cargo.toml", "src/lib.rs", "policies/a.tests.toml"];
        assert_eq!(found(&rust, None), Ok((Language::Rust, "a".to_owned())));
        let c = [
            "src/policy.c",
            "policies/b-1.tests.toml",
            "policies/b-1.txt",
        ];
        assert_eq!(found(&c, None), Ok((Language::C, "b-1".to_owned())));
        // A crate may hold C of its own.
        let both = ["Cargo.toml", "src/part.c", "policies/a.tests.toml"];
        assert_eq!(found(&both, None), Ok((Language::Rust, "a".to_owned())));
    }

    #[test]
    fn what_cannot_be_told_is_asked_for() {
        let complaint = |files: &[&str], name| found(files, name).unwrap_err();
        assert!(complaint(&["policies/a.tests.toml"], None).contains("warden policy new"));
        assert!(complaint(&["src/a.h"], None).contains("neither Cargo.toml nor src/*.c"));
        assert!(complaint(&["Cargo.toml"], None).contains("--name"));
        let two = [
            "Cargo.toml",
            "policies/a.tests.toml",
            "policies/b.tests.toml",
        ];
        assert!(complaint(&two, None).contains("\"a\" and \"b\""));
        assert_eq!(found(&two, Some("b")).unwrap().1, "b");
        assert!(complaint(&two, Some("b/c")).contains("cannot be a policy's name"));
    }
}
