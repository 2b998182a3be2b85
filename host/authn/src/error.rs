//! What can go wrong before a credential is looked at: files and keys.
//!
//! Refusals of credentials are [`Reason`](warden_core::Reason)s, not errors.
//! No message here holds a secret or the content of a file.

/// Why a file, a key or the cache could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The operating system's random generator failed.
    #[error("the operating system gave no random bytes")]
    Random,
    /// A file cannot be read as it must be.
    #[error(transparent)]
    File(#[from] warden_settings::Error),
    /// More entries than a directory may have.
    #[error("holds more than {0} authenticators")]
    TooMany(usize),
    /// The content is not usable key material.
    #[error("{0}")]
    Keys(String),
    /// What the server gave is not a client certificate that can be read.
    #[error("the certificate {0}")]
    Certificate(&'static str),
}
