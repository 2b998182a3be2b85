//! Data files in TOML: strict shape, lists within bounds, every problem with its
//! place. Needs the feature `toml`.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use serde::de::DeserializeOwned;

use crate::File;

pub use warden_guest::data::{ListError, ShapeError, list, optional_list};

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
