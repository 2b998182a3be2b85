//! The signed list of everything a policy directory holds.
//!
//! ```text
//! MANIFEST.minisig + MANIFEST -> PolicyKeys -> SignedManifest -> compared with every file that was read
//!                                                  └-> Memory: nothing older than what this server has run
//! ```
//!
//! In: the bytes of both files, and of all others once they are read. Out: what may be
//! taken further, or what is wrong with it. Nothing is parsed, compiled or run before its
//! signature is known to be good; no file is read a second time.

mod distrust;
mod format;
mod keys;
mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::bundle::directory::{self, Found, relative};
use crate::bundle::files::{self, Contents, ReadFile};
use crate::bundle::reading::Reading;
use crate::bundle::root::Root;
use crate::digest::Digest;
use crate::error::{BundleError, Fault};

pub use distrust::Distrust;
pub use format::Manifest;
pub use keys::{KeyId, PolicyKey, PolicyKeys};
pub(crate) use memory::Memory;
pub use memory::Standing;

/// The list.
pub const MANIFEST: &str = "MANIFEST";
/// Its signature, as minisign names it.
pub const SIGNATURE: &str = "MANIFEST.minisig";

/// The most a list may hold: as much as the most files with the longest names come to.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 2 << 20;
/// The most a signature may hold: four lines, two of them comments.
const MAX_SIGNATURE_BYTES: u64 = 16 << 10;
/// Files that are named one by one when they are not what the list says.
const MAX_NAMED: usize = 20;

/// A list whose signature is good.
#[derive(Debug)]
pub struct SignedManifest {
    manifest: Manifest,
    digest: Digest,
    key: PolicyKey,
}

impl SignedManifest {
    /// Verifies a signature, and only then looks at what was signed.
    ///
    /// # Errors
    /// Which of the two files is wrong, and why.
    pub(crate) fn verify(
        keys: &PolicyKeys,
        manifest: &[u8],
        signature: &[u8],
    ) -> Result<Self, BundleError> {
        let key = keys
            .verify(manifest, signature)
            .map_err(|why| why.of(SIGNATURE))?;
        Ok(Self {
            manifest: Manifest::parse(manifest)
                .map_err(|why| Distrust::Manifest(why).of(MANIFEST))?,
            digest: Digest::of(manifest),
            key,
        })
    }

    /// What was signed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The key that signed it.
    pub fn key(&self) -> &PolicyKey {
        &self.key
    }

    /// SHA-256 of `MANIFEST`, as `sha256sum` prints it.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl PartialEq for SignedManifest {
    /// The same list by the same key.
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.key) == (other.digest, &other.key)
    }
}

/// A signed list as it was read from a directory.
pub(crate) struct Trusted {
    pub(crate) signed: Arc<SignedManifest>,
    read: [ReadFile; 2],
}

impl Trusted {
    /// The list of a directory, where there are keys; `None` where nothing needs to be
    /// signed. An empty path grants nobody anything, which needs no signature.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn of(dir: &Path, keys: &PolicyKeys) -> Result<Option<Self>, BundleError> {
        if keys.is_empty() || dir.as_os_str().is_empty() {
            return Ok(None);
        }
        Self::read(dir, keys).map(Some)
    }

    /// Reads and verifies the list of a directory.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or nobody of these keys signed it.
    pub(crate) fn read(dir: &Path, keys: &PolicyKeys) -> Result<Self, BundleError> {
        let root = files::root(dir)?;
        let (manifest, listed) = read(&root, dir, MANIFEST, MAX_MANIFEST_BYTES)?;
        let (signature, signed) = read(&root, dir, SIGNATURE, MAX_SIGNATURE_BYTES)?;
        Ok(Self {
            signed: Arc::new(SignedManifest::verify(keys, &manifest, &signature)?),
            read: [listed, signed],
        })
    }

    /// Whether both paths still lead to the very files that were read.
    pub(crate) fn is_current(&self) -> bool {
        self.read.iter().all(ReadFile::is_current)
    }

    /// Compares names before anything is read: each file of a bundle must be listed, and
    /// each that is listed must be a file of a bundle.
    pub(crate) fn names(&self, dir: &Path, found: &BTreeMap<String, Found>) -> Vec<BundleError> {
        let found = found.values().flat_map(Found::paths);
        let found: BTreeSet<String> = found.map(|path| relative(dir, path)).collect();
        let listed = &self.signed.manifest.files;
        let unlisted = found.iter().filter(|name| !listed.contains_key(*name));
        let unlisted = unlisted.map(|name| Distrust::Unlisted.of(name));
        let missing = listed.keys().filter(|name| !found.contains(*name));
        let missing = missing.map(|name| Distrust::Missing.of(name));
        few(unlisted.chain(missing).collect())
    }

    /// Compares the very bytes that were read of a bundle.
    pub(crate) fn altered(&self, dir: &Path, contents: &Contents) -> Vec<BundleError> {
        let altered = contents.read.iter().filter_map(|file| {
            let name = relative(dir, &file.path);
            match self.signed.manifest.files.get(&name) {
                Some(listed) if *listed == file.digest => None,
                Some(listed) => {
                    let (found, listed) = (file.digest, *listed);
                    Some(Distrust::Altered { found, listed }.of(name))
                }
                None => Some(Distrust::Unlisted.of(name)),
            }
        });
        few(altered.collect())
    }
}

fn read(
    root: &Root,
    dir: &Path,
    name: &'static str,
    bound: u64,
) -> Result<(Vec<u8>, ReadFile), BundleError> {
    let path = dir.join(name);
    if path.symlink_metadata().is_err() {
        return Err(Distrust::Unsigned.of(name));
    }
    files::read_file(root, &path, bound).map_err(|fault| fault.of(name))
}

/// The first of many errors, and how many more there are.
fn few(mut errors: Vec<BundleError>) -> Vec<BundleError> {
    let more = errors.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        errors.truncate(MAX_NAMED);
        errors.push(Distrust::More(more).of(MANIFEST));
    }
    errors
}

impl Manifest {
    /// The list of everything a loader would read in a directory, by the loader's own
    /// code: what it would refuse to read cannot be signed.
    ///
    /// # Errors
    /// Every file that cannot be part of a generation.
    pub fn of_directory(
        dir: &Path,
        revision: u64,
        created: Option<&str>,
    ) -> Result<Self, Vec<BundleError>> {
        let listing = directory::list(dir).map_err(|error| vec![error])?;
        let reading = Reading::of(dir, &listing.bundles, None)?;
        let errors: Vec<_> = listing.errors.into_iter().chain(reading.errors).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let read = reading.bundles.iter();
        let files = read.flat_map(|bundle| &bundle.contents.read);
        let files = files.map(|file| (relative(dir, &file.path), file.digest));
        Self::new(revision, created, files.collect())
            .map_err(|why| vec![Distrust::Manifest(why).of_manifest()])
    }
}

/// The list that is in a directory, when one of these keys signed it; `None` when there is
/// no list. No file it names is looked at.
///
/// # Errors
/// When there is one that cannot be read, or that none of the keys signed.
pub fn read_manifest(
    dir: &Path,
    keys: &PolicyKeys,
) -> Result<Option<Arc<SignedManifest>>, BundleError> {
    match Trusted::read(dir, keys) {
        Ok(trusted) => Ok(Some(trusted.signed)),
        Err(error) if error.file == MANIFEST && is_unsigned(&error.fault) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_unsigned(fault: &Fault) -> bool {
    matches!(fault, Fault::Untrusted(Distrust::Unsigned))
}

/// Verifies a directory as a load does: its list, and every file that a load would read.
/// Nothing is compiled.
///
/// # Errors
/// Everything that is not as it was signed.
pub fn verify_directory(
    dir: &Path,
    keys: &PolicyKeys,
) -> Result<Arc<SignedManifest>, Vec<BundleError>> {
    let listing = directory::list(dir).map_err(|error| vec![error])?;
    let trusted = Trusted::read(dir, keys).map_err(|error| vec![error])?;
    let reading = Reading::of(dir, &listing.bundles, Some(&trusted))?;
    let errors: Vec<_> = listing.errors.into_iter().chain(reading.errors).collect();
    if errors.is_empty() {
        Ok(trusted.signed)
    } else {
        Err(errors)
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
