//! Everything that can go wrong in this room, in words an operator can act on.
//!
//! Outside text (guest messages, compiler messages, file names) is cut to one
//! line and escaped here; nothing else in the room formats it.

use std::fmt;
use std::time::Duration;

use crate::gate::Failing;
use crate::manifest::Distrust;

mod remedy;

/// The longest outside message that is passed on, in characters.
pub(crate) const LONGEST_GIST: usize = 300;
/// The same of a refusal of data: it tells every mistake, and its author wrote them all.
pub(crate) const LONGEST_REFUSAL: usize = 4096;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The WebAssembly engine refuses its configuration on this machine.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
    /// The thread that ends guests in time cannot be started.
    #[error("the ticker thread cannot be started: {0}")]
    Ticker(std::io::Error),
    /// The state directory is missing, foreign or open to others.
    #[error("state_dir {0}")]
    State(#[from] warden_state::Error),
}

/// Why there is no new generation; the previous one is untouched.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    /// Every error of every bundle, by file name.
    pub errors: Vec<BundleError>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl From<BundleError> for LoadError {
    fn from(error: BundleError) -> Self {
        Self {
            errors: vec![error],
        }
    }
}

impl LoadError {
    /// Each error on its line.
    pub fn lines(&self) -> Vec<String> {
        self.errors.iter().map(ToString::to_string).collect()
    }
}

/// What is wrong with one file. Written out, it says what to do, too, on one line.
#[derive(Debug, thiserror::Error)]
pub struct BundleError {
    /// The file, relative to the policy directory where it lies in it.
    pub file: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Fault {
    /// Of bytes on which a library panicked.
    pub(crate) fn malformed() -> Self {
        Self::NotComponent("it is malformed in a way its reader did not expect".to_owned())
    }
}

impl BundleError {
    /// The file and what is wrong with it, for whoever tells the [remedy](Fault::remedy)
    /// apart.
    pub fn what(&self) -> String {
        format!("{:?}: {}", self.file, self.fault)
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        match self.fault.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Why a bundle cannot be part of a generation, or a plugin cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The operating system does not let us read it.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Another process writes it.
    #[error("changed while being read")]
    Changing,
    /// Not a regular file.
    #[error("is not a regular file")]
    NotRegular,
    /// A symbolic link leads out of the policy directory.
    #[error("leads outside the policy directory")]
    Escapes,
    /// Bounds what a bundle costs in memory.
    #[error("is larger than the bound of {bound} bytes")]
    TooLarge {
        /// The most this file may hold.
        bound: u64,
    },
    /// Bounds what a directory costs in time.
    #[error("holds more than {bound} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        bound: usize,
    },
    /// It is not there, and the operator wants no generation without it.
    #[error("is missing, and required_policies names it")]
    Required,
    /// A name with which it cannot be addressed.
    #[error("has a name outside A-Z, a-z, 0-9, '_', '-' (and '.' in data files), or over 64 bytes")]
    Name,
    /// The name of the list of signed files.
    #[error("has a name that is kept for the manifest")]
    Reserved,
    /// It is not as somebody signed it whom the operator trusts.
    #[error("{0}")]
    Untrusted(Distrust),
    /// Two data files answer to one name.
    #[error("has the same name inside the bundle as another data file")]
    SameName,
    /// Neither a component nor a core module that says it is one.
    #[error("is not a component: {0}")]
    NotComponent(String),
    /// Imports that no guest gets.
    #[error("imports {} which guests do not get: only their contract's log and an empty WASI exist", .0.join(", "))]
    Imports(Vec<String>),
    /// It does not keep to its contract.
    #[error("does not keep to the contract {contract}: {why}")]
    Contract {
        /// The package that is the contract.
        contract: &'static str,
        /// What is not as it says.
        why: String,
    },
    /// The schema it carries for its data is not one section of text, or is too large.
    #[error("its data schema {0}")]
    Schema(String),
    /// It failed as it started, in `configure`, `describe` or `initialise`.
    #[error("{function} failed: {failure}")]
    Failed {
        /// The function that was running.
        function: &'static str,
        /// How it ended.
        failure: Failure,
    },
    /// It failed in `configure`, which read data.
    #[error("configure failed: {failure}, with {data}")]
    Unread {
        /// Which files, and how large.
        data: String,
        /// How it ended.
        failure: Failure,
    },
    /// `initialise` refused the properties.
    #[error("refuses its properties: {0}")]
    Properties(String),
    /// `configure` refused the data files.
    #[error("refuses its data: {0}")]
    Data(String),
    /// A test file that is not what one must be.
    #[error("is no test file: {0}")]
    Tests(String),
    /// A test that does not hold.
    #[error("{0}")]
    Failing(Box<Failing>),
    /// More failing expectations than are shown.
    #[error("{0} more expectations of test files do not hold")]
    MoreFailing(usize),
    /// The tests of all files together take too long.
    #[error("{0} tests were not run, because all tests together took more than a minute")]
    TestsTooSlow(usize),
    /// Every decision would time out.
    #[error(
        "needs {used:?} of CPU time to be configured, and no snapshot can be taken of it: every decision repeats that within policy_timeout_ms ({limit:?})"
    )]
    Slow {
        /// CPU time measured.
        used: Duration,
        /// CPU time an evaluation may use.
        limit: Duration,
    },
}

/// How a run of guest code ended without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It used up its CPU time.
    #[error("used more than {0:?} of CPU time")]
    CpuLimit(Duration),
    /// It did not end within the wall-clock cap either.
    #[error("did not end within {0:?}")]
    WallLimit(Duration),
    /// It asked for more memory than it may have.
    #[error("asked for more than {0} bytes of memory")]
    MemoryLimit(usize),
    /// It asked for more table entries than it may have.
    #[error("asked for more than {0} table entries")]
    TableLimit(usize),
    /// It recursed too deeply.
    #[error("exhausted its stack")]
    StackOverflow,
    /// Any other trap, or an answer that is not what the contract says.
    #[error("trapped: {0}")]
    Trap(String),
    /// An answer beyond the bounds on its parts.
    #[error("answered {0}")]
    Answer(String),
    /// A rule that is not a permission.
    #[error("answered a malformed rule: {0}")]
    Rule(String),
    /// It reads the clock and does not say for how long its answer holds.
    #[error("reads the clock but sets no valid-for")]
    NoValidFor,
}

impl Fault {
    /// Names the file.
    pub(crate) fn of(self, file: impl Into<String>) -> BundleError {
        BundleError {
            file: file.into(),
            fault: self,
        }
    }
}

/// The first line of outside text, cut, with what cannot be printed escaped.
pub(crate) fn gist(text: &str) -> String {
    gist_within(text, LONGEST_GIST)
}

/// The same, cut at so many characters.
pub(crate) fn gist_within(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut gist = String::new();
    for c in line.chars().take(most) {
        // Quotes and backslashes are harmless in a line, and our own messages hold them.
        match c {
            '"' | '\'' | '\\' => gist.push(c),
            _ => gist.extend(c.escape_debug()),
        }
    }
    if line.chars().count() > most {
        gist.push('…');
    }
    gist
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_stays_one_short_line() {
        assert_eq!(gist("a\u{7}\u{202e}b\nbacktrace"), "a\\u{7}\\u{202e}b");
        assert_eq!(gist("rule \"+x\""), "rule \"+x\"");
        assert!(gist(&"x".repeat(1000)).chars().count() <= LONGEST_GIST + 1);
    }

    #[test]
    fn a_line_says_what_to_do_once() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        for (fault, line) in [
            (
                Fault::Reserved,
                "\"a.wasm\": has a name that is kept for the manifest; rename it",
            ),
            (
                Fault::Unreadable(missing),
                "\"a.wasm\": cannot be read: entity not found; put it there, or correct the path",
            ),
            (
                Fault::Untrusted(Distrust::Missing),
                "\"a.wasm\": is listed in MANIFEST, and no bundle here has such a file; put it \
                 back, or sign the directory again",
            ),
            // These say it themselves.
            (
                Fault::Untrusted(Distrust::Malformed),
                "\"a.wasm\": is no signature of minisign, or not all of one: sign again",
            ),
            (
                Fault::Data("line 1: write a name".to_owned()),
                "\"a.wasm\": refuses its data: line 1: write a name",
            ),
        ] {
            let error = fault.of("a.wasm");
            assert_eq!(error.to_string(), line);
            assert_eq!(LoadError::from(error).lines(), [line]);
        }
    }

    #[test]
    fn a_load_error_names_every_file() {
        let error = LoadError {
            errors: vec![Fault::Changing.of("a.wasm"), Fault::Escapes.of("b.toml")],
        };
        let text = error.to_string();
        assert!(text.contains("a.wasm") && text.contains("b.toml"), "{text}");
    }
}
