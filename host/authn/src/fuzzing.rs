//! A way in for the fuzz targets (fuzz/); no other build has it.

use std::path::Path;

use crate::{Authenticator, FileError, Services, directory};

/// What [`crate::Chain::load`] makes of a file that holds these bytes. The path
/// gives its id and the directory of its keys; it need not exist.
///
/// # Errors
/// Everything wrong with the file.
pub fn authenticator_file(
    path: &Path,
    bytes: &[u8],
) -> Result<Box<dyn Authenticator>, Vec<FileError>> {
    match directory::parse(path, bytes, &Services::offline()).result {
        Ok(made) => Ok(made.authenticator),
        Err(faults) => Err(faults
            .into_iter()
            .map(|fault| fault.in_file(path))
            .collect()),
    }
}
