//! Why signed policies are not taken, in words an operator can act on.

use super::{KeyId, MANIFEST};
use crate::digest::Digest;
use crate::error::{BundleError, Fault};

/// What is wrong with a list, its signature, or a file that is not as it was signed.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// There is no list, or no signature of it.
    #[error("is missing, and policy_keys takes signed policies only: run `warden policy sign`")]
    Unsigned,
    /// Not what minisign writes, or only a part of it.
    #[error("is no signature of minisign, or not all of one: sign again")]
    Malformed,
    /// The format of minisign before its version 0.10.
    #[error(
        "is a signature in minisign's legacy format, which is not taken: sign again, without -l"
    )]
    Legacy,
    /// Somebody signed whom the operator does not trust, or trusts no more.
    #[error("is by key {0}, which policy_keys does not name")]
    UnknownKey(KeyId),
    /// The list, the signature or its comment was changed, or another key has taken the id.
    #[error(
        "is no good signature of MANIFEST by key {0}: one of both was changed, cut or mixed up since it was signed"
    )]
    Wrong(KeyId),
    /// Signed, and not what a list must be.
    #[error("is no manifest: {0}")]
    Manifest(String),
    /// A file that nobody signed.
    #[error("is not listed in MANIFEST: sign the directory again, or remove the file")]
    Unlisted,
    /// A file that was signed and is not among those of a bundle.
    #[error("is listed in MANIFEST, and no bundle here has such a file")]
    Missing,
    /// A file that is not the one that was signed.
    #[error("is not the file that was signed: its SHA-256 is {found}, and MANIFEST lists {listed}")]
    Altered {
        /// Of the bytes that were read.
        found: Digest,
        /// Of the bytes that were signed.
        listed: Digest,
    },
    /// More files than are named.
    #[error("differs from the directory in {0} more files")]
    More(usize),
    /// Policies of before: good then, and perhaps withdrawn since.
    #[error(
        "has revision {offered}, older than revision {run} that this server has run: sign these files again with a higher revision, or run `WARDEN.RELOAD ALLOW-OLDER {offered}` once"
    )]
    Older {
        /// The revision in the directory.
        offered: u64,
        /// The highest that was in force.
        run: u64,
    },
    /// Two lists of one revision.
    #[error(
        "has revision {0}, which this server has run with other contents: sign with a higher revision, or run `WARDEN.RELOAD ALLOW-OLDER {0}` once"
    )]
    Another(u64),
    /// It cannot be said what was run, or what would be run could not be remembered.
    #[error(
        "which revision this server has run is kept there, and {0}; signed policies are not taken until that is mended, or `WARDEN.RELOAD ALLOW-OLDER` names the revision to take"
    )]
    Memory(String),
    /// What was verified was verified by keys that are trusted no more.
    #[error("was verified by keys that policy_keys has changed since")]
    KeysChanged,
}

impl Distrust {
    /// Names the file.
    pub(crate) fn of(self, file: impl Into<String>) -> BundleError {
        Fault::Untrusted(self).of(file)
    }

    /// Of the list itself.
    pub(crate) fn of_manifest(self) -> BundleError {
        self.of(MANIFEST)
    }
}
