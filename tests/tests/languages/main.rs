//! `cedar` and `rego` decide as the crates do that they are made of, and as their pages
//! of the documentation say.
//!
//! In: the built policies, in the engine that servers use. Policies after the ideas of the
//! public examples of both languages are asked hundreds of questions: decision by decision
//! they are those of the crate, asked directly; what it calls an error is a refusal.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod cedar;
mod cedar_page;
#[path = "../docs/markdown.rs"]
mod markdown;
mod rego;
mod rego_page;
