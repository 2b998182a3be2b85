//! Files in TOML: strict shape, lists within bounds, every problem with its place.
//! Needs the feature `toml`.
//!
//! In: a file, a list of texts. Out: values of the asked shape, or what is wrong
//! with them and where. It knows nothing of what the values mean.

use serde::de::DeserializeOwned;

use crate::File;

pub use warden_guest::data::{ListError, ShapeError, list, optional_list};

/// Reads the shape of one file.
///
/// A problem may be told in words that quote a value of the file: a secret is better
/// kept in a file of its own and read with [`File::bytes`].
///
/// # Errors
/// The first problem, with its line.
pub fn parse<T: DeserializeOwned>(file: &File) -> Result<T, ShapeError> {
    warden_guest::data::parse(file.name(), file.bytes())
}
