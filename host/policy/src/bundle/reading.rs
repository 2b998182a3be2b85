//! All files of a policy directory, read at one moment and, where they must be, as they
//! were signed.
//!
//! In: what a directory holds, and the signed list when there must be one. Out: the bytes
//! of every bundle, of which nothing has been looked at yet.

use std::collections::BTreeMap;
use std::path::Path;

use super::directory::{self, Found};
use super::files::{self, Contents};
use crate::error::{BundleError, Fault};
use crate::manifest::Trusted;

/// The most that is read of a directory: all of it is held at once, before anything of it
/// is looked at.
pub(crate) const MAX_DIRECTORY_BYTES: usize = 256 << 20;

/// The files of one bundle.
pub(crate) struct Read<'a> {
    pub(crate) name: &'a str,
    pub(crate) wasm: &'a Path,
    pub(crate) contents: Contents,
}

/// What could be read.
pub(crate) struct Reading<'a> {
    pub(crate) bundles: Vec<Read<'a>>,
    /// Files that could not.
    pub(crate) errors: Vec<BundleError>,
}

impl<'a> Reading<'a> {
    /// Reads every bundle, each file once.
    ///
    /// # Errors
    /// When anything changed meanwhile, or is not what the list says: then nothing of it
    /// must be used.
    pub(crate) fn of(
        dir: &Path,
        found: &'a BTreeMap<String, Found>,
        trusted: Option<&Trusted>,
    ) -> Result<Self, Vec<BundleError>> {
        let mistaken = trusted.map(|trusted| trusted.names(dir, found));
        if let Some(mistaken) = mistaken.filter(|mistaken| !mistaken.is_empty()) {
            return Err(mistaken);
        }
        let mut reading = Self {
            bundles: Vec::new(),
            errors: Vec::new(),
        };
        let mut altered = Vec::new();
        let mut bytes = 0;
        for (name, found) in found {
            match files::read(dir, found) {
                Ok(contents) => {
                    bytes += contents.bytes();
                    if bytes > MAX_DIRECTORY_BYTES {
                        let fault = Fault::TooMany {
                            what: "bytes in all its policies' files",
                            bound: MAX_DIRECTORY_BYTES,
                        };
                        return Err(vec![fault.of(dir.display().to_string())]);
                    }
                    altered.extend(trusted.into_iter().flat_map(|t| t.altered(dir, &contents)));
                    // Bytes that nobody signed are not kept.
                    if altered.is_empty() {
                        reading.bundles.push(Read {
                            name,
                            wasm: &found.wasm,
                            contents,
                        });
                    }
                }
                Err(faults) => reading.errors.extend(faults),
            }
        }
        if !altered.is_empty() {
            altered.extend(reading.errors);
            return Err(altered);
        }
        let is_current = reading
            .bundles
            .iter()
            .all(|read| read.contents.is_current());
        let is_signed_for = trusted.is_none_or(Trusted::is_current);
        let again = directory::list(dir).map_err(|error| vec![error])?;
        if !is_current || !is_signed_for || again.bundles != *found {
            reading
                .errors
                .push(Fault::Changing.of(dir.display().to_string()));
            return Err(reading.errors);
        }
        Ok(reading)
    }
}
