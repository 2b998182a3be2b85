//! What policies and plugins write, in the server's log.
//!
//! In: lines of guests, escaped, and bounded for each run. Out: lines of the server's log;
//! of a plugin only so many a second, for it runs for whoever comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use warden_core::Clock;
use warden_policy::{GuestLog, Level as GuestLevel, Speaker};

use crate::ffi::{Level, log};
use crate::quota::{Allowance, Quota};

/// Lines of one plugin and one level in one second: those of two runs. Bounds what somebody
/// without a credential can have a plugin write to the operator's disk.
const LINES_A_SECOND: u32 = 32;

/// Writes guests' lines.
pub(crate) struct GuestLines {
    clock: Arc<dyn Clock>,
    quotas: Mutex<BTreeMap<(Arc<str>, Grade), Quota>>,
}

/// The place of a level among the others.
type Grade = u8;

impl GuestLines {
    /// By this clock.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            quotas: Mutex::default(),
        }
    }

    /// A policy runs for those who proved who they are, and what it says is remembered.
    fn allowance(&self, speaker: &Speaker, grade: Grade) -> Allowance {
        let Speaker::Plugin(id) = speaker else {
            return Allowance {
                granted: true,
                omitted: 0,
            };
        };
        let now = self.clock.monotonic();
        // Held for operations on the map alone.
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        let quota = quotas.entry((Arc::clone(id), grade));
        quota.or_insert(Quota::of(LINES_A_SECOND)).take(now)
    }
}

impl GuestLog for GuestLines {
    fn write(&self, speaker: &Speaker, level: GuestLevel, message: &str) {
        let (level, grade) = match level {
            GuestLevel::Debug => (Level::Debug, 0),
            GuestLevel::Info => (Level::Verbose, 1),
            GuestLevel::Warning => (Level::Notice, 2),
            GuestLevel::Error => (Level::Warning, 3),
        };
        let Allowance { granted, omitted } = self.allowance(speaker, grade);
        if omitted > 0 {
            log(
                level,
                &format!("{omitted} more lines of {speaker} were not written here"),
            );
        }
        if granted {
            log(level, &format!("{speaker}: {message}"));
        }
    }
}
