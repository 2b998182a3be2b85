//! Policies in C: the contract is not Rust's alone.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod allowlist;
mod bindings;
mod bounds;
mod bundle;
mod parts;
mod rules;
