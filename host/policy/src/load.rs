//! A directory becomes the next generation, whole or not at all.
//!
//! Runs on the loader's thread, and on a second one while there are several bundles, and
//! does all I/O of this room. Whatever goes
//! wrong, the previous generation stays as it is.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use warden_core::Now;

use crate::bundle::Bundle;
use crate::bundle::directory::{self, Listing};
use crate::bundle::files::Contents;
use crate::bundle::reading::{Read, Reading};
use crate::contained::contained;
use crate::engine::{Engine, PLACED_BYTES};
use crate::error::{BundleError, Fault, LoadError};
use crate::gate::TestFile;
use crate::generation::{Frame, Generation};
use crate::log::Ear;
use crate::manifest::{Distrust, MANIFEST, PolicyKeys, SignedManifest, Standing, Trusted};
use crate::prepare::prepare;
use crate::snapshot;

/// The stack of a thread that compiles and asks policies.
const THREAD_BYTES: usize = 2 << 20;

/// Whether signed policies may be run, whatever was run before.
type MayRun<'a> = &'a dyn Fn(&SignedManifest) -> Result<(), BundleError>;

impl Engine {
    /// Loads the bundles of a directory; an empty path is a directory without any.
    ///
    /// Bundles whose files are those of `previous` are shared with it, those
    /// whose wasm is the same are not compiled again. When nothing changed at
    /// all, the frame included, `previous` itself is returned. Otherwise every test
    /// of the generation is run, at `now` where it names no time. Needs 1 MiB of
    /// stack; compiling takes from milliseconds to a minute, and so do the tests.
    ///
    /// Where the engine has policy keys, the directory must be signed by one of them.
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
        let next = self.load_untested(dir, frame, previous, Ear::Open)?;
        tested(next, dir, previous, now)
    }

    /// The same without running a test, for tools that show how tests go one by one.
    /// What serves log-ins takes [`load_to_serve`](Self::load_to_serve): only that is known
    /// to be good. With an ear that is shut, what policies say meanwhile is dropped.
    ///
    /// # Errors
    /// Every error of every bundle and of every test file.
    pub fn load_untested(
        &self,
        dir: &Path,
        frame: Frame,
        previous: Option<&Arc<Generation>>,
        ear: Ear,
    ) -> Result<Arc<Generation>, LoadError> {
        let keys = self.machine.policy_keys();
        self.assemble(dir, frame, previous, (&keys, &|_| Ok(())), ear)
    }

    /// Loads as [`load`](Self::load), for a generation that is put in force at once: signed
    /// policies older than what was run with this `state_dir` are refused, but for
    /// `allowed`, a revision that an operator has named; and what is answered is remembered
    /// as run. It is answered how its revision stood to what was run before.
    ///
    /// # Errors
    /// As there; and when something newer was in force, or that cannot be known or kept.
    pub fn load_to_serve(
        &self,
        dir: &Path,
        frame: Frame,
        previous: Option<&Arc<Generation>>,
        now: Now,
        allowed: Option<u64>,
    ) -> Result<(Arc<Generation>, Standing), LoadError> {
        let keys = self.machine.policy_keys();
        let memory = &self.machine.memory;
        let standing = Cell::new(Standing::InOrder);
        let may_run = |signed: &SignedManifest| {
            standing.set(memory.may_run(signed, allowed)?);
            Ok(())
        };
        let next = self.assemble(dir, frame, previous, (&keys, &may_run), Ear::Open)?;
        let next = tested(next, dir, previous, now)?;
        // Compiling takes its time: a key may have been taken back meanwhile.
        if self.machine.policy_keys() != keys {
            return Err(Distrust::KeysChanged.of_manifest().into());
        }
        if let Some(signed) = next.signed() {
            memory.remember(signed)?;
        }
        Ok((next, standing.get()))
    }

    /// Whether a generation that was loaded aside could come into force as it is: signed
    /// policies older than what was run could not. Remembers nothing. Reads a file.
    ///
    /// # Errors
    /// Why [`load_to_serve`](Self::load_to_serve) would not take it.
    pub fn may_serve(&self, generation: &Generation) -> Result<(), LoadError> {
        if let Some(signed) = generation.signed() {
            self.machine.memory.may_run(signed, None)?;
        }
        Ok(())
    }

    fn assemble(
        &self,
        dir: &Path,
        frame: Frame,
        previous: Option<&Arc<Generation>>,
        (keys, may_run): (&PolicyKeys, MayRun<'_>),
        ear: Ear,
    ) -> Result<Arc<Generation>, LoadError> {
        let Listing {
            bundles: found,
            has_manifest,
            mut warnings,
            mut errors,
        } = directory::list(dir)?;
        let trusted = Trusted::of(dir, keys)?;
        if let Some(trusted) = &trusted {
            may_run(&trusted.signed)?;
        } else if has_manifest {
            warnings.push(format!(
                "{MANIFEST:?} is not looked at: there are no policy_keys that could have signed it"
            ));
        }
        let missing = frame
            .required
            .iter()
            .filter(|name| !found.contains_key(name.as_str()));
        errors.extend(missing.map(|name| Fault::Required.of(format!("{name}.wasm"))));
        let reading = Reading::of(dir, &found, trusted.as_ref()).map_err(|faults| {
            let errors = errors.drain(..).chain(faults).collect();
            LoadError { errors }
        })?;
        errors.extend(reading.errors);
        // What another engine compiled cannot run on this one.
        let ours = previous.filter(|p| Arc::ptr_eq(&p.machine, &self.machine));
        // What is compiled now must not push out what the policies in force were made of.
        if let (Some(ours), Some(artefacts)) = (ours, &self.machine.artefacts) {
            let used = ours.bundles.iter();
            let used = used.flat_map(|bundle| snapshot::made_of(&self.machine, bundle));
            used.for_each(|(engine, digest)| artefacts.touch(engine, &digest));
        }
        let mut bundles = Vec::new();
        let mut tests = Vec::new();
        let is_small = |read: &Read<'_>| read.contents.wasm.len() <= PLACED_BYTES;
        let all = in_two(reading.bundles, is_small, self.machine.within, |read| {
            let Read {
                name,
                wasm,
                contents,
            } = read;
            let file = contents.tests.as_deref();
            let file = file.map(|bytes| (name, TestFile::parse(name, bytes)));
            let known = ours.and_then(|p| p.bundles.iter().find(|b| b.name() == name));
            let mut warnings = Vec::new();
            let bundle = self.bundle(name, contents, known, ear, &mut warnings);
            let bundle = bundle.map_err(|fault| fault.of(directory::relative(dir, wasm)));
            (file, bundle, warnings)
        });
        for (file, bundle, more) in all {
            match file {
                Some((_, Ok(file))) => tests.push(Arc::new(file)),
                Some((name, Err(mistakes))) => errors.extend(
                    mistakes
                        .into_iter()
                        .map(|mistake| Fault::Tests(mistake).of(TestFile::name_of(name))),
                ),
                None => {}
            }
            match bundle {
                Ok(bundle) => bundles.push(bundle),
                Err(error) => errors.push(error),
            }
            warnings.extend(more);
        }
        if !errors.is_empty() {
            errors.sort_by(|a, b| a.file.cmp(&b.file));
            return Err(LoadError { errors });
        }
        let signed = trusted.map(|trusted| trusted.signed);
        if let Some(previous) = previous
            && is_same(previous, &frame, &bundles, &warnings, &tests)
            && previous.signed == signed
        {
            return Ok(Arc::clone(previous));
        }
        let number = previous.map_or(1, |p| p.number.saturating_add(1));
        let machine = Arc::clone(&self.machine);
        let next = Generation::new(number, machine, frame, bundles, warnings, tests, signed);
        Ok(Arc::new(next))
    }

    fn bundle(
        &self,
        name: &str,
        contents: Contents,
        known: Option<&Arc<Bundle>>,
        ear: Ear,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Bundle>, Fault> {
        match known {
            Some(known) if known.digest == contents.digest && known.has_room(&self.machine) => {
                Ok(Arc::clone(known))
            }
            known => contained(Fault::malformed, || {
                prepare(self, name, contents, known, ear, warnings)
            }),
        }
    }
}

/// Does the same to each: one of them on this thread, and meanwhile a small one on a second
/// thread, whose work is done `within`: to compile two large ones at a time would take twice
/// a gigabyte. What comes of them is in their order.
fn in_two<T: Send, R: Send>(
    all: Vec<T>,
    is_small: impl Fn(&T) -> bool,
    within: fn(&mut dyn FnMut()),
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let all = all.into_iter().enumerate();
    let (small, large): (Vec<_>, Vec<_>) = all.partition(|(_, one)| is_small(one));
    let is_alone = small.is_empty() || small.len() + large.len() == 1;
    let small = Mutex::new(small.into_iter());
    let done = Mutex::new(BTreeMap::new());
    // Each critical section is one operation on a collection: a poisoned lock is usable.
    let next = || lock(&small).next();
    let carry_out = |(place, one)| {
        let result = work(one);
        lock(&done).insert(place, result);
    };
    let small_ones = || {
        while let Some(one) = next() {
            carry_out(one);
        }
    };
    thread::scope(|scope| {
        if !is_alone {
            // Where there is no second thread, the first does all.
            let second = thread::Builder::new().stack_size(THREAD_BYTES);
            let _ = second.spawn_scoped(scope, || within(&mut || small_ones()));
        }
        large.into_iter().for_each(carry_out);
        small_ones();
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The generation, when it is the one before or all its tests hold.
fn tested(
    next: Arc<Generation>,
    dir: &Path,
    previous: Option<&Arc<Generation>>,
    now: Now,
) -> Result<Arc<Generation>, LoadError> {
    if previous.is_some_and(|previous| Arc::ptr_eq(previous, &next)) {
        return Ok(next);
    }
    match next.run_tests(now, Ear::Open).errors(dir) {
        errors if errors.is_empty() => Ok(next),
        errors => Err(LoadError { errors }),
    }
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
