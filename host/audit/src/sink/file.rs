//! Lines in a file of this machine.
//!
//! In: whole lines. Out: a regular file of ours, 0640, that holds whole lines and nothing else;
//! rotated by size and time, followed when somebody renames it. Never: a symbolic link, a file
//! of somebody else's, one that another process writes to; part of a line that stays; a file
//! written over. Used by one thread, which may wait for the disk.
//!
//! ```text
//! open ─→ is it ours? ─ yes: cut a broken line off, go on after the last record
//!    │        └ no: renamed to `.aside.…`, begun anew
//! write ─→ still there? due? ─ rotate: renamed to `.20261128T173000.123Z`, oldest removed
//!              └→ append whole lines ─ short: cut back to the last whole one
//! ```

mod claim;
mod error;
mod opened;
mod resume;
mod rotated;
mod shape;
mod tail;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use warden_core::clock::{Clock, SystemClock};

pub use error::Error as FileError;
pub use resume::Resumed;

use crate::format::Format;
use crate::settings::{Destination, FileSettings, Fsync, SinkSettings};
use crate::sink::{Head, Refused, Sink, another_kind};
use claim::Claim;
use error::Error;
use opened::Opened;
use rotated::Kind;
use shape::Shape;

/// How long after a rotation that failed the next one is tried.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file that lines are appended to.
pub struct FileSink {
    _claim: Claim,
    settings: FileSettings,
    shape: Shape,
    clock: Arc<dyn Clock>,
    /// None after it went away and no other could be opened.
    opened: Option<Opened>,
    /// Which stretch of `rotate_seconds` the file's lines are of.
    period: u64,
    /// Written and not known to last.
    is_dirty: bool,
    trouble: Option<String>,
    /// When a rotation that failed is tried again, on the monotonic clock.
    try_again: Duration,
}

impl FileSink {
    /// Opens the file, or makes it, and says what the next record follows.
    ///
    /// # Errors
    /// When it cannot be opened, or is not a regular file of ours alone.
    pub fn open(
        settings: &FileSettings,
        format: Format,
        chained: bool,
    ) -> Result<(Self, Resumed), Error> {
        Self::open_by(settings, format, chained, Arc::new(SystemClock))
    }

    /// The same, by this clock.
    ///
    /// # Errors
    /// As [`FileSink::open`].
    pub fn open_by(
        settings: &FileSettings,
        format: Format,
        chained: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Resumed), Error> {
        let path = &settings.path;
        check_parent(path)?;
        let claim = Claim::of(path).ok_or_else(|| {
            Error::new(
                path,
                "is still written to by another sink of this server",
                "wait until that one has ended, or give each sink a file of its own",
            )
        })?;
        let shape = Shape { format, chained };
        let opened = Opened::open(path)?;
        let mut sink = Self {
            _claim: claim,
            settings: settings.clone(),
            shape,
            clock,
            period: 0,
            opened: None,
            is_dirty: false,
            trouble: None,
            try_again: Duration::ZERO,
        };
        sink.period = sink.period_of(&opened);
        let resumed = sink.go_on(opened)?;
        sink.last_names()?;
        Ok((sink, resumed))
    }

    /// Rotates now, whatever size and age; a file without records stays.
    #[cfg(test)]
    fn rotate(&mut self) -> Result<(), Error> {
        self.follow()?;
        if self.length()? > as_u64(self.shape.header().len()) {
            self.turn_over()?;
        }
        Ok(())
    }

    /// Makes sure that the path leads to the open file; opens what it leads to otherwise.
    fn follow(&mut self) -> Result<(), Error> {
        let path = &self.settings.path;
        if self
            .opened
            .as_ref()
            .is_some_and(|opened| opened.is_at(path))
        {
            return Ok(());
        }
        // Whoever renamed it keeps what is in it. It stays open until there is another: a
        // directory that was away and comes back brings it along.
        let _ = self.sync();
        let path = &self.settings.path;
        check_parent(path)?;
        let mut opened = Opened::open(path)?;
        let length = opened.length().map_err(|e| unmeasured(path, &e))?;
        if length > 0 {
            // Somebody put a file there that holds something else than our next lines.
            let aside = rotated::move_away(path, Kind::Aside, self.clock.now().wall)?;
            let why = format!("somebody put a file with lines there, which is now {aside:?}");
            self.trouble = Some(Error::new(path, why, "").to_string());
            opened = Opened::open(path)?;
        }
        self.opened = Some(opened);
        self.last_names()
    }

    /// How many of these bytes go into the file as it is now: rotates it first where it is due.
    fn make_room(&mut self, lines: &[u8]) -> Result<usize, Error> {
        self.follow()?;
        let header = self.shape.header();
        let mut length = self.length()?;
        if length > as_u64(header.len()) && self.is_due(length, lines) {
            // What cannot be rotated is written on to.
            if self.clock.now().monotonic < self.try_again {
                return Ok(lines.len());
            }
            if let Err(error) = self.turn_over() {
                self.trouble = Some(error.to_string());
                self.try_again = self.clock.now().monotonic.saturating_add(PATIENCE);
                return Ok(lines.len());
            }
            length = self.length()?;
        }
        if length == 0 {
            self.append(&header).map_err(|refused| refused.1)?;
            self.period = self.period_now();
            length = as_u64(header.len());
        }
        Ok(match self.fitting(length, lines) {
            0 => first_line(lines),
            fitting => fitting,
        })
    }

    fn is_due(&self, length: u64, lines: &[u8]) -> bool {
        self.period != self.period_now() || self.fitting(length, lines) == 0
    }

    /// Bytes of the whole lines that a file of this length has room for.
    fn fitting(&self, length: u64, lines: &[u8]) -> usize {
        let room = match self.settings.rotate_bytes {
            0 => usize::MAX,
            most => usize::try_from(most.saturating_sub(length)).unwrap_or(usize::MAX),
        };
        if room >= lines.len() {
            return lines.len();
        }
        let fitting = lines.get(..room).unwrap_or_default();
        let end = fitting.iter().rposition(|&byte| byte == b'\n');
        end.map_or(0, |place| place.saturating_add(1))
    }

    /// Renames the file, begins a new one, removes the oldest.
    fn turn_over(&mut self) -> Result<(), Error> {
        self.sync()?;
        let path = self.settings.path.clone();
        let target = rotated::move_away(&path, Kind::Rotated, self.clock.now().wall)?;
        match Opened::open(&path) {
            Ok(opened) => self.opened = Some(opened),
            Err(error) => {
                // Back to where it was; should this fail too, the next lines open one.
                let _ = rotated::rename_to_new(&target, &path);
                return Err(error);
            }
        }
        self.period = self.period_now();
        let retained = match self.settings.keep_files {
            0 => Ok(()),
            keep => rotated::retain(&path, keep),
        };
        let done = retained.and_then(|()| self.last_names());
        self.trouble = done.err().map(|error| error.to_string());
        Ok(())
    }

    /// Appends whole lines; the bytes that were taken with an error.
    fn append(&mut self, lines: &[u8]) -> Result<(), (usize, Error)> {
        let path = &self.settings.path;
        let Some(opened) = &mut self.opened else {
            return Err((0, Error::new(path, "is not open", "")));
        };
        self.is_dirty |= !lines.is_empty();
        opened
            .append(lines)
            .map_err(|(taken, e)| (taken, Error::system(path, "cannot be written to", &e)))
    }

    fn length(&self) -> Result<u64, Error> {
        let path = &self.settings.path;
        match &self.opened {
            Some(opened) => opened.length().map_err(|e| unmeasured(path, &e)),
            None => Ok(0),
        }
    }

    /// What was written lasts, unless nobody asks for that.
    fn sync(&mut self) -> Result<(), Error> {
        if self.is_dirty
            && self.settings.fsync != Fsync::Never
            && let Some(opened) = &self.opened
        {
            let path = &self.settings.path;
            let synced = opened.file.sync_data();
            synced.map_err(|e| Error::system(path, "is not known to be on disk", &e))?;
        }
        self.is_dirty = false;
        Ok(())
    }

    /// The names in the directory last, unless nobody asks for that.
    fn last_names(&self) -> Result<(), Error> {
        if self.settings.fsync == Fsync::Never {
            return Ok(());
        }
        let directory = parent(&self.settings.path);
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|e| Error::system(directory, "is not known to be on disk", &e))
    }

    fn period_now(&self) -> u64 {
        self.period_at(self.clock.now().wall.as_unix_seconds())
    }

    /// That of the file's last line, as far as the file system tells.
    fn period_of(&self, opened: &Opened) -> u64 {
        let seconds = opened.last_change_seconds();
        seconds.map_or_else(|| self.period_now(), |seconds| self.period_at(seconds))
    }

    fn period_at(&self, unix_seconds: u64) -> u64 {
        unix_seconds
            .checked_div(self.settings.rotate_seconds)
            .unwrap_or(0)
    }
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8], _heads: &[Head]) -> Result<(), Refused> {
        let mut taken = 0;
        let refused = |taken, error: Error| Refused {
            taken,
            why: error.into(),
        };
        while let Some(rest) = lines.get(taken..).filter(|rest| !rest.is_empty()) {
            let room = self
                .make_room(rest)
                .map_err(|error| refused(taken, error))?;
            let part = rest.get(..room).unwrap_or(rest);
            self.append(part)
                .map_err(|(more, error)| refused(taken.saturating_add(more), error))?;
            taken = taken.saturating_add(part.len());
        }
        if self.settings.fsync == Fsync::Always {
            self.sync().map_err(|error| refused(taken, error))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.sync()?)
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(self.follow()?)
    }

    fn adjust(&mut self, settings: &SinkSettings) -> io::Result<()> {
        let Destination::File(settings) = &settings.destination else {
            return Err(another_kind());
        };
        self.settings = settings.clone();
        let period = self.opened.as_ref().map(|opened| self.period_of(opened));
        self.period = period.unwrap_or_else(|| self.period_now());
        self.trouble = None;
        self.try_again = Duration::ZERO;
        Ok(())
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("settings", &self.settings)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// The directory that a file is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

fn check_parent(path: &Path) -> Result<(), Error> {
    let directory = parent(path);
    match std::fs::metadata(directory) {
        Ok(found) if found.is_dir() && path.file_name().is_some() => Ok(()),
        Ok(_) => Err(Error::new(
            path,
            "is not in a directory",
            "name a file in a directory",
        )),
        Err(error) => Err(Error::system(directory, "cannot be entered", &error)),
    }
}

fn unmeasured(path: &Path, error: &io::Error) -> Error {
    Error::system(path, "cannot be looked at", error)
}

fn first_line(lines: &[u8]) -> usize {
    let end = lines.iter().position(|&byte| byte == b'\n');
    end.map_or(lines.len(), |place| place.saturating_add(1))
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
