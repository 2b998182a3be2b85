//! An example beside a policy, and what is decided about it. The tests of `policies/rego`
//! read this file, too.
//!
//! In: the crate's directory, an example's name, and its decisions, a line each. Out: the
//! texts of its files. Held: the decisions are those that were committed; after a change
//! that is meant, run once with `UPDATE_GOLDEN=1`.

use std::fs;
use std::path::{Path, PathBuf};

/// An example of a policy: files of one name in `examples/`.
pub(crate) struct Files {
    directory: PathBuf,
    name: &'static str,
}

impl Files {
    /// The example of this name of the crate in this directory.
    pub(crate) fn new(manifest_dir: &str, name: &'static str) -> Self {
        Self {
            directory: Path::new(manifest_dir).join("examples"),
            name,
        }
    }

    /// Its file of this extension.
    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    /// What is in it.
    pub(crate) fn text(&self, extension: &str) -> String {
        fs::read_to_string(self.path(extension)).expect("an example's file")
    }

    /// Holds decisions to those that were committed.
    pub(crate) fn hold(&self, decisions: &str) {
        let file = self.path("decisions.jsonl");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, decisions).expect("the file is writable");
        }
        let committed = fs::read_to_string(&file).expect("the decisions are committed");
        assert!(
            committed == decisions,
            "{}: run with UPDATE_GOLDEN=1",
            file.display()
        );
    }
}
