//! What a directory holds, and a client that asks any directory.
//!
//! In: entries as values; a URL. Out: LDIF and distinguished names rendered by one
//! function each; the answers that OpenLDAP's own clients got, which know nothing of
//! the code under test.

mod client;
mod entry;

pub use client::{Client, Outcome};
pub use entry::{Entry, rdn};

pub(crate) use client::run;
pub(crate) use entry::ldif_line;
