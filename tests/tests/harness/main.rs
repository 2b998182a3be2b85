//! The parts of the harness that stand for others: that they do what the promises'
//! tests take for granted.
//!
//! It starts servers without the module, so that a failure here is never the module's.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod domain_controller;
mod hostile_directory;
mod hostile_provider;
mod provider;
mod proxy;
mod slapd;
mod tls;
