//! The shape of data: strict TOML, and lists within bounds.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use serde::de::DeserializeOwned;
use warden_sdk::File;

use crate::error::{Fault, Problem};

/// The bundle's TOML files; others are not data.
pub(crate) fn toml_files(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.extension() == Some("toml"))
}

/// Reads the shape of one file.
///
/// # Errors
/// The first problem, with its line.
pub(crate) fn parse<T: DeserializeOwned>(file: &File) -> Result<T, Problem> {
    let text = file.as_str()?;
    toml::from_str(text).map_err(|mut error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|b| *b == b'\n').count();
        // Without the text the error is its message and the key it belongs to.
        error.set_input(None);
        Problem::Shape {
            file: file.name().to_owned(),
            line,
            detail: flat(&error.to_string()),
        }
    })
}

/// Reads every entry of a list; adds a fault for each that is wrong, and one for a
/// list that is too long.
pub(crate) fn list<S, T>(
    entries: &[S],
    key: &str,
    most: usize,
    parse: impl Fn(&S) -> Result<T, Fault>,
    faults: &mut Vec<(String, Fault)>,
) -> Vec<T> {
    if entries.len() > most {
        faults.push((key.to_owned(), Fault::TooMany { most }));
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
pub(crate) fn optional_list<S, T>(
    entries: Option<&[S]>,
    key: &str,
    most: usize,
    parse: impl Fn(&S) -> Result<T, Fault>,
    faults: &mut Vec<(String, Fault)>,
) -> Option<Vec<T>> {
    let entries = entries?;
    if entries.is_empty() {
        faults.push((key.to_owned(), Fault::Empty));
    }
    Some(list(entries, key, most, parse, faults))
}

/// Text on one line, without control characters.
fn flat(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ").replace(char::is_control, "\u{fffd}")
}
