//! Data files in TOML: strict shape, lists within bounds, every problem with its
//! place. Needs the feature `toml`.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::File;

pub use warden_guest::data::{
    ListError, Problem, ShapeError, is_name, list, one_line, optional_list,
};

/// The bundle's TOML files; others are not data.
pub fn toml_files(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.extension() == Some("toml"))
}

/// Reads the shape of one file.
///
/// # Errors
/// The first problem, with its line.
pub fn parse<T: DeserializeOwned>(file: &File) -> Result<T, ShapeError> {
    warden_guest::data::parse(file.name(), file.bytes())
}

/// Reads the bundle's data where that is one TOML file. `missing` says which file that is and
/// what it holds.
///
/// # Errors
/// All problems: one is enough to refuse all of the data.
pub fn single<R: DeserializeOwned, T, F: fmt::Display>(
    files: &[File],
    missing: &'static str,
    check: impl FnOnce(R) -> Result<T, Vec<(String, F)>>,
) -> Result<T, Vec<Problem<F>>> {
    let files = toml_files(files).map(|file| (file.name(), file.bytes()));
    warden_guest::data::single(files, missing, check)
}
