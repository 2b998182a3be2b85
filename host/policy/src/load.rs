//! A directory becomes the next generation, whole or not at all.
//!
//! Runs on the loader's thread and does all I/O of this room. Whatever goes
//! wrong, the previous generation stays as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use warden_core::Now;

use crate::bundle::Bundle;
use crate::bundle::directory::{self, Listing};
use crate::bundle::files::{self, Contents};
use crate::engine::Engine;
use crate::error::{Fault, LoadError};
use crate::gate::TestFile;
use crate::generation::{Frame, Generation};
use crate::prepare::prepare;

impl Engine {
    /// Loads the bundles of a directory; an empty path is a directory without any.
    ///
    /// Bundles whose files are those of `previous` are shared with it, those
    /// whose wasm is the same are not compiled again. When nothing changed at
    /// all, the frame included, `previous` itself is returned. Otherwise every test
    /// of the generation is run, at `now` where it names no time. Needs 1 MiB of
    /// stack; compiling takes from milliseconds to a minute, and so do the tests.
    ///
    /// # Errors
    /// Every error of every bundle, and then of every test. There is then no new
    /// generation.
    pub fn load(
        &self,
        dir: &Path,
        frame: Frame,
        previous: Option<&Arc<Generation>>,
        now: Now,
    ) -> Result<Arc<Generation>, LoadError> {
        let next = self.load_untested(dir, frame, previous)?;
        if previous.is_some_and(|previous| Arc::ptr_eq(previous, &next)) {
            return Ok(next);
        }
        match next.run_tests(now).errors(dir) {
            errors if errors.is_empty() => Ok(next),
            errors => Err(LoadError { errors }),
        }
    }

    /// The same without running a test, for tools that show how tests go one by one.
    /// What serves log-ins takes [`load`](Self::load): only that is known to be good.
    ///
    /// # Errors
    /// Every error of every bundle and of every test file.
    pub fn load_untested(
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
        let missing = frame
            .required
            .iter()
            .filter(|name| !found.contains_key(name.as_str()));
        errors.extend(missing.map(|name| Fault::Required.of(format!("{name}.wasm"))));
        let mut read = Vec::new();
        for (name, found) in &found {
            match files::read(dir, found) {
                Ok(contents) => read.push((name, &found.wasm, contents)),
                Err(faults) => errors.extend(faults),
            }
        }
        if !read.iter().all(|(_, _, contents)| contents.is_current()) || list(dir)?.bundles != found
        {
            errors.push(Fault::Changing.of(dir.display().to_string()));
            return Err(LoadError { errors });
        }
        // What another engine compiled cannot run on this one.
        let ours = previous.filter(|p| Arc::ptr_eq(&p.machine, &self.machine));
        let mut bundles = Vec::new();
        let mut tests = Vec::new();
        for (name, wasm, contents) in read {
            match contents.tests.as_deref().map(|b| TestFile::parse(name, b)) {
                Some(Ok(file)) => tests.push(Arc::new(file)),
                Some(Err(mistakes)) => errors.extend(
                    mistakes
                        .into_iter()
                        .map(|mistake| Fault::Tests(mistake).of(TestFile::name_of(name))),
                ),
                None => {}
            }
            let known = ours.and_then(|p| p.bundles.iter().find(|b| b.name() == name));
            match self.bundle(name, contents, known, &mut warnings) {
                Ok(bundle) => bundles.push(bundle),
                Err(fault) => errors.push(fault.of(directory::relative(dir, wasm))),
            }
        }
        if !errors.is_empty() {
            errors.sort_by(|a, b| a.file.cmp(&b.file));
            return Err(LoadError { errors });
        }
        if let Some(previous) = previous
            && is_same(previous, &frame, &bundles, &warnings, &tests)
        {
            return Ok(Arc::clone(previous));
        }
        let number = previous.map_or(1, |p| p.number.saturating_add(1));
        let machine = Arc::clone(&self.machine);
        let next = Generation::new(number, machine, frame, bundles, warnings, tests);
        Ok(Arc::new(next))
    }

    fn bundle(
        &self,
        name: &str,
        contents: Contents,
        known: Option<&Arc<Bundle>>,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Bundle>, Fault> {
        match known {
            Some(known) if known.digest == contents.digest => Ok(Arc::clone(known)),
            known => contained(|| prepare(self, name, contents, known, warnings)),
        }
    }
}

/// Runs what takes a component apart. The libraries behind it have panicked on bytes
/// made to hurt them: that is a fault of what is taken apart, not the end of the loader.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // Nothing shared is left half-changed: it is built aside and published whole.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        // Dropping a payload can panic again; a few leaked bytes are the better end.
        std::mem::forget(payload);
        Err(Fault::NotComponent(
            "it is malformed in a way its reader did not expect".to_owned(),
        ))
    })
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
    tests: &[Arc<TestFile>],
) -> bool {
    previous.frame == *frame
        && previous.warnings == warnings
        && previous.bundles.len() == bundles.len()
        && previous
            .bundles
            .iter()
            .zip(bundles)
            .all(|(a, b)| Arc::ptr_eq(a, b))
        && previous.tests.len() == tests.len()
        && previous
            .tests
            .iter()
            .zip(tests)
            .all(|(a, b)| (&a.bundle, a.digest) == (&b.bundle, b.digest))
}

#[cfg(test)]
mod tests;
