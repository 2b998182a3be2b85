//! The bundles of a directory as they lie there, before anything of them is in force.
//!
//! For tools that look at a policy's data beside its schema, above all when a load
//! refuses that data. Nothing here compiles, runs or decides anything.

use std::path::Path;

use super::directory::{self, relative};
use super::reading::Reading;
use crate::error::{Fault, LoadError};
use crate::manifest::{PolicyKeys, Trusted};
use crate::schema::data_schema;

/// A bundle's files, read and not looked at.
#[derive(Debug)]
pub struct Unloaded {
    /// `rbac` for `rbac.wasm`.
    pub name: String,
    /// The schema its component carries for its data.
    pub schema: Result<Option<String>, Fault>,
    /// Its data files, by their names inside the bundle.
    pub data: Vec<UnloadedFile>,
    /// Whether there is a test file.
    pub has_tests: bool,
}

/// A data file of a bundle that was not loaded.
#[derive(Debug)]
pub struct UnloadedFile {
    /// Where it lies, relative to the policy directory.
    pub file: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Unloaded {
    /// Reads every bundle of a directory, by name. Those with a file that cannot be read
    /// are left out: a load tells why. Where there are keys, the directory must be signed by
    /// one of them.
    ///
    /// # Errors
    /// When the directory itself cannot be listed, changes meanwhile, or is not as it was
    /// signed.
    pub fn read_all(dir: &Path, keys: &PolicyKeys) -> Result<Vec<Self>, LoadError> {
        let listing = directory::list(dir)?;
        let trusted = Trusted::of(dir, keys)?;
        let reading = Reading::of(dir, &listing.bundles, trusted.as_ref())
            .map_err(|errors| LoadError { errors })?;
        let bundles = reading.bundles.into_iter().map(|read| {
            let found = listing.bundles.get(read.name).into_iter();
            // Both are in the order of the names inside the bundle.
            let paths = found.flat_map(|found| found.data.values());
            let data = read.contents.data.into_iter().zip(paths);
            Self {
                name: read.name.to_owned(),
                has_tests: read.contents.tests.is_some(),
                schema: data_schema(&read.contents.wasm).map(|text| text.map(str::to_owned)),
                data: data
                    .map(|(file, path)| UnloadedFile {
                        file: relative(dir, path),
                        bytes: file.bytes,
                    })
                    .collect(),
            }
        });
        Ok(bundles.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::testing::{Signer, keys};

    #[test]
    fn bundles_are_read_that_no_load_would_take() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes);
        write("a.wasm", b"no component").unwrap();
        write("a.toml", b"[unfinished").unwrap();
        std::fs::create_dir_all(dir.path().join("a.d/eu")).unwrap();
        write("a.d/eu/roles.toml", b"x = 1").unwrap();
        write("a.tests.toml", b"").unwrap();
        write(
            "b.wasm",
            warden_hostile::Guest::granting(&["+get"]).wasm().as_slice(),
        )
        .unwrap();
        write("c.wasm", b"").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("c.toml")).unwrap();

        let bundles = Unloaded::read_all(dir.path(), &PolicyKeys::default()).unwrap();
        let names: Vec<_> = bundles.iter().map(|bundle| bundle.name.as_str()).collect();
        assert_eq!(names, ["a", "b"], "c has data that cannot be read");
        assert!(matches!(bundles[0].schema, Err(Fault::NotComponent(_))));
        assert!(matches!(bundles[1].schema, Ok(None)));
        assert!(bundles[0].has_tests && !bundles[1].has_tests);
        let data = bundles[0].data.iter();
        let data: Vec<_> = data
            .map(|data| (data.file.as_str(), &*data.bytes))
            .collect();
        let expected: [(&str, &[u8]); 2] =
            [("a.toml", b"[unfinished"), ("a.d/eu/roles.toml", b"x = 1")];
        assert_eq!(data, expected);
        let nowhere = dir.path().join("nowhere");
        assert!(Unloaded::read_all(&nowhere, &PolicyKeys::default()).is_err());
    }

    #[test]
    fn what_nobody_signed_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.wasm"), b"no component").unwrap();
        let signer = Signer::new();
        assert!(Unloaded::read_all(dir.path(), &keys(&[&signer])).is_err());
        signer.sign_directory(dir.path(), 1);
        let bundles = Unloaded::read_all(dir.path(), &keys(&[&signer])).unwrap();
        assert_eq!(bundles.len(), 1);
        assert!(Unloaded::read_all(dir.path(), &keys(&[&Signer::new()])).is_err());
    }
}
