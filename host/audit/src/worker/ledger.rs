//! Records that were lost at a sink's end: kept in the state directory, for the next start to
//! record them.
//!
//! A file for each sink that lost some, `audit-lost-NAME`, with their number in decimal.

use std::sync::Arc;

use warden_state::PrivateDir;

/// Longest file: the digits of the largest number, and a line's end.
const MOST_BYTES: u64 = 21;

/// One sink's number.
pub(super) struct Ledger {
    state: Arc<PrivateDir>,
    file: String,
    /// What the file says; 0 when there is none.
    holds: u64,
}

impl Ledger {
    /// Of the sink of this name. Nothing is read yet.
    pub(super) fn new(state: Arc<PrivateDir>, name: &str) -> Self {
        Self {
            state,
            file: format!("audit-lost-{name}"),
            holds: 0,
        }
    }

    /// How many records were lost at the end before.
    ///
    /// # Errors
    /// When there is a file, and it cannot be read or holds no number.
    pub(super) fn read(&mut self) -> Result<u64, String> {
        let read = self.state.read(&self.file, MOST_BYTES);
        let Some(bytes) = read.map_err(|error| error.to_string())? else {
            return Ok(0);
        };
        let digits = str::from_utf8(&bytes).map(str::trim_end).ok();
        let Some(records) = digits.and_then(|digits| digits.parse().ok()) else {
            let path = self.state.path(&self.file);
            return Err(format!("{path:?} holds no number; remove it"));
        };
        self.holds = records;
        Ok(records)
    }

    /// Keeps that so many were lost.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&mut self, records: u64) -> Result<(), String> {
        if records == self.holds {
            return Ok(());
        }
        let line = format!("{records}\n");
        let kept = self.state.replace(&self.file, &[line.as_bytes()]);
        kept.map_err(|error| error.to_string())?;
        self.holds = records;
        Ok(())
    }

    /// They are recorded.
    ///
    /// # Errors
    /// When the file cannot be removed: they will be recorded again.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.holds) == 0 {
            return Ok(());
        }
        let path = self.state.path(&self.file);
        std::fs::remove_file(&path).map_err(|error| format!("{path:?} cannot be removed: {error}"))
    }
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
