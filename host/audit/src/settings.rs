//! What one sink is told to do: a file of `audit_dir`, checked.
//!
//! In: the bytes of a TOML file. Out: [`SinkSettings`], in which no invalid value can be, or
//! every fault of the file with its key path.

use std::path::PathBuf;
use std::time::Duration;

use crate::format::Format;
use crate::sink::Facility;
use crate::wishes::Wishes;

/// One sink.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkSettings {
    /// The file's stem without a leading `10-`.
    pub name: String,
    /// Where records go.
    pub destination: Destination,
    /// How a record is written.
    pub format: Format,
    /// Which records it wants.
    pub wishes: Wishes,
    /// What it shows of arguments.
    pub payload: Payload,
    /// When what was gathered is written.
    pub flush: Flush,
    /// What may wait for it in memory, in bytes.
    pub buffer_bytes: u64,
    /// What happens when it cannot write.
    pub on_loss: OnLoss,
    /// Whether each record carries the hash of all before it.
    pub chain: bool,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// A file of this machine.
    File(FileSettings),
    /// The daemon of this machine, or a collector that speaks syslog.
    Syslog(SyslogSettings),
    /// A collector of lines.
    Tcp(TcpSettings),
}

impl Destination {
    /// Whether records wait while the receiver is away; else they are lost, and counted, at
    /// once.
    pub fn buffers_while_away(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Syslog(syslog) => match &syslog.receiver {
                SyslogReceiver::Local { retry, .. } => retry.buffer_on_disconnect,
                SyslogReceiver::Remote(tcp) => tcp.retry.buffer_on_disconnect,
            },
            Self::Tcp(tcp) => tcp.retry.buffer_on_disconnect,
        }
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// Absolute path.
    pub path: PathBuf,
}

/// Syslog, of this machine or over the network.
#[derive(Clone, Debug, PartialEq)]
pub struct SyslogSettings {
    /// `facility`; local0 by default.
    pub facility: Facility,
    /// Who takes the messages.
    pub receiver: SyslogReceiver,
}

/// Who takes syslog messages.
#[derive(Clone, Debug, PartialEq)]
pub enum SyslogReceiver {
    /// The daemon of this machine, by datagrams.
    Local {
        /// `socket`: absolute path; `/dev/log` by default.
        socket: PathBuf,
        /// When the daemon is away.
        retry: RetrySettings,
    },
    /// RFC 5424 over TCP (RFC 6587, octet counting) or TLS (RFC 5425).
    Remote(TcpSettings),
}

/// A connection to a collector, by TCP or TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSettings {
    /// Name or IP address.
    pub host: String,
    /// 1–65535.
    pub port: u16,
    /// `tls`: false by default. The host's name is always verified.
    pub tls: bool,
    /// The authorities that are trusted; without, those of the system.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, with `key_file`.
    pub certificate_file: Option<PathBuf>,
    /// The key of `certificate_file`.
    pub key_file: Option<PathBuf>,
    /// When the collector is away.
    pub retry: RetrySettings,
}

/// What a sink does when its receiver is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// `timeout_ms`: how long connecting, or writing without progress, may take; 5 s by
    /// default.
    pub timeout: Duration,
    /// `retry_interval_ms`: the wait before the second try; later ones are longer, up to a
    /// minute. 1 s by default.
    pub interval: Duration,
    /// `max_retries`: tries after the first that fails; without end by default.
    pub max_retries: Option<u32>,
    /// `reconnect_on_failure`: true by default.
    pub reconnect_on_failure: bool,
    /// `buffer_on_disconnect`: true by default; false: records that come while the receiver is
    /// away are lost, and counted, at once.
    pub buffer_on_disconnect: bool,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(5000),
            interval: Duration::from_millis(1000),
            max_retries: None,
            reconnect_on_failure: true,
            buffer_on_disconnect: true,
        }
    }
}

/// What is shown of a command's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Nothing of them; the key is shown.
    pub disabled: bool,
    /// At most so many bytes of all of them together.
    pub max_bytes: usize,
}

/// When what was gathered is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// As soon as there are so many bytes …
    pub threshold_bytes: usize,
    /// … or after so much time.
    pub interval: Duration,
}

/// What happens when a sink cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// Records are lost, counted, and the loss is recorded.
    Drop,
    /// As `Drop`; and nobody logs in or changes CONFIG, ACL or modules meanwhile.
    Refuse,
}
