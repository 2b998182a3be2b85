//! What is wrong with records: the first of it.

use std::fmt;

use serde_json::{Value, json};

use crate::audit::lines::Place;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is not there.
    Missing,
    /// It is not as it was written.
    Changed,
    /// It stands in another place.
    Moved,
    /// It was not there, or not a second time.
    Added,
    /// Only a part of it is there.
    Cut,
    /// Records begin anew behind others.
    BegunAnew,
    /// It is of another server.
    Node,
    /// A signature that is missing, wrong, or not by a given key.
    Checkpoint,
}

impl Kind {
    /// The word in JSON.
    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Added => "added",
            Self::Cut => "cut",
            Self::BegunAnew => "begun-anew",
            Self::Node => "node",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    /// Where it shows.
    pub(super) place: Place,
    /// Which record.
    pub(super) sequence: u64,
    /// What is wrong: a sentence without its end.
    pub(super) what: String,
}

impl Problem {
    pub(super) fn document(&self) -> Value {
        json!({
            "kind": self.kind.word(),
            "file": self.place.file,
            "line": self.place.line,
            "sequence": self.sequence,
            "what": self.what,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line } = &self.place;
        write!(f, "{file:?}, line {line}: {}", self.what)
    }
}
