//! A server's configuration file with all that it includes, in the order the server reads it.
//!
//! In: a path. Out: the lines with their places, or everything that is wrong, each thing with
//! its place. Never: a file of unbounded size or number, a pipe or a device, an inclusion
//! without end. A path that is not absolute is taken from where we were started, or from the
//! last `dir`, as the server does.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::words::{self, Word};

/// Longest file, in bytes: whoever writes one by hand needs a hundredth.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Most files, each inclusion counted: two that include a third twice each are few lines, and
/// soon too many.
const MAX_FILES: usize = 1000;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    file: Arc<Path>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of included files are outside text.
        let file = self.file.to_string_lossy();
        write!(f, "{}:{}", file.escape_debug(), self.line)
    }
}

/// One line that says something.
pub(super) struct Line {
    pub(super) place: Place,
    /// The first word, in lower case.
    pub(super) name: String,
    /// The others.
    pub(super) values: Vec<Word>,
}

/// All lines.
#[derive(Default)]
pub(super) struct ServerFile {
    pub(super) lines: Vec<Line>,
    /// The last `dir`, where it is known: the server's working directory from then on.
    pub(super) directory: Option<PathBuf>,
    /// What a server would not start with, or what cannot be read, each with its place.
    pub(super) errors: Vec<String>,
}

impl ServerFile {
    /// A directory that the file gives warden, by the whole path: the server takes no other.
    /// A line of its own stands over an argument of `loadmodule`, wherever it is.
    pub(super) fn of_warden(&self, name: &str) -> Option<PathBuf> {
        let absolute = |path: &[u8]| {
            let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
            path.is_absolute().then_some(path)
        };
        let own = self.lines.iter().rev().find_map(|line| {
            let is_it = line.name.strip_prefix("warden.") == Some(name);
            let value = is_it.then(|| words::joined(&line.values)).flatten()?;
            absolute(value.as_bytes())
        });
        own.or_else(|| {
            self.lines.iter().find_map(|line| {
                let arguments = line.module(&["warden"])?;
                let pairs = arguments.chunks_exact(2);
                pairs.into_iter().find_map(|pair| match pair {
                    [key, value] if key.as_slice() == name.as_bytes() => absolute(value),
                    _ => None,
                })
            })
        })
    }
}

impl Line {
    /// The arguments of a module whose file has one of these in its name, if the line loads it.
    pub(super) fn module(&self, names: &[&str]) -> Option<&[Word]> {
        let [path, arguments @ ..] = self.values.as_slice() else {
            return None;
        };
        let path = String::from_utf8_lossy(path);
        let file = path.rsplit('/').next().unwrap_or_default();
        let is_it = self.name == "loadmodule" && names.iter().any(|name| file.contains(name));
        is_it.then_some(arguments)
    }
}

/// Reads the file and all that it includes.
///
/// # Errors
/// When the file itself cannot be read. What is wrong within is among the lines' errors.
pub(super) fn read(path: &Path) -> io::Result<ServerFile> {
    let text = content(path)?;
    let mut reader = Reader::default();
    reader.file(path, &text);
    Ok(reader.found)
}

#[derive(Default)]
struct Reader {
    found: ServerFile,
    /// The files that are being read, each included by the one before it.
    open: Vec<PathBuf>,
    files: usize,
}

impl Reader {
    fn file(&mut self, path: &Path, text: &[u8]) {
        self.files += 1;
        self.open.push(identity(path));
        let file: Arc<Path> = Arc::from(path);
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let place = Place {
                file: Arc::clone(&file),
                line: number + 1,
            };
            self.line(place, line.trim_ascii());
        }
        self.open.pop();
    }

    fn line(&mut self, place: Place, text: &[u8]) {
        if text.is_empty() || text.starts_with(b"#") {
            return;
        }
        if text.contains(&0) {
            return self.error(&place, "a NUL byte: this is no configuration file");
        }
        let Ok(words) = words::split(text) else {
            return self.error(&place, "a quote that is not closed");
        };
        let mut words = words.into_iter();
        let Some(name) = words.next() else {
            return;
        };
        let line = Line {
            place,
            name: String::from_utf8_lossy(&name).to_ascii_lowercase(),
            values: words.collect(),
        };
        match (line.name.as_str(), line.values.as_slice()) {
            ("include", [path]) => self.include(&line.place, path),
            ("include", _) => self.error(&line.place, "include takes one path"),
            ("dir", [path]) => {
                self.found.directory = Some(self.resolved(path));
            }
            _ => self.found.lines.push(line),
        }
    }

    fn include(&mut self, place: &Place, name: &[u8]) {
        let path = self.resolved(name);
        if !name.iter().any(|byte| b"*?[".contains(byte)) {
            return self.include_file(place, &path);
        }
        let Some(paths) = path.to_str().and_then(|pattern| glob::glob(pattern).ok()) else {
            return self.error(place, "a pattern of paths that cannot be read");
        };
        // As for the server, none at all is well: an empty conf.d.
        for path in paths.flatten() {
            self.include_file(place, &path);
        }
    }

    fn include_file(&mut self, place: &Place, path: &Path) {
        if self.open.contains(&identity(path)) {
            return self.error(place, "the file includes itself");
        }
        if self.files >= MAX_FILES {
            // Once: whatever is behind it is not looked at.
            if self.files == MAX_FILES {
                self.files += 1;
                self.error(place, &format!("more than {MAX_FILES} files are included"));
            }
            return;
        }
        match content(path) {
            Ok(text) => self.file(path, &text),
            Err(error) => {
                let why = format!("cannot be included: {path:?}: {error}");
                self.error(place, &why);
            }
        }
    }

    fn resolved(&self, path: &[u8]) -> PathBuf {
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        match &self.found.directory {
            Some(directory) => directory.join(path),
            None => path,
        }
    }

    fn error(&mut self, place: &Place, why: &str) {
        self.found.errors.push(format!("{place}: {why}"));
    }
}

/// What tells a file from others, however it is named.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A regular file whole, or not at all.
fn content(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    // Before it is opened: a pipe without a writer would keep us waiting.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return refuse("not a regular file");
    }
    let capacity = usize::try_from(found.len().min(MAX_FILE_BYTES)).unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(capacity.saturating_add(1)));
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return refuse("larger than 4 MiB: this is no configuration file");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
