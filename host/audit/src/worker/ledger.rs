//! Records that were lost at a sink's end: kept in the state directory, for the next start to
//! record them.
//!
//! A file for each sink that lost some, `audit-lost-NAME`, with their number in decimal.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warden_state::PrivateDir;

use super::TENDED;

/// Longest file: the digits of the largest number, and a line's end.
const MOST_BYTES: u64 = 21;

/// One sink's number.
pub(super) struct Ledger {
    state: Arc<PrivateDir>,
    file: String,
    /// How much of what the file says this sink knows of.
    known: u64,
    /// When the file could last not be changed, and why and what to do.
    failed: Option<(Duration, String)>,
}

/// A file that cannot be made use of.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{0:?} holds no number; remove it")]
    NoNumber(PathBuf),
    #[error("{0}; {MEND}")]
    Refused(warden_state::Error),
}

impl From<Unread> for String {
    fn from(why: Unread) -> Self {
        why.to_string()
    }
}

/// What to do about a file that the system refuses.
const MEND: &str = "make it a file that the server's user alone reads and writes, or remove it";

/// Held while a file is read and written anew: a sink that ends may have the name of one that
/// begins.
static CHANGING: Mutex<()> = Mutex::new(());

impl Ledger {
    /// Of the sink of this name. Nothing is read yet.
    pub(super) fn new(state: Arc<PrivateDir>, name: &str) -> Self {
        Self {
            state,
            file: file(name),
            known: 0,
            failed: None,
        }
    }

    /// How many records were lost at the end before.
    ///
    /// # Errors
    /// When there is a file, and it cannot be read or holds no number.
    pub(super) fn read(&mut self) -> Result<u64, String> {
        self.known = self.there()?;
        Ok(self.known)
    }

    /// Keeps that so many were lost, those that it knew of among them.
    ///
    /// # Errors
    /// When the file cannot be read or written: they will not be recorded.
    pub(super) fn keep(&mut self, records: u64) -> Result<(), String> {
        let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match self.there() {
            // That was told when it was read, and nobody can add to it.
            Err(Unread::NoNumber(_)) => 0,
            there => there?,
        };
        // Another sink of the name may have recorded what this one knows of, too.
        let all = u128::from(there) + u128::from(records);
        let all = all.saturating_sub(u128::from(self.known));
        self.write(u64::try_from(all).unwrap_or(u64::MAX))?;
        self.known = records;
        Ok(())
    }

    /// Those that it knows of are recorded: takes them out, once a second where that fails.
    /// [`Self::trouble`] says why.
    pub(super) fn clear_if_due(&mut self, now: Duration) {
        let is_due = |(last, _): &(Duration, _)| now.saturating_sub(*last) >= TENDED;
        if self.failed.as_ref().is_none_or(is_due) {
            self.failed = self.clear().err().map(|why| (now, why));
        }
    }

    /// Why what is recorded is still kept, and will be recorded again.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.failed.as_ref().map(|(_, why)| why.as_str())
    }

    fn clear(&mut self) -> Result<(), String> {
        if self.known == 0 {
            return Ok(());
        }
        let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(self.there()?.saturating_sub(self.known))?;
        self.known = 0;
        Ok(())
    }

    /// Goes on under another name, with what is known; answers what was kept under that one.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn rename(&mut self, name: &str) -> Result<u64, String> {
        let known = self.known;
        let cleared = self.clear();
        self.file = file(name);
        let found = self.read()?;
        if known > 0 && cleared.is_ok() {
            self.keep(found.saturating_add(known))?;
        }
        cleared.map(|()| found)
    }

    /// What the file says; 0 when there is none.
    fn there(&self) -> Result<u64, Unread> {
        let read = self.state.read(&self.file, MOST_BYTES);
        let Some(bytes) = read.map_err(Unread::Refused)? else {
            return Ok(0);
        };
        let digits = str::from_utf8(&bytes).map(str::trim_end).ok();
        let number = digits.and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| Unread::NoNumber(self.state.path(&self.file)))
    }

    fn write(&self, records: u64) -> Result<(), String> {
        if records > 0 {
            let line = format!("{records}\n");
            let kept = self.state.replace(&self.file, &[line.as_bytes()]);
            return kept.map_err(|error| format!("{error}; {MEND}"));
        }
        let path = self.state.path(&self.file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{path:?} cannot be removed: {error}; remove it"))
            }
            _ => Ok(()),
        }
    }
}

fn file(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// What the name of each file begins with.
const PREFIX: &str = "audit-lost-";

/// What is kept of sinks with other names than these: a line for each.
pub(crate) fn of_nobody(state: &PrivateDir, names: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(state.path(""));
    let files = entries.into_iter().flatten().flatten();
    let lines = files.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let name = file.strip_prefix(PREFIX)?;
        if names.contains(&name) {
            return None;
        }
        let bytes = state.read(&file, MOST_BYTES).ok()??;
        let records: u64 = str::from_utf8(&bytes).ok()?.trim_end().parse().ok()?;
        Some(format!(
            "{records} records were not written before the end of audit sink {name}, and no sink has that name: give one that name to record this, or remove {:?}",
            state.path(&file)
        ))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn ledger(state: &Arc<PrivateDir>) -> Ledger {
        Ledger::new(Arc::clone(state), "main")
    }

    #[test]
    fn what_is_kept_is_found_until_it_is_cleared() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        assert_eq!(ledger(&state).read(), Ok(0));
        ledger(&state).keep(u64::MAX).unwrap();
        assert_eq!(ledger(&state).read(), Ok(u64::MAX));
        let mut found = ledger(&state);
        found.read().unwrap();
        found.keep(7).unwrap();
        assert_eq!(ledger(&state).read(), Ok(7));
        found.clear().unwrap();
        found.clear().unwrap();
        assert_eq!(ledger(&state).read(), Ok(0));
        assert_eq!(Ledger::new(Arc::clone(&state), "other").read(), Ok(0));
    }

    #[test]
    fn what_another_kept_under_the_name_meanwhile_stays() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        let (mut old, mut new) = (ledger(&state), ledger(&state));
        assert_eq!(new.read(), Ok(0));
        old.keep(17).unwrap();
        new.clear().unwrap();
        new.keep(9).unwrap();
        assert_eq!(ledger(&state).read(), Ok(26));
        let mut next = ledger(&state);
        next.read().unwrap();
        old.keep(20).unwrap();
        next.clear().unwrap();
        assert_eq!(ledger(&state).read(), Ok(3), "what came in between");
    }

    #[test]
    fn what_is_kept_goes_with_the_name() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        let other = || Ledger::new(Arc::clone(&state), "other");
        ledger(&state).keep(5).unwrap();
        other().keep(2).unwrap();
        let mut renamed = ledger(&state);
        renamed.read().unwrap();
        assert_eq!(renamed.rename("other"), Ok(2));
        assert_eq!(ledger(&state).read(), Ok(0));
        assert_eq!(other().read(), Ok(7));
        renamed.clear().unwrap();
        assert_eq!(other().read(), Ok(0));
    }

    #[test]
    fn what_no_sink_will_record_is_told() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        ledger(&state).keep(5).unwrap();
        Ledger::new(Arc::clone(&state), "other").keep(7).unwrap();
        state.replace("audit-lost-none", &[b"x"]).unwrap();
        state.replace("other", &[b"5"]).unwrap();
        let lines = of_nobody(&state, &["main"]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("7 records ") && lines[0].contains("audit-lost-other"));
        assert!(of_nobody(&state, &["main", "other"]).is_empty());
    }

    #[test]
    fn what_is_no_number_of_ours_is_told_and_left() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        let path = state.path("audit-lost-main");
        let long = "1".repeat(100);
        for content in ["", "x", "-1", "1.5", "99999999999999999999", &long] {
            state
                .replace("audit-lost-main", &[content.as_bytes()])
                .unwrap();
            let why = ledger(&state).read().unwrap_err();
            assert!(why.contains("audit-lost-main"), "{why}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        std::fs::remove_file(&path).unwrap();
        let other = place.path().join("other");
        std::fs::write(&other, "5").unwrap();
        symlink(&other, &path).unwrap();
        ledger(&state).read().unwrap_err();
        let why = ledger(&state).keep(3).unwrap_err();
        assert!(why.contains("remove it"), "{why}");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "5");
    }

    #[test]
    fn what_another_recorded_meanwhile_is_not_kept_again() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        ledger(&state).keep(17).unwrap();
        let (mut one, mut other) = (ledger(&state), ledger(&state));
        one.read().unwrap();
        other.read().unwrap();
        one.clear().unwrap();
        other.keep(20).unwrap();
        assert_eq!(ledger(&state).read(), Ok(3));
    }

    #[test]
    fn what_cannot_be_cleared_is_tried_again_once_a_second() {
        let place = tempfile::tempdir().unwrap();
        let state = Arc::new(PrivateDir::open(&place.path().join("state")).unwrap());
        ledger(&state).keep(17).unwrap();
        let mut ledger = ledger(&state);
        ledger.read().unwrap();
        let path = state.path("audit-lost-main");
        std::fs::write(&path, "x").unwrap();
        ledger.clear_if_due(Duration::from_secs(5));
        assert!(ledger.trouble().unwrap().contains("remove it"));
        std::fs::write(&path, "19").unwrap();
        ledger.clear_if_due(Duration::from_millis(5999));
        assert!(ledger.trouble().is_some());
        ledger.clear_if_due(Duration::from_secs(6));
        assert_eq!(ledger.trouble(), None);
        assert_eq!(ledger.read(), Ok(2));
    }
}
