//! What one sink is told to do: a file of `audit_dir`, checked.
//!
//! In: the bytes of a TOML file, and where it is. Out: [`SinkSettings`], in which no invalid
//! value can be, or every fault of the file with its key path. Never: a file opened, a host
//! looked up, a secret read: the files that are named here are read by whoever makes the sink.
//!
//! Every key, with its default and bounds: [`table`], and docs/audit/settings.md.

mod choice;
mod destination;
mod file;
mod network;
mod redaction;
pub mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use file::{FileSettings, Fsync};
pub use network::{RetrySettings, SyslogReceiver, SyslogSettings, TcpSettings};

use warden_settings::{Fault, Section, quoted};

use crate::format::Format;
use crate::redact::Pattern;
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
    /// What nobody is shown, besides what is a secret anyway: in force for all sinks.
    pub redact: Vec<Pattern>,
    /// When what was gathered is written.
    pub flush: Flush,
    /// What may wait for it in memory, in bytes.
    pub buffer_bytes: u64,
    /// What happens when it cannot write.
    pub on_loss: OnLoss,
    /// Whether each record carries the hash of all before it.
    pub chain: bool,
    /// By whom and how often the chain is signed; only with `chain`.
    pub signing: Option<Signing>,
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

/// Who signs the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// An ed25519 key, PKCS#8 in PEM; read when the sink starts.
    pub key_file: PathBuf,
    /// How long until what was written is signed.
    pub interval: Duration,
}

impl SinkSettings {
    /// Takes a file's bytes apart. `file` is where it is: the sink is named after it, and paths
    /// that are not absolute are taken from its directory.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let mut section = Section::parse(bytes).map_err(|fault| vec![fault])?;
        let directory = file.parent().unwrap_or(Path::new("/"));
        let settings = Self::read(&mut section, file, directory);
        let is_good = section.is_good();
        let faults = section.finish();
        match settings {
            Some(settings) if is_good && faults.is_empty() => Ok(settings),
            _ => Err(faults),
        }
    }

    /// `None` only after a fault.
    fn read(section: &mut Section, file: &Path, directory: &Path) -> Option<Self> {
        let name = name(section, file);
        let destination = destination::read(section, directory);
        let format = match table::word(section, "format") {
            "json" => Format::Json,
            "csv" => Format::Csv,
            _ => Format::Text,
        };
        let wishes = choice::read(section);
        let payload = Payload {
            disabled: table::flag(section, "payload_disable"),
            max_bytes: table::size(section, "payload_maxsize"),
        };
        let redact = redaction::read(section);
        let flush = Flush {
            threshold_bytes: table::size(section, "flush_threshold_bytes"),
            interval: Duration::from_secs(table::whole(section, "flush_interval_seconds")),
        };
        let buffer_bytes = table::whole(section, "buffer_bytes");
        let on_loss = match table::word(section, "on_loss") {
            "refuse" => OnLoss::Refuse,
            _ => OnLoss::Drop,
        };
        let chain = table::flag(section, "chain");
        let signing = signing(section, directory, chain);
        Some(Self {
            name: name?,
            destination: destination?,
            format,
            wishes,
            payload,
            redact,
            flush,
            buffer_bytes,
            on_loss,
            chain,
            signing,
        })
    }
}

/// The file's stem without a leading number and dash.
fn name(section: &mut Section, file: &Path) -> Option<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let digits = stem.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let name = match digits.strip_prefix('-') {
        Some(rest) if digits.len() < stem.len() => rest,
        _ => stem.as_ref(),
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_allowed) {
        let why = format!(
            "{} cannot name a sink: the file's name takes 1 to 64 characters of a-z, A-Z, 0-9, '-' and '_' before .toml",
            quoted(name)
        );
        section.fault("", why);
        return None;
    }
    Some(name.to_owned())
}

fn signing(section: &mut Section, directory: &Path, chain: bool) -> Option<Signing> {
    const KEY: &str = "signing_key_file";
    let has_interval = section.has("checkpoint_seconds");
    let interval = Duration::from_secs(table::whole(section, "checkpoint_seconds"));
    let Some(key_file) = destination::named_file(section, KEY, directory) else {
        if has_interval {
            section.fault("checkpoint_seconds", "goes together with signing_key_file");
        }
        return None;
    };
    if !chain {
        section.fault(
            KEY,
            "goes together with chain = true: the chain is what is signed",
        );
    }
    Some(Signing { key_file, interval })
}

impl SinkSettings {
    /// Whether records of both stand in one place, one after the other, in one form.
    pub(crate) fn describes_the_same_place(&self, other: &Self) -> bool {
        self.destination.is_where(&other.destination)
            && self.format == other.format
            && self.chain == other.chain
    }
}

impl SinkSettings {
    /// Whether both write to one file, which can have one writer only.
    pub(crate) fn writes_where(&self, other: &Self) -> bool {
        matches!(self.destination, Destination::File(_))
            && self.destination.is_where(&other.destination)
    }

    /// Whether records that come while the receiver is away are lost at once.
    pub(crate) fn loses_while_away(&self) -> bool {
        let retry = match &self.destination {
            Destination::File(_) => return false,
            Destination::Syslog(syslog) => match &syslog.receiver {
                SyslogReceiver::Local { retry, .. } => retry,
                SyslogReceiver::Remote(tcp) => &tcp.retry,
            },
            Destination::Tcp(tcp) => &tcp.retry,
        };
        !retry.buffer_on_disconnect
    }
}

impl Destination {
    /// Whether records come to one place by both, however they are brought there.
    pub(crate) fn is_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(another)) => one.path == another.path,
            (Self::Syslog(one), Self::Syslog(another)) => one.receiver.is_where(&another.receiver),
            (Self::Tcp(one), Self::Tcp(another)) => one.is_where(another),
            _ => false,
        }
    }

    /// The word in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Tcp(_) => "tcp",
        }
    }
}

#[cfg(test)]
mod tests;
