//! Storms: what very many clients at once do to one who has nothing to do with them.
//!
//! One part a question: [`log_ins`], [`endings`], [`reload`], [`operator`], [`black_hole`],
//! [`directories`], [`reconnects`], [`unknown_keys`], [`soak`].
//! Each takes a server line, prints its figures beside a baseline of the same run,
//! and ends its servers.

pub mod black_hole;
pub mod crowd;
pub mod directories;
pub mod endings;
pub mod flood;
pub mod log_ins;
pub mod operator;
pub mod probe;
pub mod reconnects;
pub mod reload;
pub mod report;
pub mod soak;
pub mod stage;
pub mod unknown_keys;
