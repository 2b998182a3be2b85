//! Data files in TOML: strict shape, lists within bounds, every problem with its
//! place.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::NotText;

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

/// One problem of data that is one file. Each names the file, the key and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem<F: fmt::Display> {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        /// The file's name.
        file: String,
        /// The key, with the keys around it.
        key: String,
        /// What is wrong with its value.
        fault: F,
    },
    /// Nothing to decide by: which file is missing, and what it holds.
    #[error("no data: {0}")]
    NoFile(&'static str),
    /// Which of two counts would be a guess.
    #[error("{second:?}: the data stands in {first:?} already, it is one file")]
    SecondFile {
        /// The file that is read.
        first: String,
        /// The one that is too many.
        second: String,
    },
}

/// Reads data that is one file: of these files, by name and content, the only one. `missing`
/// says which file that is and what it holds.
///
/// # Errors
/// All problems: one is enough to refuse all of the data.
pub fn single<'f, R: DeserializeOwned, T, F: fmt::Display>(
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    missing: &'static str,
    check: impl FnOnce(R) -> Result<T, Vec<(String, F)>>,
) -> Result<T, Vec<Problem<F>>> {
    let mut files = files.into_iter();
    let (name, bytes) = files.next().ok_or_else(|| vec![Problem::NoFile(missing)])?;
    let second = files.map(|(second, _)| Problem::SecondFile {
        first: name.to_owned(),
        second: second.to_owned(),
    });
    let mut problems: Vec<Problem<F>> = second.collect();
    match parse(name, bytes).map(check) {
        Err(error) => problems.push(Problem::from(error)),
        Ok(Ok(data)) if problems.is_empty() => return Ok(data),
        Ok(Ok(_)) => {}
        Ok(Err(faults)) => problems.extend(faults.into_iter().map(|(key, fault)| Problem::Value {
            file: name.to_owned(),
            key,
            fault,
        })),
    }
    Err(problems)
}

/// All problems as one line.
pub fn one_line<P: fmt::Display>(problems: &[P]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    problems.join("; ")
}

/// Can this be the name of a role, a rule, a space, a word: 1 to 64 bytes of `A-Za-z0-9._-`?
/// Such names stand in key paths, labels and log lines.
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
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
            detail: crate::one_line(&error.to_string()),
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
