//! The questions of `make bench-e2e`: what warden costs a server, against the same server
//! doing the same without it.
//!
//! One part a file: [`commands`] (does a session's command cost more?) and [`log_ins`] (does
//! logging in?). Each takes a server line and answers pairs.

pub mod commands;
pub mod load;
pub mod log_ins;
