//! Which revision of signed policies this server has run, remembered over restarts.
//!
//! In: a signed list that is about to come into force. Out: whether it may, that is,
//! whether nothing newer has. The mark is a file of `state_dir`; what was once read or
//! written is held in memory too, so that a file that disappears forgets nothing while the
//! server runs. Where the mark cannot be read or written the answer is no.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use warden_state::PrivateDir;

use super::{Distrust, Manifest, SignedManifest};
use crate::error::{BundleError, gist};

/// The file's name.
const FILE: &str = "policy-revision.json";
/// The most it may hold.
const MAX_BYTES: u64 = 1024;

/// The highest revision that was in force, and its `MANIFEST`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    revision: u64,
    manifest: String,
}

impl Mark {
    fn of(signed: &SignedManifest) -> Self {
        Self {
            revision: signed.manifest().revision(),
            manifest: signed.digest().to_string(),
        }
    }
}

/// How a revision that may come into force stands to what was run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing newer was run; or nothing needs to be signed.
    InOrder,
    /// No revision is remembered with which it could be compared.
    First,
    /// It would be refused, had an operator not allowed it: it is older than what was run,
    /// or not what was run under this revision, or nobody knows what was run.
    Overridden,
}

/// The mark.
pub(crate) struct Memory {
    /// `state_dir`; without one the mark lives as long as the process.
    state_dir: Option<PathBuf>,
    known: Mutex<Option<Mark>>,
}

impl Memory {
    pub(crate) fn new(state_dir: Option<PathBuf>) -> Self {
        Self {
            state_dir,
            known: Mutex::new(None),
        }
    }

    /// Whether a list may come into force, and how it stands.
    ///
    /// # Errors
    /// When something newer was in force, or nobody knows.
    pub(crate) fn may_run(
        &self,
        signed: &SignedManifest,
        allowed: Option<u64>,
    ) -> Result<Standing, BundleError> {
        let offered = Mark::of(signed);
        let standing = self.standing(&offered);
        match standing {
            Err(_) if allowed == Some(offered.revision) => Ok(Standing::Overridden),
            standing => standing,
        }
    }

    fn standing(&self, offered: &Mark) -> Result<Standing, BundleError> {
        match self.mark()? {
            Some(run) if offered.revision < run.revision => Err(Distrust::Older {
                offered: offered.revision,
                run: run.revision,
            }
            .of_manifest()),
            Some(run) if offered.revision == run.revision && *offered != run => {
                Err(Distrust::Another(run.revision).of_manifest())
            }
            Some(_) => Ok(Standing::InOrder),
            None => Ok(Standing::First),
        }
    }

    /// Remembers a list that comes into force now.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub(crate) fn remember(&self, signed: &SignedManifest) -> Result<(), BundleError> {
        let mark = Mark::of(signed);
        // What cannot be read is written over: an operator has allowed it.
        if !matches!(self.on_disk(), Ok(Some(kept)) if kept == mark) {
            self.write(&mark)?;
        }
        *self.known() = Some(mark);
        Ok(())
    }

    /// What was in force with the highest revision; `None` when none is remembered.
    fn mark(&self) -> Result<Option<Mark>, BundleError> {
        let kept = self.on_disk().map_err(|why| self.fault(why))?;
        let known = self.known().clone();
        Ok(match (known, kept) {
            (Some(known), Some(kept)) if kept.revision > known.revision => Some(kept),
            (Some(known), _) => Some(known),
            (None, kept) => kept,
        })
    }

    /// Moves of values: a poisoned lock holds whole ones.
    fn known(&self) -> MutexGuard<'_, Option<Mark>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_disk(&self) -> Result<Option<Mark>, String> {
        let Some(state_dir) = &self.state_dir else {
            return Ok(None);
        };
        let dir = PrivateDir::open(state_dir).map_err(|e| e.to_string())?;
        let Some(bytes) = dir.read(FILE, MAX_BYTES).map_err(|e| e.to_string())? else {
            return Ok(None);
        };
        let mark: Mark = serde_json::from_slice(&bytes)
            .map_err(|e| format!("it is not what warden wrote: {}", gist(&e.to_string())))?;
        if mark.revision > Manifest::MAX_REVISION {
            return Err("it is not what warden wrote: no list has such a revision".to_owned());
        }
        Ok(Some(mark))
    }

    fn write(&self, mark: &Mark) -> Result<(), BundleError> {
        let Some(state_dir) = &self.state_dir else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(mark).map_err(|e| self.fault(e.to_string()))?;
        PrivateDir::open(state_dir)
            .and_then(|dir| {
                dir.replace(FILE, &[&bytes])?;
                dir.sync()
            })
            .map_err(|e| self.fault(e.to_string()))
    }

    fn fault(&self, why: String) -> BundleError {
        let file = self.state_dir.iter().map(|dir| dir.join(FILE));
        let file: String = file.map(|path| path.display().to_string()).collect();
        Distrust::Memory(why).of(file)
    }
}

#[cfg(test)]
mod tests;
