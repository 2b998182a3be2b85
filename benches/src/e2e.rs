//! The questions of `make bench-e2e`: what warden costs a server, against the same server
//! doing the same without it.
//!
//! One part a file: [`commands`] (does a session's command cost more?) and [`log_ins`] (does
//! logging in?) and [`directory`] answer pairs; [`processor`] (what is warden's own part of it?) takes the
//! processor time of a log-in apart. [`audit`]: what does it cost that
//! it is recorded? [`memory`] and [`loading`]: what does a session take, and how long a start?

pub mod audit;
pub mod commands;
pub mod directory;
pub mod load;
pub mod loading;
pub mod log_ins;
pub mod memory;
pub mod processor;
