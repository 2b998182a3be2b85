//! From a credential to a verified principal.
//!
//! In comes a [`Credential`](warden_core::Credential) and the time; out goes an
//! [`Outcome`]: not ours, verified, refused, or undecided. The [`Chain`] is one
//! immutable generation of the authenticator directory; the [`Cache`] remembers
//! what a credential came to. Nothing here owns a thread or reads the clock,
//! nothing but [`Chain::load`] touches a file, and no credential is kept in clear.

#![forbid(unsafe_code)]

mod authenticator;
mod cache;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the directory does not build certificate authenticators yet"
    )
)]
mod certificate;
mod chain;
mod configuration;
mod directory;
mod error;
mod file;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jwt;
mod patterns;
mod quote;
#[cfg(test)]
mod testing;

pub use authenticator::{Authenticator, Outcome};
pub use cache::{Cache, CacheKey, CacheSettings, Cached};
pub use certificate::{MAX_CERTIFICATE_BYTES, parse as parse_certificate};
pub use chain::{AuthenticatorStatus, Chain, ChainSettings, LoadReport};
pub use error::{Error, FileError};
pub use jwt::{Inspected, KeySet, inspect, is_jws_shaped, verify_signature, verify_token};
