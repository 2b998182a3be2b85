//! Passwords that verbs need: from a file or the environment, never an argument.
//!
//! In: the file's path, when one is named, and the name of a variable. Out: the password.
//! What is read here is wiped when whoever asked drops it; a variable stays in the
//! environment of the process, and what others make of the password is theirs. No message
//! holds it.

use std::env::{self, VarError};
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::Error;

/// The password of the file, or else of the variable; `None` without either.
pub(crate) fn given(
    file: Option<&Path>,
    variable: &str,
) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(path) = file else {
        return match env::var(variable) {
            Ok(password) => Ok(Some(Zeroizing::new(password))),
            Err(VarError::NotPresent) => Ok(None),
            // Its own message would show the value.
            Err(VarError::NotUnicode(_)) => Err(Error::Usage(format!("{variable} is not UTF-8"))),
        };
    };
    let bytes = fs::read(path).map_err(|error| Error::Usage(format!("{path:?}: {error}")))?;
    let bytes = Zeroizing::new(bytes);
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Error::Usage(format!("{path:?}: the password is not UTF-8")))?;
    // Without the line end that editors put behind it.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Some(Zeroizing::new(text.to_owned())))
}
