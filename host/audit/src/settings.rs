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

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// Absolute path.
    pub path: PathBuf,
    /// When what was written is made to last.
    pub fsync: Fsync,
    /// Largest size of a file before it is rotated; 0 for any size. A record that is larger
    /// has a file of its own.
    pub rotate_bytes: u64,
    /// How long one file is written to: it is rotated where a multiple of so many seconds
    /// since 1970 is passed, a day at midnight UTC; 0 for ever.
    pub rotate_seconds: u64,
    /// How many rotated files stay; 0 for all.
    pub keep_files: usize,
}

/// When what was written to a file is made to last: to survive a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the system does so.
    Never,
    /// With each flush.
    Interval,
    /// Before anything is taken for written.
    Always,
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

impl SinkSettings {
    /// Whether records of both stand in one place, one after the other, in one form.
    pub(crate) fn describes_the_same_place(&self, other: &Self) -> bool {
        self.destination == other.destination
            && self.format == other.format
            && self.chain == other.chain
    }
}

impl Destination {
    /// The word in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
        }
    }
}

impl SinkSettings {
    /// Takes a file's bytes apart.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(
        file: &std::path::Path,
        bytes: &[u8],
    ) -> Result<Self, Vec<warden_settings::Fault>> {
        let mut section = warden_settings::Section::parse(bytes).map_err(|fault| vec![fault])?;
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let _: Option<String> = section.mandatory("type", "a string");
        let path: Option<String> = section.mandatory("path", "a path");
        let mode: Option<String> = section.optional("command_result_mode", "all or failures");
        let faults = section.finish();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            name: stem,
            destination: Destination::File(FileSettings {
                path: path.unwrap_or_default().into(),
            }),
            format: Format::Text,
            wishes: Wishes {
                events: crate::event::Category::CHOSEN.to_vec(),
                successes: mode.as_deref() == Some("all"),
            },
            payload: Payload {
                disabled: false,
                max_bytes: 1024,
            },
            flush: Flush {
                threshold_bytes: 8192,
                interval: Duration::from_secs(1),
            },
            buffer_bytes: 64 << 20,
            on_loss: OnLoss::Drop,
            chain: false,
        })
    }
}
