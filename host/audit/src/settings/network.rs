//! `type = "syslog"` and `type = "tcp"`: who takes the records, and what happens when they are
//! away. Nobody is asked here, and no file is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls_pki_types::ServerName;
use warden_settings::{Section, quoted};

use super::destination::{absolute, named_file};
use super::table;
use crate::sink::Facility;

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

impl SyslogReceiver {
    /// Whether both are one receiver.
    pub(super) fn is_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local { socket: one, .. }, Self::Local { socket: other, .. }) => one == other,
            (Self::Remote(one), Self::Remote(other)) => one.is_where(other),
            _ => false,
        }
    }
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

impl TcpSettings {
    /// Whether both are of one collector.
    pub(super) fn is_where(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port && self.tls == other.tls
    }
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

/// The socket of the daemon of this machine.
const LOCAL_SOCKET: &str = "/dev/log";

/// Longest name of a host, in bytes (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// Reads `type = "syslog"`; `None` after a fault.
pub(super) fn syslog(section: &mut Section, directory: &Path) -> Option<SyslogSettings> {
    let facility = facility(section);
    let receiver = if section.has("host") {
        if section.has("socket") {
            let _: Option<String> = section.optional("socket", "a path");
            section.fault("socket", "is of no use: host names another receiver");
        }
        SyslogReceiver::Remote(tcp(section, directory)?)
    } else {
        for key in ["port", "tls", "ca_file", "certificate_file", "key_file"] {
            if section.has(key) {
                let _: Option<toml::Value> = section.optional(key, "there");
                section.fault(key, "goes together with host");
            }
        }
        let socket: Option<String> = section.optional("socket", "an absolute path");
        let socket = socket.unwrap_or_else(|| LOCAL_SOCKET.to_owned());
        SyslogReceiver::Local {
            socket: absolute(section, "socket", &socket)?,
            retry: retry(section),
        }
    };
    Some(SyslogSettings {
        facility: facility?,
        receiver,
    })
}

fn facility(section: &mut Section) -> Option<Facility> {
    const KEY: &str = "facility";
    if !section.has(KEY) {
        return Some(Facility::default());
    }
    let names: Vec<&str> = Facility::names().collect();
    let expected = format!("one of {}", names.join(", "));
    let name: String = section.optional(KEY, &expected)?;
    let facility = Facility::named(&name);
    if facility.is_none() {
        section.fault(KEY, format!("must be {expected}"));
    }
    facility
}

/// Reads `type = "tcp"`, and a collector that speaks syslog; `None` after a fault.
pub(super) fn tcp(section: &mut Section, directory: &Path) -> Option<TcpSettings> {
    let retry = retry(section);
    let tls = table::flag(section, "tls");
    let named = ["ca_file", "certificate_file", "key_file"].map(|key| {
        let is_there = section.has(key);
        let path = named_file(section, key, directory);
        if is_there && !tls {
            // Somebody believes that records are protected.
            section.fault(key, "is of no use: tls is not true");
        }
        path
    });
    let [ca_file, certificate_file, key_file] = named;
    if certificate_file.is_some() != key_file.is_some() {
        section.fault("certificate_file", "goes together with key_file");
    }
    let host: Option<String> = section.mandatory("host", "a name or an IP address");
    let host = host.and_then(|host| host_name(section, host, tls));
    let port = table::optional_whole(section, "port", true);
    Some(TcpSettings {
        host: host?,
        port: u16::try_from(port?).ok()?,
        tls,
        ca_file,
        certificate_file,
        key_file,
        retry,
    })
}

fn host_name(section: &mut Section, host: String, tls: bool) -> Option<String> {
    let is_odd = |character: char| character.is_whitespace() || character.is_control();
    let is_good = !host.is_empty()
        && host.len() <= MAX_HOST_BYTES
        && !host.contains(is_odd)
        && !host.contains(['/', '[', ']', '@']);
    if !is_good {
        let why = format!(
            "{} is neither a name nor an IP address; the port is a key of its own",
            quoted(&host)
        );
        section.fault("host", why);
        return None;
    }
    if tls && ServerName::try_from(host.as_str()).is_err() {
        let why = format!("{} is no name that a certificate can be for", quoted(&host));
        section.fault("host", why);
        return None;
    }
    Some(host)
}

fn retry(section: &mut Section) -> RetrySettings {
    RetrySettings {
        timeout: Duration::from_millis(table::whole(section, "timeout_ms")),
        interval: Duration::from_millis(table::whole(section, "retry_interval_ms")),
        max_retries: table::optional_whole(section, "max_retries", false)
            .and_then(|retries| u32::try_from(retries).ok()),
        reconnect_on_failure: table::flag(section, "reconnect_on_failure"),
        buffer_on_disconnect: table::flag(section, "buffer_on_disconnect"),
    }
}
