//! The `[endpoint]` table, checked.
//!
//! In comes the table and the addresses the file names; out go settings in which no
//! invalid value can exist, and a client made of the files it names. Files are read here,
//! hosts are never looked up.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Url};
use url::Host;
use warden_settings::{self as file, Access, Section, quoted};

use super::client;
use crate::directory::{Built, told};

/// Largest certificate or key file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Largest `bearer_token_file`.
pub(super) const MAX_TOKEN_BYTES: u64 = 16 * 1024;

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Hosts with their ports to which calls may go.
    hosts: Vec<(Host<String>, u16)>,
    /// Whether `http` may go to this machine's loopback addresses.
    loopback_http: bool,
    /// Time of one call, repetitions included.
    pub(super) timeout: Duration,
    /// Most bytes of an answer.
    pub(super) max_response_bytes: usize,
    /// Repetitions of a call that came to nothing.
    pub(super) retries: u32,
    /// Calls at once.
    pub(super) max_in_flight: usize,
    /// A token sent with every call.
    pub(super) bearer_token_file: Option<PathBuf>,
}

/// What could be read of the table.
pub(crate) struct Draft {
    /// `None` when something is wrong.
    pub(crate) parts: Option<(Settings, Client)>,
    /// Whether a client certificate is named.
    pub(crate) has_certificate: bool,
}

impl Settings {
    /// Takes whom to call, and how.
    fn read(table: &mut Section, directory: &Path, addresses: &[Url]) -> Self {
        let loopback_http = table
            .optional("allow_loopback_http", "true or false")
            .unwrap_or(false);
        for address in addresses {
            if let Err(why) = check_scheme(address, loopback_http) {
                table.fault("", why);
            }
        }
        let max_response_bytes = table.whole("max_response_bytes", 1 << 20, 1024..=16 << 20);
        let retries = table.whole("retries", 1, 0..=5);
        let max_in_flight = table.whole("max_in_flight", 64, 1..=1024);
        Self {
            hosts: hosts(table, addresses),
            loopback_http,
            timeout: millis(table, "timeout_ms", 4000, 10..=600_000),
            max_response_bytes: usize::try_from(max_response_bytes).unwrap_or(usize::MAX),
            retries: u32::try_from(retries).unwrap_or(0),
            max_in_flight: usize::try_from(max_in_flight).unwrap_or(1),
            bearer_token_file: bearer_token_file(table, directory),
        }
    }

    /// Whether calls may go to this address.
    ///
    /// # Errors
    /// Words for the operator.
    pub(crate) fn check(&self, url: &Url) -> Result<(), String> {
        check_scheme(url, self.loopback_http)?;
        let place = place(url).ok_or("an address without a host")?;
        if self.hosts.contains(&place) {
            return Ok(());
        }
        Err(format!(
            "{} lies on another host: name it in endpoint.allowed_hosts if calls may go there",
            quoted(url.as_str())
        ))
    }
}

/// Takes `[endpoint]` out of a file. `addresses` are those the file itself names: their
/// hosts are allowed.
pub(crate) fn read(
    file: &mut Section,
    built: &mut Built,
    directory: &Path,
    addresses: &[Url],
) -> Draft {
    let mut table = file.section("endpoint");
    let has_certificate = table.has("client_certificate_file");
    let connect_timeout = millis(&mut table, "connect_timeout_ms", 2000, 10..=60_000);
    let settings = Settings::read(&mut table, directory, addresses);
    let client = make_client(
        &mut table,
        built,
        directory,
        connect_timeout,
        settings.max_in_flight,
    );
    file.close(table);
    Draft {
        parts: client.map(|client| (settings, client)),
        has_certificate,
    }
}

fn millis(table: &mut Section, key: &str, default: u64, bounds: RangeInclusive<u64>) -> Duration {
    Duration::from_millis(table.whole(key, default, bounds))
}

/// Those of the addresses, and `allowed_hosts`.
fn hosts(table: &mut Section, addresses: &[Url]) -> Vec<(Host<String>, u16)> {
    let mut hosts: Vec<_> = addresses.iter().filter_map(place).collect();
    for name in table.strings("allowed_hosts").unwrap_or_default() {
        match parse_host(&name) {
            Some(host) => hosts.push(host),
            None => table.fault(
                "allowed_hosts",
                format!("{} is not HOST or HOST:PORT", quoted(&name)),
            ),
        }
    }
    hosts
}

/// Takes the file's path. What it holds is read for each call; here only whether it can be.
fn bearer_token_file(table: &mut Section, directory: &Path) -> Option<PathBuf> {
    let name: String = table.optional("bearer_token_file", "the path of a file")?;
    let path = directory.join(name);
    let content = file::read(&path, MAX_TOKEN_BYTES, Access::Secret);
    told(table, "bearer_token_file", &path, content)?;
    Some(path)
}

/// Takes the certificates and makes the client.
fn make_client(
    table: &mut Section,
    built: &mut Built,
    directory: &Path,
    connect_timeout: Duration,
    idle: usize,
) -> Option<Client> {
    let mut open = |table: &mut Section, key, access| {
        let name: String = table.optional(key, "the path of a file")?;
        built.open(table, key, &directory.join(name), MAX_FILE_BYTES, access)
    };
    let authorities = open(table, "ca_file", Access::Public);
    let certificate = open(table, "client_certificate_file", Access::Public);
    let key = open(table, "client_key_file", Access::Secret);
    if certificate.is_some() != key.is_some() {
        table.fault(
            "client_certificate_file",
            "goes together with client_key_file",
        );
    }
    let made = client::build(&client::Parts {
        authorities: authorities.as_ref().map(|bytes| bytes.as_slice()),
        identity: certificate
            .as_deref()
            .zip(key.as_deref())
            .map(|(c, k)| (c.as_slice(), k.as_slice())),
        connect_timeout,
        idle,
    });
    made.map_err(|(key, why)| table.fault(key, why)).ok()
}

/// Takes the address that a key of the file holds. The scheme is looked at with the
/// rest of the table.
pub(crate) fn address(file: &mut Section, key: &str) -> Option<Url> {
    let text: String = file.optional(key, "an https address")?;
    let url = parse(&text);
    if url.is_none() {
        file.fault(key, format!("{} is not an https address", quoted(&text)));
    }
    url
}

/// An address without user name, password and fragment.
pub(crate) fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (plain && matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

fn check_scheme(url: &Url, loopback_http: bool) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) && loopback_http => Ok(()),
        "http" if is_loopback(url) => Err(format!(
            "{} is not https; to this machine, endpoint.allow_loopback_http = true permits it",
            quoted(url.as_str())
        )),
        _ => Err(format!("{} is not https", quoted(url.as_str()))),
    }
}

/// A literal loopback address: what a name leads to is somebody else's to say.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

fn place(url: &Url) -> Option<(Host<String>, u16)> {
    Some((url.host()?.to_owned(), url.port_or_known_default()?))
}

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; the port is 443 when it is not named.
fn parse_host(text: &str) -> Option<(Host<String>, u16)> {
    let bare_ipv6 = text
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_ipv6());
    let text = if bare_ipv6 {
        format!("[{text}]")
    } else {
        text.to_owned()
    };
    let url = Url::parse(&format!("https://{text}")).ok()?;
    let nothing_else = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && !text.ends_with('/');
    nothing_else.then(|| place(&url)).flatten()
}
