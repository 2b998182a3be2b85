//! Policies that exist only to be refused: what the code of a guest may try
//! against the server, as bytes, for the tests of `warden-policy` and for those
//! on real servers.
//!
//! Out: a [`Guest`] is a small policy made to measure; [`all`] is the table of
//! hostile ones, each with what it does, when it strikes and which words its
//! refusal must hold. Those that strike in `evaluate` do so only at the principal
//! [`Hostile::victim`], so that one generation can be seen to hurt nobody else.
//!
//! It runs nothing, and no part of the product names it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: what cannot be made is a failed test"
)]

mod bytes;
mod evaluation;
mod guest;
mod load;
mod memory;
mod plugin;
mod size;
mod table;

pub use guest::{CIRCLE, CLOCK, Guest};
pub use plugin::{PluginAnswer, PluginGuest};
pub use table::{Hostile, Strikes, all};
