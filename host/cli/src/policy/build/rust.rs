//! A policy that is a crate: built by cargo, as the standard policies are.
//!
//! In: a project with a `Cargo.toml`. Out: the bytes of its library for
//! `wasm32-unknown-unknown`.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::super::project::Project;
use super::{made, tool};
use crate::error::Error;

/// Imports nothing of a system: a policy has none.
const TARGET: &str = "wasm32-unknown-unknown";

/// The profile `policy`, as in the repository: small, for every server that it is dropped into
/// reads, compiles and keeps it.
const PROFILE: [&str; 6] = [
    "inherits = 'release'",
    "opt-level = 's'",
    "lto = true",
    "codegen-units = 1",
    "panic = 'abort'",
    "strip = 'symbols'",
];

/// What cargo tells of one thing it has made.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds it.
///
/// # Errors
/// When a tool is missing or fails, or the crate makes no library for WebAssembly.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    target_is_there()?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--lib", "--profile", "policy", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics");
    for setting in PROFILE {
        cargo.args(["--config", &format!("profile.policy.{setting}")]);
    }
    if !io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    if !project.root.as_os_str().is_empty() {
        cargo.current_dir(&project.root);
    }
    let told = tool::run(&mut cargo, tool::RUST)?;
    let wasm = library(&told, &project.root.join("Cargo.toml"));
    made(&wasm.ok_or_else(no_library)?)
}

/// The `.wasm` of the crate with this manifest, in what cargo told.
fn library(told: &[u8], manifest: &Path) -> Option<PathBuf> {
    let manifest = fs::canonicalize(manifest).ok()?;
    let lines = told.split(|byte| *byte == b'\n');
    let mut made = lines
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| fs::canonicalize(&message.manifest_path).ok().as_ref() == Some(&manifest))
        .flat_map(|message| message.filenames);
    made.find(|file| {
        file.extension()
            .is_some_and(|extension| extension == "wasm")
    })
}

fn no_library() -> Error {
    Error::Project(
        "the crate makes no policy: in Cargo.toml write [lib] crate-type = [\"cdylib\", \"rlib\"]"
            .to_owned(),
    )
}

/// Whether rustc can build for WebAssembly; where there is no rustc, cargo will tell.
fn target_is_there() -> Result<(), Error> {
    let library = tool::asked("rustc", &["--print", "target-libdir", "--target", TARGET]);
    match library {
        Some(directory) if !Path::new(&directory).is_dir() => Err(Error::Project(format!(
            "Rust's target {TARGET} is missing: rustup target add {TARGET}; without rustup, \
             install it as this Rust was installed"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_librarys_own_component_is_found_among_what_cargo_tells() {
        let place = tempfile::tempdir().unwrap();
        let manifest = place.path().join("Cargo.toml");
        fs::write(&manifest, "").unwrap();
        let line = |reason: &str, manifest: &Path, files: &[&str]| {
            serde_json::json!({
                "reason": reason,
                "manifest_path": manifest,
                "filenames": files,
                "more": {},
            })
            .to_string()
        };
        let told = [
            line(
                "compiler-artifact",
                Path::new("/elsewhere/Cargo.toml"),
                &["/x/other.wasm"],
            ),
            "no JSON".to_owned(),
            line("build-script-executed", &manifest, &["/x/script.wasm"]),
            line(
                "compiler-artifact",
                &manifest,
                &["/x/libown.rlib", "/x/own.wasm"],
            ),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let found = |lines: &[String]| library(lines.join("\n").as_bytes(), &manifest);
        assert_eq!(found(&told), Some(PathBuf::from("/x/own.wasm")));
        assert_eq!(found(&told[..3]), None);
    }
}
