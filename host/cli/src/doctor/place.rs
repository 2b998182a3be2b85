//! Who may change, or read, a directory or file of the server's.
//!
//! In: a path and the user the server runs as. Out: what is wrong, into an
//! outcome. Whoever may write in `policy_dir` or `authenticator_dir` decides who
//! may do what; the rule for files is the module's own.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::{Outcome, Untold};
use super::server::Told;

/// What of a directory's entry the rules look at.
#[derive(Clone, Copy, Debug)]
struct Entry {
    owner: u32,
    /// The twelve permission bits.
    mode: u32,
}

impl Entry {
    fn of(metadata: &Metadata) -> Self {
        Self {
            owner: metadata.uid(),
            mode: metadata.mode() & 0o7777,
        }
    }

    fn is_trusted(self, server: u32) -> bool {
        self.owner == 0 || self.owner == server
    }
}

/// Checks a directory that is watched, and those above it.
///
/// # Errors
/// When this user may not look.
pub(crate) fn watched(outcome: &mut Outcome, path: &Path, server: u32) -> Result<(), Untold> {
    let Some(found) = look(path, fs::metadata(path))? else {
        missing(outcome, path);
        return Ok(());
    };
    if !found.is_dir() {
        outcome.object(format!("{path:?} is not a directory"), "name a directory");
        return Ok(());
    }
    let entry = Entry::of(&found);
    judge_owner(outcome, path, entry, server);
    if entry.mode & 0o022 != 0 {
        outcome.object(
            format!(
                "{path:?} can be written by others (mode {:04o})",
                entry.mode
            ),
            format!("chmod go-w {path:?}"),
        );
    }
    above(outcome, path, server)
}

/// Checks `state_dir`: nobody but the server enters it.
///
/// # Errors
/// When this user may not look.
pub(crate) fn private(outcome: &mut Outcome, path: &Path, server: u32) -> Result<(), Untold> {
    // The module does not follow a link here either.
    let Some(found) = look(path, fs::symlink_metadata(path))? else {
        missing(outcome, path);
        return Ok(());
    };
    if !found.is_dir() {
        outcome.object(
            format!("{path:?} is not a directory (a link is not followed)"),
            "name a directory of the server's own",
        );
        return Ok(());
    }
    let entry = Entry::of(&found);
    if entry.owner != server {
        outcome.object(
            format!(
                "{path:?} belongs to user id {}, not to the server's ({server})",
                entry.owner
            ),
            format!("chown {server} {path:?}"),
        );
    }
    if entry.mode & 0o077 != 0 {
        outcome.object(
            format!("{path:?} is open to others (mode {:04o})", entry.mode),
            format!("chmod 0700 {path:?}"),
        );
    }
    above(outcome, path, server)
}

/// Checks a file that warden reads, by the module's rule: not writable by
/// everyone, and a secret not readable by everyone.
///
/// # Errors
/// When this user may not look.
pub(crate) fn file(
    outcome: &mut Outcome,
    path: &Path,
    is_secret: bool,
    server: u32,
) -> Result<(), Untold> {
    let Some(found) = look(path, fs::metadata(path))? else {
        missing(outcome, path);
        return Ok(());
    };
    judge_file(outcome, path, Entry::of(&found), is_secret, server);
    Ok(())
}

fn judge_file(outcome: &mut Outcome, path: &Path, entry: Entry, is_secret: bool, server: u32) {
    if entry.mode & 0o002 != 0 {
        outcome.object(
            format!(
                "{path:?} can be written by everyone (mode {:04o})",
                entry.mode
            ),
            format!("chmod go-w {path:?}"),
        );
    }
    if is_secret && entry.mode & 0o004 != 0 {
        outcome.object(
            format!(
                "{path:?} is a secret and can be read by everyone (mode {:04o})",
                entry.mode
            ),
            format!("chmod 0600 {path:?}, then replace the secret"),
        );
    }
    if !entry.is_trusted(server) {
        outcome.warn(
            format!(
                "{path:?} belongs to user id {}, who may change it",
                entry.owner
            ),
            format!("chown root {path:?}"),
        );
    }
}

fn judge_owner(outcome: &mut Outcome, path: &Path, entry: Entry, server: u32) {
    if !entry.is_trusted(server) {
        outcome.object(
            format!(
                "{path:?} belongs to user id {}, neither root nor the server's user ({server})",
                entry.owner
            ),
            format!("chown root {path:?}"),
        );
    }
}

/// Whoever may rename a directory above can put another in its place.
fn above(outcome: &mut Outcome, path: &Path, server: u32) -> Result<(), Untold> {
    let real = path
        .canonicalize()
        .map_err(|error| Untold::new(format!("{path:?}: {error}"), ""))?;
    for directory in real.ancestors().skip(1) {
        if let Some(found) = look(directory, fs::metadata(directory))? {
            judge_above(outcome, directory, Entry::of(&found), server);
        }
    }
    Ok(())
}

/// The bit that lets only owners rename, as in /tmp.
const STICKY: u32 = 0o1000;

fn judge_above(outcome: &mut Outcome, directory: &Path, entry: Entry, server: u32) {
    judge_owner(outcome, directory, entry, server);
    if entry.mode & 0o002 != 0 && entry.mode & STICKY == 0 {
        outcome.object(
            format!(
                "{directory:?} above it can be written by everyone (mode {:04o})",
                entry.mode
            ),
            format!("chmod o-w {directory:?}"),
        );
    }
}

fn missing(outcome: &mut Outcome, path: &Path) {
    outcome.object(
        format!("{path:?} is not there"),
        format!("make it, or name another: ls -ld {path:?}"),
    );
}

/// What stands there; `None` when nothing does.
fn look(path: &Path, found: std::io::Result<Metadata>) -> Told<Option<Metadata>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Untold::new(
            format!("{path:?}: {error}"),
            "run warden doctor as root or as the server's user",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Rank;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const SERVER: u32 = 998;

    fn entry(owner: u32, mode: u32) -> Entry {
        Entry { owner, mode }
    }

    fn seen(judge: impl FnOnce(&mut Outcome, &Path)) -> (Rank, String) {
        let mut outcome = Outcome::new();
        judge(&mut outcome, Path::new("/x"));
        (outcome.rank, outcome.seen.join("\n"))
    }

    #[test]
    fn only_root_and_the_server_may_own_a_directory_or_one_above() {
        for (owner, is_good) in [(0, true), (SERVER, true), (1000, false)] {
            let (rank, _) =
                seen(|outcome, path| judge_owner(outcome, path, entry(owner, 0o755), SERVER));
            assert_eq!(rank == Rank::Ok, is_good, "{owner}");
            let (rank, _) =
                seen(|outcome, path| judge_above(outcome, path, entry(owner, 0o755), SERVER));
            assert_eq!(rank == Rank::Ok, is_good, "{owner}");
        }
    }

    #[test]
    fn a_directory_above_may_be_written_by_everyone_only_when_sticky() {
        for (mode, is_good) in [(0o755, true), (0o775, true), (0o1777, true), (0o777, false)] {
            let (rank, text) =
                seen(|outcome, path| judge_above(outcome, path, entry(0, mode), SERVER));
            assert_eq!(rank == Rank::Ok, is_good, "{mode:o} {text}");
        }
    }

    #[test]
    fn files_follow_the_modules_rule() {
        for (mode, is_secret, rank) in [
            (0o644, false, Rank::Ok),
            (0o664, false, Rank::Ok),
            (0o646, false, Rank::Problem),
            (0o644, true, Rank::Problem),
            (0o640, true, Rank::Ok),
            (0o600, true, Rank::Ok),
        ] {
            let (found, text) =
                seen(|outcome, path| judge_file(outcome, path, entry(0, mode), is_secret, SERVER));
            assert_eq!(found, rank, "{mode:o} {is_secret} {text}");
        }
        let (rank, _) =
            seen(|outcome, path| judge_file(outcome, path, entry(1000, 0o644), false, SERVER));
        assert_eq!(rank, Rank::Warning);
    }

    fn us() -> u32 {
        fs::metadata("/proc/self").unwrap().uid()
    }

    #[track_caller]
    fn expect(check: fn(&mut Outcome, &Path, u32) -> Result<(), Untold>, path: &Path, part: &str) {
        let mut outcome = Outcome::new();
        check(&mut outcome, path, us()).expect("we may look");
        let text = outcome.seen.join("\n");
        assert_eq!(outcome.rank == Rank::Problem, !part.is_empty(), "{text}");
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn a_watched_directory_is_written_by_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        expect(watched, directory.path(), "");
        for (mode, part) in [
            (0o755, ""),
            (0o775, "written by others"),
            (0o757, "written by others"),
        ] {
            fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            expect(watched, directory.path(), part);
        }
        expect(watched, &directory.path().join("none"), "is not there");
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        expect(watched, &file, "not a directory");
    }

    #[test]
    fn the_state_directory_is_entered_by_nobody_else() {
        let above = tempfile::tempdir().unwrap();
        let state = above.path().join("state");
        fs::create_dir(&state).unwrap();
        for (mode, part) in [
            (0o700, ""),
            (0o750, "open to others"),
            (0o701, "open to others"),
        ] {
            fs::set_permissions(&state, Permissions::from_mode(mode)).unwrap();
            expect(private, &state, part);
        }
        let link = above.path().join("link");
        std::os::unix::fs::symlink(&state, &link).unwrap();
        expect(private, &link, "a link is not followed");
        let mut outcome = Outcome::new();
        fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
        private(&mut outcome, &state, us() + 1).unwrap();
        assert!(outcome.seen.join("\n").contains("belongs to user id"));
    }
}
