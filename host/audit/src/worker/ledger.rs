//! Records that were lost at a sink's end: kept in the state directory, for the next start to
//! record them.
//!
//! A file for each sink that lost some, `audit-lost-NAME`, with their number in decimal.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use warden_state::PrivateDir;

/// Longest file: the digits of the largest number, and a line's end.
const MOST_BYTES: u64 = 21;

/// One sink's number.
pub(super) struct Ledger {
    state: Arc<PrivateDir>,
    file: String,
    /// How much of what the file says this sink knows of.
    known: u64,
}

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
    /// When it cannot be written.
    pub(super) fn keep(&mut self, records: u64) -> Result<(), String> {
        let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        // What is no number was told when it was read, and nobody can add to it.
        let others = self.there().unwrap_or(0).saturating_sub(self.known);
        self.write(others.saturating_add(records))?;
        self.known = records;
        Ok(())
    }

    /// Those that it knows of are recorded.
    ///
    /// # Errors
    /// When the file cannot be written: they will be recorded again.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        if self.known == 0 {
            return Ok(());
        }
        let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let others = self.there()?.saturating_sub(self.known);
        self.known = 0;
        self.write(others)
    }

    /// Goes on under another name, with what is known; answers what was kept under that one.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn rename(&mut self, name: &str) -> Result<u64, String> {
        let known = self.known;
        self.clear()?;
        self.file = file(name);
        let found = self.read()?;
        if known > 0 {
            self.keep(found.saturating_add(known))?;
        }
        Ok(found)
    }

    /// What the file says; 0 when there is none.
    fn there(&self) -> Result<u64, String> {
        let read = self.state.read(&self.file, MOST_BYTES);
        let Some(bytes) = read.map_err(|error| error.to_string())? else {
            return Ok(0);
        };
        let digits = str::from_utf8(&bytes).map(str::trim_end).ok();
        digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| {
                let path = self.state.path(&self.file);
                format!("{path:?} holds no number; remove it")
            })
    }

    fn write(&self, records: u64) -> Result<(), String> {
        if records > 0 {
            let line = format!("{records}\n");
            let kept = self.state.replace(&self.file, &[line.as_bytes()]);
            return kept.map_err(|error| error.to_string());
        }
        let path = self.state.path(&self.file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{path:?} cannot be removed: {error}"))
            }
            _ => Ok(()),
        }
    }
}

fn file(name: &str) -> String {
    format!("audit-lost-{name}")
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
        ledger(&state).keep(3).unwrap();
        assert_eq!(ledger(&state).read(), Ok(3));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "5");
    }
}
