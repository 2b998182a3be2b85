//! What happens on this server, told to the audit room.
//!
//! In: commands as they arrive and as they end, log-ins, sessions, changes, reloads. Out:
//! records in the journal, for the sinks that want them, with nothing in them that must not be
//! seen. Nothing is subscribed that no sink wants. Never: a file, a socket, a wait.
//!
//! ```text
//! filter, results, events ─→ observer (main thread) ─ who? which command? wanted? ─→ journal
//! login, sessions, loaders ─────────────────────────────────────────────────────────┘
//! ```

mod authentication;
mod changes;
mod clients;
mod commands;
mod observer;
mod refusing;
mod reloads;
mod subscriptions;
mod trail;

pub(crate) use authentication::{Outcome, attempted};
pub(crate) use observer::{adopt, forget, forget_commands, look, session_ended};
pub(crate) use refusing::{Refused, refusal};
pub(crate) use reloads::reloaded;
pub(crate) use trail::{Digests, SinkNotices, Trail, wait_until};
