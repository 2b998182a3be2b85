//! Where records go: `audit.protocol`, and the address that other settings may give it.

use std::path::{Path, PathBuf};

use toml::Value;

use super::{Work, integer};
use crate::migrate::report::Outcome;
use crate::migrate::valkey_audit::given::Given;

/// `file`, `syslog` or `tcp`.
pub(super) fn kind(all: &[Given]) -> Option<&'static str> {
    let given = all.iter().find(|given| given.name == "protocol")?;
    let word = given.text.split_whitespace().next()?;
    ["file", "syslog", "tcp"]
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(word))
}

impl Work<'_> {
    pub(super) fn protocol(&mut self, given: &Given, all: &[Given]) {
        let rest = given.text.split_once(char::is_whitespace);
        let rest = rest.map_or("", |(_, rest)| rest.trim());
        let Some(kind) = kind(all) else {
            let why = "ValkeyAudit takes file PATH, syslog FACILITY or tcp HOST:PORT";
            return self.error(given, why);
        };
        self.entries.push(super::Entry {
            key: "type",
            value: Value::String(kind.to_owned()),
        });
        match kind {
            "file" => self.file(given, rest),
            "syslog" => self.syslog(given, rest),
            _ => self.tcp(given, rest, all),
        }
    }

    fn file(&mut self, given: &Given, path: &str) {
        if path.is_empty() {
            return self.error(given, "no path stands behind file");
        }
        let directory = self.file.directory.as_deref();
        let path = directory.map_or_else(|| PathBuf::from(path), |there| there.join(path));
        let Some(beside) = beside(&path).filter(|_| path.is_absolute()) else {
            let why = "relative to the server's working directory, which is not known here, or no file: make the path absolute";
            return self.error(given, why);
        };
        let says = format!(
            "as type = \"file\", into {beside:?}: a file has one writer, and the old one stays as it is"
        );
        self.add(
            "path",
            Value::String(beside),
            given,
            Outcome::Changed,
            &says,
        );
    }

    fn syslog(&mut self, given: &Given, facility: &str) {
        if facility.is_empty() {
            let says = "as type = \"syslog\", with the facility local0";
            return self.found(given, Outcome::Taken, says);
        }
        let facility = facility.to_ascii_lowercase();
        let facility = facility.strip_prefix("log_").unwrap_or(&facility);
        if warden_audit::Facility::named(facility).is_none() {
            return self.error(given, "the facility is none that syslog knows");
        }
        let value = Value::String(facility.to_owned());
        let says = "as type = \"syslog\" and facility";
        self.add("facility", value, given, Outcome::Taken, says);
    }

    fn tcp(&mut self, given: &Given, address: &str, all: &[Given]) {
        if address.is_empty() {
            let has = |name: &str| all.iter().any(|one| one.name == name);
            if !(has("tcp_host") && has("tcp_port")) {
                let why = "neither HOST:PORT stands behind tcp, nor are there audit.tcp_host and audit.tcp_port";
                return self.error(given, why);
            }
            return self.found(given, Outcome::Taken, "as type = \"tcp\"");
        }
        let parts = address.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((bare(host), port.parse::<u16>().ok()?)));
        let Some((host, port)) = parts.filter(|(host, port)| !host.is_empty() && *port > 0) else {
            return self.error(given, "what stands behind tcp is not HOST:PORT");
        };
        self.entries.push(super::Entry {
            key: "host",
            value: Value::String(host.to_owned()),
        });
        let says = "as type = \"tcp\", host and port";
        self.add("port", integer(port.into()), given, Outcome::Taken, says);
    }

    /// `audit.tcp_host` and `audit.tcp_port`, where `audit.protocol` names neither.
    pub(super) fn address(&mut self, given: &Given, all: &[Given]) {
        let protocol = all.iter().find(|one| one.name == "protocol");
        if protocol.is_some_and(|one| one.text.contains(':')) {
            let says = "without effect: audit.protocol names host and port";
            return self.found(given, Outcome::Left, says);
        }
        if given.name == "tcp_host" {
            let value = Value::String(bare(&given.text).to_owned());
            return self.add("host", value, given, Outcome::Taken, "as host");
        }
        match given.text.parse::<u16>() {
            Ok(port) if port > 0 => {
                self.add(
                    "port",
                    integer(port.into()),
                    given,
                    Outcome::Taken,
                    "as port",
                );
            }
            _ => self.error(given, "no port: 1 to 65535"),
        }
    }
}

/// An address without the brackets that IPv6 has before a port.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// `/var/log/audit.log` becomes `/var/log/audit.warden.log`.
fn beside(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let name = match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => format!("{stem}.warden.{extension}"),
        None => format!("{stem}.warden"),
    };
    Some(path.with_file_name(name).to_str()?.to_owned())
}
