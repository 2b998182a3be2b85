//! A data file of the bundle, as `configure` gets it.

use crate::Error;

/// One data file: `NAME.*` beside `NAME.wasm`, or a file under `NAME.d/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    name: String,
    media_type: String,
    bytes: Vec<u8>,
}

impl File {
    /// A file for a native test, its media type unknown.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::with_media_type(name, "application/octet-stream", bytes)
    }

    /// A file with its media type.
    pub fn with_media_type(
        name: impl Into<String>,
        media_type: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            name: name.into(),
            media_type: media_type.into(),
            bytes: bytes.into(),
        }
    }

    /// Its name in the bundle: `rbac.toml`, or `roles/eu.toml` under `rbac.d/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part of the name behind its last dot; `None` for `README` or `.hidden`.
    ///
    /// ```
    /// use warden_sdk::File;
    /// assert_eq!(File::new("rbac.d/eu.toml", "").extension(), Some("toml"));
    /// assert_eq!(File::new("rbac.d/README", "").extension(), None);
    /// ```
    pub fn extension(&self) -> Option<&str> {
        let last = self.name.rsplit('/').next()?;
        last.rsplit_once('.')
            .filter(|(stem, _)| !stem.is_empty())
            .map(|(_, extension)| extension)
    }

    /// The media type the host gave by extension, for example `application/toml`.
    pub fn media_type(&self) -> &str {
        &self.media_type
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
    /// use warden_sdk::File;
    /// assert_eq!(File::new("a.toml", "x = 1").as_str().unwrap(), "x = 1");
    /// let error = File::new("a.toml", b"x\xff").as_str().unwrap_err();
    /// assert_eq!(error.to_string(), r#"file "a.toml" is not UTF-8 at byte 1"#);
    /// ```
    pub fn as_str(&self) -> Result<&str, Error> {
        Ok(warden_guest::text(&self.name, &self.bytes)?)
    }
}
