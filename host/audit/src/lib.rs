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

pub mod chain;
pub mod checkpoint;
pub mod event;
mod fleet;
pub mod format;
mod journal;
pub mod redact;
pub mod settings;
mod sink;
mod status;
pub mod wishes;
mod worker;

pub use event::{Category, Client, Event, Record, SinkSet};
pub use fleet::{Ended, Entry, Fleet, FleetReport, Read, Roster, Spawn};
pub use format::{Format, Numbered, Remembered};
pub use journal::{Batch, Chunk, Journal, Lane};
pub use redact::{Hidden, Redaction, Redactor};
pub use settings::SinkSettings;
pub use sink::file::{FileError, FileSink, Resumed};
pub use sink::{Again, Facility, Head, Refused, Sink, Stop, SyslogSink, TcpSink, Untaken};
pub use status::SinkStatus;
pub use wishes::{Interest, Subscriptions, Wants, Wishes};
pub use worker::{Notices, Surroundings};

/// Longest line that is written or read, in bytes without its end; a record whose line would be
/// longer is lost, and counted.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
