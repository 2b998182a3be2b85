//! A directory becomes the next generation, whole or not at all.
//!
//! Runs on the loader's thread and does all I/O of this room. Whatever goes
//! wrong, the previous generation stays as it is.

use std::path::Path;
use std::sync::Arc;

use crate::bundle::directory::{self, Listing};
use crate::bundle::{Bundle, files};
use crate::engine::Engine;
use crate::error::{BundleError, LoadError};
use crate::generation::{Frame, Generation};
use crate::prepare::prepare;

impl Engine {
    /// Loads the bundles of a directory; an empty path is a directory without any.
    ///
    /// Bundles whose files are those of `previous` are shared with it, those
    /// whose wasm is the same are not compiled again. When nothing changed at
    /// all, the frame included, `previous` itself is returned. Needs 1 MiB of
    /// stack; compiling takes from milliseconds to a minute.
    ///
    /// # Errors
    /// Every error of every bundle. There is then no new generation.
    pub fn load(
        &self,
        dir: &Path,
        frame: Frame,
        previous: Option<&Arc<Generation>>,
    ) -> Result<Arc<Generation>, LoadError> {
        let Listing {
            bundles: found,
            mut warnings,
            mut errors,
        } = list(dir)?;
        let mut bundles = Vec::new();
        for (name, found) in &found {
            let known = previous.and_then(|p| p.bundles.iter().find(|b| b.name() == name));
            match self.bundle(dir, name, found, known, &mut warnings) {
                Ok(bundle) => bundles.push(bundle),
                Err(faults) => errors.extend(faults),
            }
        }
        if !errors.is_empty() {
            errors.sort_by(|a, b| a.file.cmp(&b.file));
            return Err(LoadError { errors });
        }
        if let Some(previous) = previous
            && is_same(previous, &frame, &bundles, &warnings)
        {
            return Ok(Arc::clone(previous));
        }
        let number = previous.map_or(1, |p| p.number.saturating_add(1));
        let machine = Arc::clone(&self.machine);
        Ok(Arc::new(Generation::new(
            number, machine, frame, bundles, warnings,
        )))
    }

    fn bundle(
        &self,
        dir: &Path,
        name: &str,
        found: &directory::Found,
        known: Option<&Arc<Bundle>>,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Bundle>, Vec<BundleError>> {
        let contents = files::read(dir, found)?;
        if let Some(known) = known
            && known.digest == contents.digest
        {
            return Ok(Arc::clone(known));
        }
        prepare(self, name, contents, known, warnings)
            .map_err(|fault| vec![fault.of(directory::relative(dir, &found.wasm))])
    }
}

fn list(dir: &Path) -> Result<Listing, LoadError> {
    if dir.as_os_str().is_empty() {
        return Ok(Listing::default());
    }
    directory::list(dir).map_err(|error| LoadError {
        errors: vec![error],
    })
}

fn is_same(
    previous: &Generation,
    frame: &Frame,
    bundles: &[Arc<Bundle>],
    warnings: &[String],
) -> bool {
    previous.frame == *frame
        && previous.warnings == warnings
        && previous.bundles.len() == bundles.len()
        && previous
            .bundles
            .iter()
            .zip(bundles)
            .all(|(a, b)| Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests;
