//! The rule strings of warden-core, judged by real servers' own ACL engines.
//!
//! In: servers of both lines without the module, and permissions made up at
//! random. For every command the server has, `ACL DRYRUN` must answer what the
//! model answers that never saw a rule string. Nothing is executed.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test, and waiting on a real server needs real time"
)]

mod around;
mod calls;
mod glob;
mod known;
mod model;
mod patterns;
mod probe;
mod property;
mod quoting;
mod rights;
mod touches;
