//! What is wrong with the data, and why somebody is refused.

use warden_sdk::data::ShapeError;

/// One problem of one file. Each names the file, the place and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Not text.
    #[error(transparent)]
    Text(#[from] warden_sdk::Error),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        file: String,
        key: String,
        fault: Fault,
    },
    /// Rego's own words, which begin with the place.
    #[error("{0}")]
    Rego(String),
    /// A data document.
    #[error("{file:?}: {said}")]
    Document { file: String, said: String },
    /// A document decides where a rule does.
    #[error(
        "{file:?} has rules at {path}, and a document a value: it would count instead of them; name it otherwise"
    )]
    Conflict { file: String, path: String },
    /// Two answers to what is asked.
    #[error("{file:?}: the settings stand in {other:?} already: one *.toml file holds all of them")]
    TwoSettings { file: String, other: String },
    /// Nothing to decide by.
    #[error("no module: a *.rego file beside the policy holds the rules")]
    NoModules,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{text:?} names no document: write data.PACKAGE.RULE, such as \"data.warden.verdict\"")]
    Query { text: String },
    #[error("no rule of the modules makes it: package or name is another")]
    NoRule,
    #[error("{text:?} is no JSON Pointer to a claim: write \"/department\"")]
    Pointer { text: String },
    #[error("{text:?} names an element of a list: name the list: {list:?}")]
    Element { text: String, list: String },
    #[error(
        "{text:?} is no input: write client.address, client.tls, client.certificate, server.role or server.version"
    )]
    Input { text: String },
    #[error("all of them are read: leave out claims or all_claims")]
    AllAndSome,
    #[error("more than {most}")]
    TooMany { most: usize },
}

/// Why nothing could be decided about a request, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Rego's own words.
    #[error("{0}")]
    Rego(String),
    /// It is to refuse then.
    #[error("the document is undefined")]
    Undefined,
    /// The host gave something that is no JSON.
    #[error("claim {0:?} is no JSON")]
    Claim(String),
    /// A part of the document is something else than it must be.
    #[error("{at} of the document is {found}: it takes {takes}")]
    Shape {
        at: String,
        found: &'static str,
        takes: &'static str,
    },
    /// There is no such part.
    #[error("the document has a part {key:?}, which {at} does not take: it takes {takes}")]
    Key {
        at: String,
        key: String,
        takes: &'static str,
    },
    /// A rule that is none.
    #[error("{at} of the document: {said}")]
    Rule { at: String, said: String },
}

/// What Rego says, on one line, beginning with file, line and column where it has them.
///
/// It tells a place as a line of `--> FILE:LINE:COLUMN`, then shows the text there, then
/// says what is wrong with it.
pub(crate) fn told(error: &impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let place = text.lines().find_map(|line| {
        let mut parts = line.trim().strip_prefix("--> ")?.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(format!("{file:?} line {line} column {column}: "))
    });
    let said = text.split_once("error: ").map(|(_, said)| said);
    match (place, said) {
        (Some(place), Some(said)) => format!("{place}{}", one(said)),
        _ => one(&text),
    }
}

fn one(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
