//! What is wrong with the list of keys.

use warden_plugin::data::{ListError, ShapeError};
use warden_plugin::network::NetworkError;

use crate::data::MAX_KEYS;
use crate::key::MAX_NAME_BYTES;

/// One problem of the file. Each names the file, the entry's key and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(ShapeError),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        file: String,
        key: String,
        fault: Fault,
    },
}

impl From<ShapeError> for Problem {
    /// The reader's words quote what they found, which may be a key in the wrong place.
    /// What it looked for may be told.
    fn from(error: ShapeError) -> Self {
        Self::Shape(match error {
            ShapeError::Toml { file, line, detail } => ShapeError::Toml {
                file,
                line,
                detail: without_findings(&detail),
            },
            other => other,
        })
    }
}

/// What is wrong with the shape, in names of ours alone.
fn without_findings(detail: &str) -> String {
    if detail.starts_with("missing field ") {
        return detail.to_owned();
    }
    let kinds = ["unknown field", "invalid type"];
    let kind = kinds.into_iter().find(|kind| detail.starts_with(kind));
    let kind = kind.unwrap_or("not TOML");
    match detail.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{kind}, expected {expected}"),
        None => kind.to_owned(),
    }
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    #[error("takes 64 hexadecimal digits: printf %s \"$KEY\" | sha256sum")]
    Digest,
    #[error("is the digest of an empty key")]
    DigestOfNothing,
    #[error("the same key stands in key[{other}] already")]
    Doubled { other: usize },
    #[error("takes 1 to {MAX_NAME_BYTES} bytes without control characters")]
    Name,
    #[error("{text} is no moment since 1970: write date, time and offset, 2027-06-30T00:00:00Z")]
    Expires { text: String },
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Problems told at once; the rest is counted.
const TOLD: usize = 20;

/// The problems as one line.
pub(crate) fn one_line(problems: &[Problem]) -> String {
    let mut told: Vec<String> = problems
        .iter()
        .take(TOLD)
        .map(ToString::to_string)
        .collect();
    if let Some(more @ 1..) = problems.len().checked_sub(TOLD) {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}
