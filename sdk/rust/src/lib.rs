#![doc = include_str!("../README.md")]
//!
//! # What comes in, what goes out
//! In: the contract of `sdk/wit/policy.wit`, as generated data. Out: the types a
//! policy is written with. The SDK does no I/O and gives a policy no way to do any.

#![forbid(unsafe_code)]

pub mod bounds;
mod claim;
#[cfg(feature = "toml")]
pub mod data;
mod description;
mod encoding;
mod error;
mod file;
mod instance;
pub mod log;
mod member;
mod member_index;
mod memory;
#[cfg(feature = "json")]
mod names;
mod policy;
mod principal;
mod request;
mod restriction;
mod schema;
#[cfg(feature = "testing")]
pub mod testing;
mod verdict;
mod wire;

#[doc(hidden)]
pub mod bindings;

pub use claim::{Claim, is_claim_pointer};
pub use description::{ClaimSelection, Describe, Description, Input, Reads};
pub use encoding::decoded;
pub use error::Error;
pub use file::File;
pub use member::{Member, MemberError, is_authenticator_id};
pub use member_index::MemberIndex;
#[cfg(feature = "json")]
pub use names::{ClaimError, MAX_NAME_BYTES, MAX_NAMES};
pub use policy::Policy;
pub use principal::Principal;
pub use request::{Certificate, Request, ServerRole};
pub use restriction::Restriction;
pub use verdict::{Denial, Verdict};
pub use warden_guest::NotText;
/// Ranges of client addresses. Needs the feature `network`.
#[cfg(feature = "network")]
pub use warden_guest::network;
pub use warden_memory::Aside;
pub use warden_rules::{Access, AclRule, Bound, Pattern, PatternError, RuleError, Shape, Tail};
pub use warden_rules::{FillError, PatternTemplate, PlaceValue, Template, TemplateError};
pub use warden_sdk_macros::policy;

/// For the code `#[policy]` writes. Not part of the SDK's promise.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::instance::Instance;
    pub use crate::schema::MAX_BYTES as MAX_SCHEMA_BYTES;
}
