//! A policy directory, and the built command line run on it.
//!
//! In: the built command line and the built standard policies. Out: what a run printed
//! and its exit status, as `run` has them.

#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Run, warden};

impl Run {
    /// The warnings of a `check --json` of this kind.
    #[track_caller]
    pub(crate) fn warnings(&self, name: &str) -> Vec<Value> {
        let document = self.json();
        let warnings = document["warnings"].as_array().unwrap();
        let of_kind = warnings.iter().filter(|warning| warning["name"] == name);
        of_kind.cloned().collect()
    }
}

/// A policy directory.
pub(crate) struct Place(TempDir);

impl Place {
    /// With `rbac` and its data.
    pub(crate) fn with_roles(roles: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("policies")).unwrap();
        place.add("rbac");
        place.write("rbac.toml", roles);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path("policies").join(name), text).unwrap();
    }

    /// A standard policy.
    pub(crate) fn add(&self, name: &str) {
        let file = format!("{name}.wasm");
        fs::copy(policies().join(&file), self.path("policies").join(&file)).unwrap();
    }

    /// A policy that exists for tests only.
    pub(crate) fn add_test_policy(&self, name: &str) {
        let file = format!("{name}.wasm");
        let built = policies().join("tests").join(&file);
        fs::copy(built, self.path("policies").join(&file)).unwrap();
    }

    pub(crate) fn run(&self, verb: &str, more: &[&str]) -> Run {
        self.run_with_input(verb, more, "")
    }

    pub(crate) fn run_with_input(&self, verb: &str, more: &[&str], input: &str) -> Run {
        let (dir, state) = (self.text("policies"), self.text("state"));
        // One run's compiled policies serve the next: what is tested is the same.
        let fixed = ["policy", verb, "--dir", &dir, "--state-dir", &state];
        warden(&[&fixed, more].concat(), input)
    }

    /// Evaluates for a principal of this document.
    pub(crate) fn eval(&self, principal: &Value, more: &[&str]) -> Run {
        let more = [&["--principal", "-"], more].concat();
        self.run_with_input("eval", &more, &principal.to_string())
    }
}

/// The directory of the built standard policies.
pub(crate) fn policies() -> PathBuf {
    let built = || {
        let binary = Path::new(env!("CARGO_BIN_EXE_warden"));
        binary.ancestors().nth(2).unwrap().join("policies")
    };
    let path = std::env::var_os("WARDEN_POLICIES").map_or_else(built, PathBuf::from);
    assert!(
        path.exists(),
        "{path:?} is missing; run: scripts/build policies"
    );
    path
}
