//! Lines of several files, one after the other.
//!
//! In: paths, `-` for standard input. Out: lines with their places. Never more of a file in
//! memory than one line, nor more of a line than a line may have.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use warden_audit::{Format, MAX_LINE_BYTES};

use crate::error::Error;

/// Bytes read from a file at a time.
const BLOCK: usize = 256 * 1024;

/// Where a line stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, as it was named.
    pub(super) file: String,
    /// From 1.
    pub(super) line: u64,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) place: Place,
    /// Without its end.
    pub(super) bytes: Vec<u8>,
    /// Whether a line feed ends it.
    pub(super) has_end: bool,
    /// Whether it has more bytes than a line may have; the rest was passed over.
    pub(super) is_too_long: bool,
}

/// The lines of files, in their order.
pub(super) struct Lines {
    left: VecDeque<PathBuf>,
    current: Option<(Box<dyn BufRead>, PathBuf)>,
    place: Place,
}

impl Lines {
    /// Those of these files. All that are files are opened once first, so that one that cannot
    /// be read is told before anything else; a pipe can be opened only once.
    pub(super) fn of(paths: &[PathBuf]) -> Result<Self, Error> {
        for path in paths.iter().filter(|path| !is_standard_input(path)) {
            let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
            if found.is_file() || found.is_dir() {
                open(path)?;
            }
        }
        Ok(Self {
            left: paths.iter().cloned().collect(),
            current: None,
            place: Place::default(),
        })
    }

    /// The next line; whether there was one.
    pub(super) fn read(&mut self, line: &mut Line) -> Result<bool, Error> {
        loop {
            if self.current.is_none() {
                let Some(path) = self.left.pop_front() else {
                    return Ok(false);
                };
                self.place = Place {
                    file: path.display().to_string(),
                    line: 0,
                };
                self.current = Some((open(&path)?, path));
            }
            let Some((reader, path)) = &mut self.current else {
                return Ok(false);
            };
            if read(reader.as_mut(), line).map_err(|error| unreadable(path, &error))? {
                self.place.line = self.place.line.saturating_add(1);
                line.place.clone_from(&self.place);
                return Ok(true);
            }
            self.current = None;
        }
    }
}

fn read(reader: &mut dyn BufRead, line: &mut Line) -> io::Result<bool> {
    line.bytes.clear();
    let most = u64::try_from(MAX_LINE_BYTES).map_err(io::Error::other)?;
    let mut bounded = Read::take(&mut *reader, most.saturating_add(1));
    if bounded.read_until(b'\n', &mut line.bytes)? == 0 {
        return Ok(false);
    }
    line.has_end = line.bytes.pop_if(|byte| *byte == b'\n').is_some();
    line.is_too_long = line.bytes.len() > MAX_LINE_BYTES;
    if line.is_too_long {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    if is_standard_input(path) {
        return Ok(Box::new(BufReader::with_capacity(BLOCK, io::stdin())));
    }
    let opened = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(file)
    });
    let file = opened.map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(BufReader::with_capacity(BLOCK, file)))
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::Records(format!("{path:?}: {error}"))
}

/// The format of a file that begins with this line, which may have been changed.
pub(super) fn guess(line: &Line) -> Option<Format> {
    match line.bytes.first()? {
        b'{' => Some(Format::Json),
        _ if line.bytes.starts_with(b"time=") => Some(Format::Text),
        _ if line.bytes.starts_with(b"time,") => Some(Format::Csv),
        // A file of CSV whose header was taken away.
        b'0'..=b'9' => Some(Format::Csv),
        _ => None,
    }
}

/// Whether this is what each file of CSV begins with.
pub(super) fn is_header(format: Format, line: &Line) -> bool {
    let headers = [true, false].map(|chained| format.header(chained));
    line.place.line == 1
        && headers
            .iter()
            .flatten()
            .any(|header| header.as_bytes() == line.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(paths: &[PathBuf]) -> Vec<(Place, usize, bool, bool)> {
        let mut lines = Lines::of(paths).unwrap();
        let mut line = Line::default();
        let mut all = Vec::new();
        while lines.read(&mut line).unwrap() {
            let length = line.bytes.len();
            all.push((line.place.clone(), length, line.has_end, line.is_too_long));
        }
        all
    }

    #[test]
    fn lines_come_in_the_order_of_the_files_and_no_longer_than_they_may_be() {
        let root = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["a", "b", "c"].map(|name| root.path().join(name)).into();
        fs::write(&paths[0], "one\n\nthree").unwrap();
        fs::write(&paths[1], "").unwrap();
        let long = "x".repeat(MAX_LINE_BYTES);
        fs::write(&paths[2], format!("{long}\n{long}yyy\nend\n")).unwrap();
        let place = |file: usize, line| Place {
            file: paths[file].display().to_string(),
            line,
        };
        let expected = [
            (place(0, 1), 3, true, false),
            (place(0, 2), 0, true, false),
            (place(0, 3), 5, false, false),
            (place(2, 1), MAX_LINE_BYTES, true, false),
            (place(2, 2), MAX_LINE_BYTES + 1, false, true),
            (place(2, 3), 3, true, false),
        ];
        assert_eq!(all(&paths), expected);
    }
}
