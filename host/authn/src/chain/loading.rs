//! Building the next generation of the chain, file by file.
//!
//! In come the files of the directory in order and the generation before; out
//! goes a [`LoadReport`]. The generation in force is never touched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use warden_core::plugin::Reads;
use warden_core::{Attach, AuthenticatorId};
use warden_settings::FileError;

use super::entry::Entry;
use super::looking;
use super::{Chain, ChainSettings, LoadReport, Slot, next_generation};
use crate::directory::{self, Made};
use crate::services::Services;

/// Faults of one file that are told: bounds what a file of nonsense writes to the log.
const MAX_FAULTS: usize = 20;

/// What keeps sessions from being users of the server's own ACL.
const WITHOUT_POLICIES: &str = "\"acl-user\" makes sessions to which no policy applies, and warden.ceiling or \
     warden.required_policies are set for all of them";

/// The next generation while it is being built.
pub(super) struct Loading<'a> {
    previous: Option<&'a Chain>,
    slots: Vec<Slot>,
    watched: Vec<PathBuf>,
    errors: Vec<FileError>,
    files: usize,
    settings: &'a ChainSettings,
    services: &'a Services,
}

impl<'a> Loading<'a> {
    /// Starts from nothing; `previous` gives unchanged and last good versions.
    pub(super) fn new(
        settings: &'a ChainSettings,
        services: &'a Services,
        previous: Option<&'a Chain>,
    ) -> Self {
        Self {
            previous,
            slots: Vec::new(),
            watched: Vec::new(),
            errors: Vec::new(),
            files: 0,
            settings,
            services,
        }
    }

    /// Takes the next file in order, good or not.
    pub(super) fn take(&mut self, file: &Path) {
        let Some(read) = directory::read(file, self.services) else {
            return;
        };
        self.files += 1;
        self.watched.extend(read.watched);
        match read.result {
            Ok(made)
                if !self.settings.may_attach
                    && made.authenticator.coexistence().attach == Attach::AclUser =>
            {
                self.fault(file, "attach", WITHOUT_POLICIES);
                self.keep_last_good(file);
            }
            Ok(made) => match self.holder(made.authenticator.id()) {
                None => self.install(file, made),
                Some(other) => {
                    let message = format!(
                        "{:?} is taken by {other:?}",
                        made.authenticator.id().as_str()
                    );
                    self.fault(file, "id", message);
                    self.keep_last_good(file);
                }
            },
            Err(faults) => {
                let more = faults.len().saturating_sub(MAX_FAULTS);
                let shown = faults.into_iter().take(MAX_FAULTS);
                self.errors.extend(shown.map(|fault| fault.in_file(file)));
                if more > 0 {
                    self.fault(file, "", format!("and {more} more"));
                }
                self.keep_last_good(file);
            }
        }
    }

    fn install(&mut self, file: &Path, made: Made) {
        let unchanged = self
            .previous
            .and_then(|chain| chain.slot_of(file))
            .filter(|slot| slot.entry.fingerprint == made.fingerprint);
        let entry = unchanged.map_or_else(
            || {
                made.authenticator.start();
                Arc::new(Entry::new(file.to_owned(), made, next_generation()))
            },
            |slot| Arc::clone(&slot.entry),
        );
        self.slots.push(Slot {
            entry,
            last_good: false,
        });
    }

    fn keep_last_good(&mut self, file: &Path) {
        let Some(slot) = self.previous.and_then(|chain| chain.slot_of(file)) else {
            return;
        };
        if self.holder(slot.entry.id()).is_some() {
            self.fault(
                file,
                "id",
                "its last good version is dropped: the id is taken",
            );
            return;
        }
        self.slots.push(Slot {
            entry: Arc::clone(&slot.entry),
            last_good: true,
        });
    }

    fn holder(&self, id: &AuthenticatorId) -> Option<&Path> {
        let slot = self.slots.iter().find(|slot| slot.entry.id() == id)?;
        Some(&slot.entry.file)
    }

    fn fault(&mut self, file: &Path, key: &str, message: impl Into<String>) {
        self.errors.push(FileError {
            file: file.to_owned(),
            key: key.to_owned(),
            message: message.into(),
            passes: false,
        });
    }

    /// Finds fault with files whose `groups_from` leads nowhere, whatever the order of the
    /// files. They keep their last good version; where that leads nowhere either, what it
    /// proves stays undecided.
    fn check_sources(&mut self) {
        let wrong: Vec<(PathBuf, String)> = self
            .slots
            .iter()
            .filter_map(|slot| {
                let why = looking::fault(&slot.entry, &self.slots)?;
                Some((slot.entry.file.clone(), why))
            })
            .collect();
        for (file, why) in wrong {
            self.fault(&file, "groups_from", why);
            let former = self.previous.and_then(|chain| chain.slot_of(&file));
            let former = former.map(|slot| Arc::clone(&slot.entry)).filter(|former| {
                self.holder(former.id())
                    .is_none_or(|holder| holder == file.as_path())
            });
            let Some(place) = self.slots.iter().position(|slot| slot.entry.file == file) else {
                continue;
            };
            let slot = self.slots.remove(place);
            let last_good = true;
            if let Some(entry) = former {
                self.slots.insert(place, Slot { entry, last_good });
            } else if self.previous.is_none() {
                // Tells what it is of a load that fails.
                self.slots.insert(place, slot);
            }
        }
    }

    /// The generation, and what differs from the previous one.
    pub(super) fn finish(mut self) -> LoadReport {
        self.check_sources();
        // A file in error counts: a bare group name must not become ambiguous, or
        // another's, the moment that file is mended.
        let sole = self.files == 1;
        let same = self.previous.filter(|chain| {
            numbers(&chain.slots).eq(numbers(&self.slots))
                && chain.sole == sole
                && chain.settings.judges_as(self.settings)
        });
        let mut watched = self.watched;
        watched.sort_unstable();
        watched.dedup();
        let chain = Chain {
            generation: AtomicU64::new(same.map_or_else(next_generation, Chain::generation)),
            reads: self
                .slots
                .iter()
                .map(|slot| slot.entry.authenticator.reads())
                .fold(Reads::default(), Reads::or),
            spares_local_users: self
                .slots
                .iter()
                .any(|slot| slot.entry.coexistence().spares_local_users),
            slots: self.slots,
            watched,
            settings: self.settings.clone(),
            sole,
        };
        let (before, after) = (
            self.previous.map(Chain::versions).unwrap_or_default(),
            chain.versions(),
        );
        let removed: Vec<AuthenticatorId> = before
            .keys()
            .filter(|id| !after.contains_key(*id))
            .map(|id| (*id).clone())
            .collect();
        let differs = |id: &AuthenticatorId| {
            let (old, new) = (before.get(id), after.get(id));
            old.is_some() && old != new
        };
        let altered = after.keys().filter(|id| differs(id));
        // Whom an authenticator proves is what its directory says, too.
        let affected = chain.slots.iter().filter(|slot| {
            let source = slot.entry.source.as_ref();
            differs(slot.entry.id()) || source.is_some_and(|source| differs(&source.directory))
        });
        LoadReport {
            changed: same.is_none(),
            altered: altered.map(|id| (*id).clone()).collect(),
            affected: affected.map(|slot| slot.entry.id().clone()).collect(),
            removed,
            errors: self.errors,
            chain: Arc::new(chain),
        }
    }
}

fn numbers(slots: &[Slot]) -> impl Iterator<Item = u64> {
    slots.iter().map(|slot| slot.entry.generation)
}
