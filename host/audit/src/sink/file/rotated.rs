//! Files that were rotated away: their names, and how many stay.
//!
//! `audit.log` becomes `audit.log.20261128T173000.123Z`: when it was rotated, in UTC, so that
//! the order of the names is that of the records. A name is always later than every one that
//! is there, whatever the clock says, and never taken twice. What is not ours to go on with
//! becomes `audit.log.aside.20261128T173000.123Z`, and is never removed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use time::{Date, Duration, Month, OffsetDateTime, Time};
use warden_core::Timestamp;

use super::error::Error;

/// Why a file is moved away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is full or old.
    Rotated,
    /// It is not ours to go on with.
    Aside,
}

impl Kind {
    const fn infix(self) -> &'static str {
        match self {
            Self::Rotated => ".",
            Self::Aside => ".aside.",
        }
    }
}

/// Moves the file out of the way under a new name, which it answers.
pub(super) fn move_away(path: &Path, kind: Kind, now: Timestamp) -> Result<PathBuf, Error> {
    let newest = list(path, kind)?.pop();
    let stamp = stamp_after(newest.and_then(|(stamp, _)| read_stamp(&stamp)), now)
        .ok_or_else(|| Error::new(path, "no name is left to rotate it to", LATEST))?;
    let target = with_suffix(path, kind.infix(), &stamp);
    rename_to_new(path, &target).map_err(|error| {
        Error::system(path, &format!("cannot be renamed to {target:?}"), &error)
    })?;
    Ok(target)
}

const LATEST: &str = "move away the rotated file with the latest name";

/// Renames a file, never over another one.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows that; every one knows links or has no second name.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// The rotated file with the latest name.
pub(super) fn newest(path: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(list(path, Kind::Rotated)?.pop().map(|(_, path)| path))
}

/// Removes the oldest rotated files, so that so many stay.
pub(super) fn retain(path: &Path, keep: usize) -> Result<(), Error> {
    let files = list(path, Kind::Rotated)?;
    let surplus = files.len().saturating_sub(keep);
    for (_, file) in files.into_iter().take(surplus) {
        fs::remove_file(&file).map_err(|e| Error::system(&file, "cannot be removed", &e))?;
    }
    Ok(())
}

/// Stamp and path of each regular file of that kind, oldest first.
fn list(path: &Path, kind: Kind) -> Result<Vec<(String, PathBuf)>, Error> {
    let directory = super::parent(path);
    let unlisted = |e: io::Error| Error::system(directory, "cannot be listed", &e);
    let prefix = with_suffix(path, kind.infix(), "");
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unlisted)? {
        let entry = entry.map_err(unlisted)?;
        let name = entry.file_name();
        let stamp = name.as_encoded_bytes().strip_prefix(prefix);
        let stamp = stamp.and_then(|stamp| str::from_utf8(stamp).ok());
        if let Some(stamp) = stamp.filter(|stamp| read_stamp(stamp).is_some())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            found.push((stamp.to_owned(), entry.path()));
        }
    }
    // Stamps are of one width: the order of letters is that of time.
    found.sort_unstable();
    Ok(found)
}

fn with_suffix(path: &Path, infix: &str, stamp: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(infix);
    name.push(stamp);
    path.with_file_name(name)
}

/// The stamp of now, or the first one after `newest` where that is later.
fn stamp_after(newest: Option<OffsetDateTime>, now: Timestamp) -> Option<String> {
    let nanos = i128::from(now.as_unix_millis()).checked_mul(1_000_000)?;
    let now = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    let at = match newest {
        Some(newest) => now.max(newest.checked_add(Duration::MILLISECOND)?),
        None => now,
    };
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second, milli) = at.to_hms_milli();
    (0..=9999)
        .contains(&year)
        .then(|| format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{milli:03}Z"))
}

/// What [`stamp_after`] wrote; `None` for anything else.
fn read_stamp(text: &str) -> Option<OffsetDateTime> {
    let shape = "00000000T000000.000Z";
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte == shape,
            });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let byte = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let month = Month::try_from(byte(4)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, byte(6)?).ok()?;
    let time = Time::from_hms_milli(byte(9)?, byte(11)?, byte(13)?, number(16, 19)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(stamp: &str) -> i128 {
        read_stamp(stamp).unwrap().unix_timestamp_nanos() / 1_000_000
    }

    #[test]
    fn a_name_says_when_and_is_later_than_every_other() {
        let now = Timestamp::from_unix_millis(1_795_887_000_123);
        let stamp = stamp_after(None, now).unwrap();
        assert_eq!(stamp, "20261128T173000.123Z");
        assert_eq!(millis(&stamp), 1_795_887_000_123);
        let same = stamp_after(read_stamp(&stamp), now).unwrap();
        assert_eq!(same, "20261128T173000.124Z");
        // The clock was wrong, and is set back.
        let wrong = read_stamp("20991231T235959.999Z");
        assert_eq!(stamp_after(wrong, now).unwrap(), "21000101T000000.000Z");
        let last = read_stamp("99991231T235959.999Z");
        assert!(last.is_some() && stamp_after(last, now).is_none());
    }

    #[test]
    fn names_of_others_are_not_taken_for_ours() {
        for name in [
            "",
            "1",
            "20261128",
            "20261128T173000.123Z.gz",
            "20261328T173000.123Z",
            "20261128T173000.12éZ",
            "+0261128T173000.123Z",
            "20261128T173000,123Z",
        ] {
            assert_eq!(read_stamp(name), None, "{name}");
        }
    }
}
