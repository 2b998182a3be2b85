#![doc = include_str!("../README.md")]
//!
//! # What comes in, what goes out
//! In: the contract of `sdk/wit/plugin.wit`, as generated data. Out: the types an
//! authenticator plugin is written with. The SDK does no I/O and gives a plugin no
//! way to do any.

#![forbid(unsafe_code)]

mod answer;
mod client;
mod credential;
#[cfg(feature = "toml")]
pub mod data;
mod description;
mod error;
mod file;
mod instance;
pub mod log;
mod plugin;
mod principal;
mod properties;
mod wire;

#[doc(hidden)]
pub mod bindings;

pub use answer::Answer;
pub use client::{Certificate, Client};
pub use credential::Credential;
pub use description::{Describe, Description, Input};
pub use error::Error;
pub use file::File;
pub use plugin::Plugin;
pub use principal::{Claim, Principal};
pub use properties::{Properties, Property};
pub use warden_guest::NotText;
/// Ranges of client addresses. Needs the feature `network`.
#[cfg(feature = "network")]
pub use warden_guest::network;
pub use warden_sdk_macros::plugin;

/// For the code `#[plugin]` writes. Not part of the SDK's promise.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::instance::Instance;
}
