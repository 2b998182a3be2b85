//! Which files of the policy directory belong to which bundle.
//!
//! Names only: `NAME.wasm` is a bundle, `NAME.tests.toml` its test file, and
//! everything else of `NAME.*` and under `NAME.d/` its data. Dot-files and what
//! editors leave behind are passed over; what has no bundle is a warning; a
//! `.wasm` that cannot be a bundle is an error, because a policy that is
//! silently missing could have been one that restricts. `MANIFEST` and its signature
//! belong to no bundle, and none may have that name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{BundleError, Fault, LoadError};
use crate::manifest::{MANIFEST, SIGNATURE};

/// Bundles of one directory: bounds what a listing costs.
pub(crate) const MAX_BUNDLES: usize = 64;
/// Files looked at in one directory and its `.d` directories together.
pub(crate) const MAX_ENTRIES: usize = 4096;
/// How deep a `.d` directory may go: also ends loops of symbolic links.
pub(crate) const MAX_DEPTH: usize = 4;
/// Longest name of a bundle.
pub(crate) const MAX_NAME_BYTES: usize = 64;

/// Endings that editors, package managers and half-done copies leave behind.
const LEFT_OVERS: [&str; 14] = [
    "~",
    ".tmp",
    ".part",
    ".new",
    ".swp",
    ".swx",
    ".swo",
    ".bak",
    ".orig",
    ".old",
    ".rej",
    ".rpmnew",
    ".rpmsave",
    ".dpkg-new",
];

/// The files of one bundle.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// `NAME.wasm`.
    pub(crate) wasm: PathBuf,
    /// Name inside the bundle and path of each data file.
    pub(crate) data: BTreeMap<String, PathBuf>,
    /// `NAME.tests.toml`.
    pub(crate) tests: Option<PathBuf>,
}

impl Found {
    /// All its files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let files = std::iter::once(&self.wasm).chain(self.data.values());
        files.chain(&self.tests).map(PathBuf::as_path)
    }
}

/// What a directory holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Bundles by name.
    pub(crate) bundles: BTreeMap<String, Found>,
    /// Whether there is a `MANIFEST`.
    pub(crate) has_manifest: bool,
    /// What an operator probably did not mean.
    pub(crate) warnings: Vec<String>,
    /// What cannot be part of a generation.
    pub(crate) errors: Vec<BundleError>,
}

/// Lists a policy directory; an empty path is one without any file.
///
/// # Errors
/// When the directory itself cannot be listed. Errors of single files are in the listing.
pub(crate) fn list(dir: &Path) -> Result<Listing, BundleError> {
    let mut walk = Walk {
        root: dir,
        entries: 0,
        listing: Listing::default(),
    };
    if dir.as_os_str().is_empty() {
        return Ok(walk.listing);
    }
    let names = walk
        .names(dir)
        .map_err(|fault| fault.of(dir.display().to_string()))?;
    walk.bundles(&names);
    for name in &names {
        walk.data(name);
    }
    Ok(walk.listing)
}

/// What lies in a directory for the bundle of this name, whose component need not be there:
/// data and tests, by their place in the directory.
///
/// # Errors
/// When the directory cannot be listed, or holds for this bundle what none can have.
pub fn companions(dir: &Path, name: &str) -> Result<Vec<PathBuf>, LoadError> {
    let mut walk = Walk {
        root: dir,
        entries: 0,
        listing: Listing::default(),
    };
    let found = Found::default();
    walk.listing.bundles.insert(name.to_owned(), found);
    let names = walk.names(dir).map_err(|fault| LoadError {
        errors: vec![fault.of(dir.display().to_string())],
    })?;
    let ours = |file: &&String| file.split_once('.').is_some_and(|(stem, _)| stem == name);
    names.iter().filter(ours).for_each(|name| walk.data(name));
    let Listing {
        mut bundles,
        errors,
        ..
    } = walk.listing;
    if !errors.is_empty() {
        return Err(LoadError { errors });
    }
    let found = bundles.remove(name).unwrap_or_default();
    let files = found.data.into_values().chain(found.tests);
    let inside = files.filter_map(|file| Some(file.strip_prefix(dir).ok()?.to_owned()));
    Ok(inside.collect())
}

/// Whether a file is none of ours to read.
fn is_passed_over(name: &str) -> bool {
    let emacs_lock = name.starts_with('#') && name.ends_with('#');
    name.starts_with('.') || emacs_lock || LEFT_OVERS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a bundle may have this name: 1 to 64 ASCII letters, digits, `_` and `-`.
pub fn is_bundle_name(name: &str) -> bool {
    is_name(name, &[])
}

fn is_name(name: &str, also: &[u8]) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || also.contains(&b);
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(allowed)
}

struct Walk<'a> {
    root: &'a Path,
    entries: usize,
    listing: Listing,
}

impl Walk<'_> {
    /// The names in a directory, sorted, without those passed over.
    fn names(&mut self, dir: &Path) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(Fault::Unreadable)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Fault::TooMany {
                    what: "files",
                    bound: MAX_ENTRIES,
                });
            }
            match entry.map_err(Fault::Unreadable)?.file_name().into_string() {
                Ok(name) if is_passed_over(&name) => {}
                Ok(name) => names.push(name),
                Err(name) => self.fault(Fault::Name, &dir.join(name)),
            }
        }
        names.sort();
        Ok(names)
    }

    fn bundles(&mut self, names: &[String]) {
        for name in names {
            let Some(stem) = name.strip_suffix(".wasm") else {
                continue;
            };
            let path = self.root.join(name);
            if stem == MANIFEST {
                self.fault(Fault::Reserved, &path);
            } else if !is_bundle_name(stem) {
                self.fault(Fault::Name, &path);
            } else if self.listing.bundles.len() >= MAX_BUNDLES {
                let fault = Fault::TooMany {
                    what: "bundles",
                    bound: MAX_BUNDLES,
                };
                self.listing
                    .errors
                    .push(fault.of(self.root.display().to_string()));
                return;
            } else {
                let found = Found {
                    wasm: path,
                    data: BTreeMap::new(),
                    tests: None,
                };
                self.listing.bundles.insert(stem.to_owned(), found);
            }
        }
    }

    fn data(&mut self, name: &str) {
        if [MANIFEST, SIGNATURE].contains(&name) {
            self.listing.has_manifest = true;
            return;
        }
        let path = self.root.join(name);
        let Some((stem, rest)) = name.split_once('.') else {
            return self.warn(name, "belongs to no bundle");
        };
        if name.ends_with(".wasm") {
            return;
        }
        if rest.starts_with("wasm.") {
            return self.warn(name, "looks like a copy of a policy and is ignored");
        }
        let Some(bundle) = self.listing.bundles.get_mut(stem) else {
            return self.warn(name, "has no bundle of that name beside it and is ignored");
        };
        if rest == "tests.toml" {
            bundle.tests = Some(path);
        } else if rest == "d" {
            self.data_dir(stem, &path, "", 1);
        } else {
            self.data_file(stem, name.to_owned(), path);
        }
    }

    fn data_dir(&mut self, bundle: &str, dir: &Path, prefix: &str, depth: usize) {
        if depth > MAX_DEPTH {
            let fault = Fault::TooMany {
                what: "levels of directories",
                bound: MAX_DEPTH,
            };
            return self.fault(fault, dir);
        }
        let names = match self.names(dir) {
            Ok(names) => names,
            Err(fault) => return self.fault(fault, dir),
        };
        for name in names {
            let path = dir.join(&name);
            let inside = format!("{prefix}{name}");
            match std::fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    self.data_dir(bundle, &path, &format!("{inside}/"), depth + 1)
                }
                Ok(_) => self.data_file(bundle, inside, path),
                Err(error) => self.fault(Fault::Unreadable(error), &path),
            }
        }
    }

    fn data_file(&mut self, bundle: &str, inside: String, path: PathBuf) {
        if !inside.split('/').all(|part| is_name(part, b".")) {
            return self.fault(Fault::Name, &path);
        }
        let Some(found) = self.listing.bundles.get_mut(bundle) else {
            return;
        };
        if found.data.contains_key(&inside) {
            return self.fault(Fault::SameName, &path);
        }
        found.data.insert(inside, path);
    }

    fn warn(&mut self, name: &str, what: &str) {
        self.listing.warnings.push(format!("{name:?} {what}"));
    }

    fn fault(&mut self, fault: Fault, path: &Path) {
        self.listing
            .errors
            .push(fault.of(relative(self.root, path)));
    }
}

/// A path as messages show it: relative to the policy directory.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests;
