//! Data files in TOML: strict shape, lists within bounds, every problem with its
//! place.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use serde::de::DeserializeOwned;

use crate::{NotText, one_line};

/// Why a file is not of the asked shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Not text.
    #[error(transparent)]
    Text(#[from] NotText),
    /// Not TOML, or not of the right shape.
    #[error("{file:?} line {line}: {detail}")]
    Toml {
        /// The file's name.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The reader's words, on one line.
        detail: String,
    },
}

/// Why a list as a whole was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It stands there and holds nothing.
    #[error("empty: leave it out, or name at least one")]
    Empty,
    /// It is too long.
    #[error("more than {most}")]
    TooMany {
        /// The most it may hold.
        most: usize,
    },
}

/// Reads the shape of one file.
///
/// # Errors
/// The first problem, with its line.
pub fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, ShapeError> {
    let text = crate::text(file, bytes)?;
    toml::from_str(text).map_err(|mut error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|b| *b == b'\n').count();
        // Without the text the error is its message and the key it belongs to.
        error.set_input(None);
        ShapeError::Toml {
            file: file.to_owned(),
            line,
            detail: one_line(&error.to_string()),
        }
    })
}

/// Reads every entry of a list; adds a fault for each that is wrong, and one for a
/// list that is too long.
pub fn list<S, T, F: From<ListError>>(
    entries: &[S],
    key: &str,
    most: usize,
    parse: impl Fn(&S) -> Result<T, F>,
    faults: &mut Vec<(String, F)>,
) -> Vec<T> {
    if entries.len() > most {
        faults.push((key.to_owned(), ListError::TooMany { most }.into()));
        return Vec::new();
    }
    let mut values = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        match parse(entry) {
            Ok(value) => values.push(value),
            Err(fault) => faults.push((format!("{key}[{index}]"), fault)),
        }
    }
    values
}

/// As [`list`], for a list that may be left out but, where it stands, not be empty.
pub fn optional_list<S, T, F: From<ListError>>(
    entries: Option<&[S]>,
    key: &str,
    most: usize,
    parse: impl Fn(&S) -> Result<T, F>,
    faults: &mut Vec<(String, F)>,
) -> Option<Vec<T>> {
    let entries = entries?;
    if entries.is_empty() {
        faults.push((key.to_owned(), ListError::Empty.into()));
    }
    Some(list(entries, key, most, parse, faults))
}
