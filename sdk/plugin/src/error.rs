//! What is wrong with what a plugin is configured with.

/// A mistake in properties or files. Every message is one line and escaped, and becomes
/// a `String` with `?`, so `initialise` may pass it on as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A property whose value is not of the asked shape.
    #[error("property {name:?}: {detail}")]
    Property {
        /// The property.
        name: String,
        /// The reader's words.
        detail: String,
    },
    /// A property that is missing, or has no place in the asked shape.
    #[error("properties: {detail}")]
    Properties {
        /// The reader's words.
        detail: String,
    },
    /// A property or file that the plugin does not know.
    #[error("{kind} {name:?} is not known: {known}")]
    Unknown {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Which are known, in words.
        known: String,
    },
    /// A file that `[property_files]` should name.
    #[error("[property_files] must name {name:?}")]
    NoFile {
        /// The key.
        name: String,
    },
    /// A file that should be text.
    #[error(transparent)]
    NotText(#[from] warden_guest::NotText),
}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.to_string()
    }
}
