//! From a credential to a verified principal.
//!
//! In comes a [`Credential`](warden_core::Credential) and the time; out goes an
//! [`Outcome`]: not ours, verified, refused, or undecided. The [`Chain`] is one
//! immutable generation of the authenticator directory; the [`Cache`] remembers
//! what a credential came to. Whoever must be asked is asked through an `endpoint`, or a
//! directory over LDAP, on the runtime of [`Services`]. Nothing here owns a thread,
//! [`Chain::load`] is what touches files, and no credential is kept in clear.

#![forbid(unsafe_code)]

mod accounts;
mod asking;
mod authenticator;
mod cache;
mod certificate;
mod chain;
mod coexistence;
mod directory;
mod discovery;
mod endpoint;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod introspection;
mod json;
mod jwt;
mod ldap;
mod mapping;
mod offer;
mod patterns;
mod plugin;
mod registered;
mod seal;
mod services;
mod survey;
mod terms;
#[cfg(test)]
mod testing;
mod throttle;
mod userinfo;

pub use authenticator::{Answering, Authenticator, Outcome, Presented, at_once};
pub use cache::{Cache, CacheKey, CacheSettings, Cached};
pub use certificate::{MAX_CERTIFICATE_BYTES, parse as parse_certificate};
pub use chain::{AuthenticatorStatus, Chain, ChainSettings, Claim, LoadReport};
pub use coexistence::Coexistence;
pub use error::Error;
pub use jwt::{Inspected, KeySet, inspect, is_jws_shaped, verify_signature, verify_token};
pub use ldap::{PoolStatus, ServerStatus, ServerVisit, Welcome};
pub use plugin::PluginRegistry;
pub use seal::{Seal, Sealed};
pub use services::{Notices, Services, Silent};
pub use survey::{LdapDirectory, Offset, Provider, Surveyed, Visit, Visited, survey};
pub use warden_settings::FileError;
