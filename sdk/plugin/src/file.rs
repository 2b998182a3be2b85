//! A file of `[property_files]`, as `initialise` gets it.

use std::fmt;

use crate::Error;

/// One file: the key it stands under, and its content.
///
/// It may hold secrets, so `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    name: String,
    bytes: Vec<u8>,
}

impl File {
    /// A file for a native test.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    /// Its key in `[property_files]`. Where the file lies a plugin is not told.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content as text.
    ///
    /// # Errors
    /// [`Error::NotText`] when it is not UTF-8.
    ///
    /// ```
    /// use warden_plugin::File;
    /// assert_eq!(File::new("keys", "x = 1").as_str().unwrap(), "x = 1");
    /// let error = File::new("keys", b"x\xff").as_str().unwrap_err();
    /// assert_eq!(error.to_string(), r#"file "keys" is not UTF-8 at byte 1"#);
    /// ```
    pub fn as_str(&self) -> Result<&str, Error> {
        Ok(warden_guest::text(&self.name, &self.bytes)?)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}
