//! What policies and authenticator plugins have in common: files and networks they
//! are configured with, and the messages they write.
//!
//! In: bytes and texts. Out: values, or words for the operator about what is wrong.
//! It names no contract: a component speaks one, and the generated bindings of two
//! must never be linked into it. So authors use it through `warden-sdk` or
//! `warden-plugin`.

#![forbid(unsafe_code)]

#[cfg(feature = "toml")]
pub mod data;
pub mod log;
#[cfg(feature = "network")]
pub mod network;
mod text;

pub use text::{NotText, one_line, text};
