//! The audit room: what happened, as records that can be trusted.
//!
//! In: [`Record`]s, made on the server's main thread, already redacted. Out: lines in files,
//! at syslog, at collectors; and exact numbers of what was lost. Never: a secret, a partial
//! line, a loss that is not itself recorded; a file, a socket or a format on the thread that
//! made the record.
//!
//! ```text
//! main thread                          one thread for each sink
//! Interest ─ who wants it? ─ none: nothing
//!    └ some: redact ─→ Journal ─→ lane ─→ format ─→ chain ─→ file | syslog | tcp
//! ```

#![forbid(unsafe_code)]

pub mod event;
mod format;
mod journal;
pub mod settings;
mod sink;
mod wishes;

pub use event::{Category, Client, Event, Record, SinkSet};
pub use format::{Format, Numbered};
pub use journal::{Batch, Chunk, Journal, Lane};
pub use settings::SinkSettings;
pub use sink::{Again, Facility, Head, Refused, Sink, Stop, SyslogSink, TcpSink};
pub use wishes::Wishes;
