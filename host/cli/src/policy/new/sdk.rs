//! The SDK, as this program carries it.
//!
//! Out: its files under `sdk/`; for Rust also a manifest that makes a workspace of them, and
//! the versions this repository was tested with, so that a policy builds from what cargo has
//! fetched before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::NewFile;
use super::template::every_file;
use crate::error::Error;
use crate::policy::project::{Language, SDK};

static RUST: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust");
static RULES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rules");
static GUEST: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/guest");
static MEMORY: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/memory");
static C: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/c");
const CONTRACT: &str = include_str!("../../../../../sdk/wit/policy.wit");
/// The manifest and the versions of this repository's workspace.
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
const VERSIONS: &str = include_str!("../../../../../Cargo.lock");

/// The crates of the SDK, by their place in it.
const CRATES: [&str; 5] = ["guest", "memory", "rules", "rust", "rust/macros"];

/// The SDK's files in a project.
pub(super) fn files(language: Language) -> Vec<NewFile> {
    let (directories, also): (&[_], _) = match language {
        Language::Rust => (
            &[
                ("rust", &RUST),
                ("rules", &RULES),
                ("guest", &GUEST),
                ("memory", &MEMORY),
            ],
            Some(("wit/policy.wit", CONTRACT)),
        ),
        Language::C => (&[("c", &C)], None),
    };
    let mut files = Vec::new();
    for (name, directory) in directories {
        every_file(directory, &mut |path, content| {
            // Examples are read in the repository.
            if !path.starts_with("examples") {
                files.push(file(Path::new(SDK).join(name).join(path), content));
            }
        });
    }
    files.extend(also.map(|(path, text)| file(Path::new(SDK).join(path), text.as_bytes())));
    files
}

fn file(path: PathBuf, content: &[u8]) -> NewFile {
    NewFile {
        path,
        content: content.to_vec(),
    }
}

/// The manifest of the SDK's workspace, where it is a copy, and the project's `Cargo.lock`.
///
/// # Errors
/// When what this program carries is not what it should be.
pub(super) fn locks(is_copy: bool) -> Result<Vec<NewFile>, Error> {
    let broken = |what: &str, error: &dyn std::fmt::Display| {
        Error::Project(format!("the carried {what} cannot be used: {error}"))
    };
    let lock = lock().map_err(|error| broken("Cargo.lock", &error))?;
    let mut files = vec![file(PathBuf::from("Cargo.lock"), lock.as_bytes())];
    if is_copy {
        let manifest = manifest().map_err(|error| broken("Cargo.toml", &error))?;
        let path = Path::new(SDK).join("Cargo.toml");
        files.push(file(path, manifest.as_bytes()));
    }
    Ok(files)
}

/// What of our workspace's manifest the SDK's crates refer to.
fn manifest() -> Result<String, Unusable> {
    let root: Table = WORKSPACE.parse()?;
    let workspace = root.get("workspace").and_then(Value::as_table);
    let workspace = workspace.ok_or(Unusable::Shape)?;
    let needed = needed()?;
    let mut dependencies = Table::new();
    let all = workspace.get("dependencies").and_then(Value::as_table);
    for (name, dependency) in all.ok_or(Unusable::Shape)? {
        if needed.contains(name) {
            dependencies.insert(name.clone(), moved(dependency));
        }
    }
    let members = CRATES.map(Value::from).to_vec();
    let mut ours = Table::new();
    ours.insert("resolver".to_owned(), Value::from("3"));
    ours.insert("members".to_owned(), Value::from(members));
    for key in ["package", "lints"] {
        let part = workspace.get(key).ok_or(Unusable::Shape)?;
        ours.insert(key.to_owned(), part.clone());
    }
    ours.insert("dependencies".to_owned(), Value::from(dependencies));
    let document = Table::from_iter([("workspace".to_owned(), Value::from(ours))]);
    Ok(format!(
        "# The SDK of valkey-warden {}, as `warden policy new` wrote it.\n{}",
        env!("CARGO_PKG_VERSION"),
        toml::to_string_pretty(&document)?
    ))
}

/// A dependency of ours where the SDK's own folder is the root.
fn moved(dependency: &Value) -> Value {
    let mut dependency = dependency.clone();
    if let Some(Value::String(path)) = dependency.get_mut("path")
        && let Some(inside) = path.strip_prefix("sdk/")
    {
        *path = inside.to_owned();
    }
    dependency
}

/// Every dependency that a crate of the SDK has in common with our workspace.
fn needed() -> Result<BTreeSet<String>, Unusable> {
    let mut needed = BTreeSet::new();
    let carried = files(Language::Rust);
    for path in CRATES {
        let path = Path::new(SDK).join(path).join("Cargo.toml");
        let manifest = carried.iter().find(|file| file.path == path);
        let manifest = manifest.ok_or(Unusable::Shape)?;
        let manifest: Table = String::from_utf8_lossy(&manifest.content).parse()?;
        for part in ["dependencies", "dev-dependencies"] {
            let named = manifest.get(part).and_then(Value::as_table);
            needed.extend(named.into_iter().flat_map(Table::keys).cloned());
        }
    }
    Ok(needed)
}

/// What of our `Cargo.lock` the SDK comes to: cargo leaves out what a project does not need.
fn lock() -> Result<String, Unusable> {
    let mut document: Table = VERSIONS.parse()?;
    let packages = document.get("package").and_then(Value::as_array);
    let packages = packages.ok_or(Unusable::Shape)?;
    let mut by_name: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for package in packages {
        let name = package.get("name").and_then(Value::as_str);
        by_name
            .entry(name.ok_or(Unusable::Shape)?)
            .or_default()
            .push(package);
    }
    let mut wanted = BTreeSet::new();
    let mut next = vec!["warden-sdk"];
    while let Some(name) = next.pop() {
        if !wanted.insert(name) {
            continue;
        }
        let versions = by_name.get(name).into_iter().flatten();
        let needs = versions.filter_map(|package| package.get("dependencies")?.as_array());
        // Where there are several versions, a need names its own behind a space.
        let needs = needs.flatten().filter_map(Value::as_str);
        next.extend(needs.filter_map(|need| need.split(' ').next()));
    }
    let kept = packages.iter().filter(|package| {
        let name = package.get("name").and_then(Value::as_str);
        name.is_some_and(|name| wanted.contains(name))
    });
    let kept: Vec<Value> = kept.cloned().collect();
    document.insert("package".to_owned(), Value::from(kept));
    Ok(toml::to_string(&document)?)
}

/// Why what is carried cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Read(#[from] toml::de::Error),
    #[error(transparent)]
    Write(#[from] toml::ser::Error),
    #[error("it lacks a part")]
    Shape,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A file of this program's source, as it is in the repository now.
    fn repository(path: &Path) -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    fn count(directory: &Path) -> usize {
        let entries = fs::read_dir(directory).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        entries
            .map(|path| if path.is_dir() { count(&path) } else { 1 })
            .sum()
    }

    #[test]
    fn the_sdk_carried_is_that_of_the_repository() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        for language in [Language::Rust, Language::C] {
            let files = files(language);
            for file in &files {
                assert!(
                    file.content == repository(&file.path),
                    "{:?} is old",
                    file.path
                );
            }
            let expected = match language {
                Language::Rust => {
                    ["rust", "rules", "guest", "memory"]
                        .map(|name| count(&sdk.join(name)))
                        .iter()
                        .sum::<usize>()
                        + 1
                }
                Language::C => count(&sdk.join("c")) - count(&sdk.join("c/examples")),
            };
            assert_eq!(files.len(), expected, "{language:?}");
        }
    }

    #[test]
    fn the_manifest_names_what_the_crates_refer_to_and_no_more() {
        let manifest: Table = manifest().unwrap().parse().unwrap();
        let workspace = manifest["workspace"].as_table().unwrap();
        let dependencies = workspace["dependencies"].as_table().unwrap();
        assert_eq!(
            dependencies["warden-sdk-macros"]["path"].as_str(),
            Some("rust/macros")
        );
        assert!(dependencies.contains_key("thiserror") && !dependencies.contains_key("wasmtime"));
    }

    #[test]
    fn the_lock_holds_our_versions_of_what_the_sdk_needs() {
        let ours: Table = VERSIONS.parse().unwrap();
        let lock: Table = lock().unwrap().parse().unwrap();
        assert_eq!(lock["version"], ours["version"]);
        let ours = ours["package"].as_array().unwrap();
        let packages = lock["package"].as_array().unwrap();
        assert!(packages.iter().all(|package| ours.contains(package)));
        let has = |name: &str| {
            packages
                .iter()
                .any(|package| package["name"].as_str() == Some(name))
        };
        assert!(has("wit-bindgen") && has("syn") && has("toml") && !has("wasmtime"));
    }
}
