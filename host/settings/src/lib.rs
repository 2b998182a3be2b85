//! Files that operators write: authenticators, audit sinks.
//!
//! In: a path, or the bytes of a TOML file. Out: the bytes of a regular file that did not
//! change while it was read; a [`Section`] from which typed values are taken key by key; all
//! that is wrong, together, each [`Fault`] with its key path. Never: a value's text in a
//! message, a default for a value that is wrong.

#![forbid(unsafe_code)]

mod error;
mod file;
mod quote;
mod section;

pub use error::{Error, FileError};
pub use file::{Access, last_change, read};
pub use quote::quoted;
pub use section::{Fault, Section};
