//! What a file of `type = "ldap"` says.
//!
//! In comes the file; out go checked settings and the servers they name. Files it names
//! are read here; hosts are never looked up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ldap3::Scope;
use rustls::ClientConfig;
use warden_core::Secret;

use super::address::{Address, Security};
use super::filter::Filter;
use super::message::Search;
use super::name::{self, BindName};
use super::server::{Manner, Server};
use super::servers::{Selection, Servers};
use super::tls;
use crate::configuration::Section;
use crate::directory::Built;
use crate::file::Access;
use crate::quote::quoted;
use crate::services::Services;

/// Largest certificate or key file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Largest `search_bind_passwd_file`.
const MAX_PASSWORD_BYTES: u64 = 4096;
/// Longest distinguished name of the operator's.
const MAX_DN_BYTES: usize = 1024;
/// Most servers: bounds the connections that are kept.
const MAX_SERVERS: usize = 32;

/// How a directory is asked about somebody.
pub(super) enum Mode {
    /// A bind under a name that is made of the given one.
    Bind(BindName),
    /// A search for the entry, and a bind under its name.
    SearchBind,
    /// A search for the entry of somebody whom another authenticator proved.
    Lookup,
}

/// How an entry is searched for.
pub(super) struct Lookup {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: Filter,
    /// The attribute that holds the name a client gives.
    pub(super) attribute: String,
    /// The attribute that holds the name to bind with.
    pub(super) dn_attribute: String,
}

impl Lookup {
    /// What tells an entry's names.
    pub(super) fn names(&self) -> [&str; 2] {
        [self.attribute.as_str(), self.dn_attribute.as_str()]
    }

    /// A search for the one entry that passes a filter; a second tells that there are
    /// several.
    pub(super) fn search<'a>(
        &'a self,
        filter: &'a Filter,
        attributes: &'a [&'a str],
    ) -> Search<'a> {
        Search {
            base: &self.base,
            scope: self.scope,
            filter,
            attributes,
            size_limit: 2,
        }
    }
}

/// Everything of the file that concerns the directory.
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) lookup: Lookup,
    pub(super) servers: Servers,
}

/// Takes the settings out of a file; `None` when there was a fault.
pub(super) fn read(
    file: &mut Section,
    built: &mut Built,
    directory: &Path,
    services: &Services,
) -> Option<Settings> {
    let mode = mode(file);
    let lookup = lookup(file);
    let account = account(file, built, directory);
    let use_starttls = file
        .optional("use_starttls", "true or false")
        .unwrap_or(false);
    let addresses = addresses(file, use_starttls);
    let tls = client(file, built, directory, &addresses);
    let selection = selection(file);
    let pool_size = file.whole("connection_pool_size", 2, 1..=1024);
    let interval = seconds(file, "failure_detector_interval", 1);
    let connection_limit = seconds(file, "timeout_connection", 10);
    let operation_limit = seconds(file, "timeout_ldap_operation", 10);
    let manner = Arc::new(Manner {
        tls: tls?,
        account: account?,
        pool_size: usize::try_from(pool_size).unwrap_or(1),
        connection_limit,
        operation_limit,
        services: services.clone(),
    });
    let list = addresses
        .into_iter()
        .map(|address| Server::new(address, Arc::clone(&manner)))
        .collect();
    Some(Settings {
        mode: mode?,
        lookup: lookup?,
        servers: Servers::new(list, selection, interval, operation_limit),
    })
}

fn seconds(file: &mut Section, key: &str, default: u64) -> Duration {
    Duration::from_secs(file.whole(key, default, 1..=600))
}

/// `auth_mode`, with the two parts of a name where it needs them.
fn mode(file: &mut Section) -> Option<Mode> {
    let name: Option<String> = file.optional("auth_mode", "a string");
    let bind_name = BindName::read(file);
    match name.as_deref() {
        None | Some("bind") => bind_name.map(Mode::Bind),
        Some("search+bind") => Some(Mode::SearchBind),
        Some("lookup") => Some(Mode::Lookup),
        Some(_) => {
            file.fault("auth_mode", "must be bind, search+bind or lookup");
            None
        }
    }
}

/// `search_base`, `search_filter`, `search_attribute`, `search_scope` and
/// `search_dn_attribute`.
fn lookup(file: &mut Section) -> Option<Lookup> {
    let base = dn(file, "search_base").unwrap_or_default();
    let filter: Option<String> = file.optional("search_filter", "a string");
    let filter = Filter::parse(filter.as_deref().unwrap_or("objectClass=*"));
    let filter = filter.map_err(|why| file.fault("search_filter", why)).ok();
    let name = attribute(file, "search_attribute", "uid");
    let dn_attribute = attribute(file, "search_dn_attribute", "entryDN");
    let scope: Option<String> = file.optional("search_scope", "a string");
    let scope = match scope.as_deref() {
        None | Some("sub") => Scope::Subtree,
        Some("one") => Scope::OneLevel,
        Some("base") => Scope::Base,
        Some(_) => {
            file.fault("search_scope", "must be base, one or sub");
            return None;
        }
    };
    Some(Lookup {
        base,
        scope,
        filter: filter?,
        attribute: name?,
        dn_attribute: dn_attribute?,
    })
}

fn attribute(file: &mut Section, key: &str, default: &str) -> Option<String> {
    let name: Option<String> = file.optional(key, "a string");
    let name = name.unwrap_or_else(|| default.to_owned());
    if name::is_type(&name) && name.len() <= MAX_DN_BYTES {
        return Some(name);
    }
    file.fault(key, format!("{} cannot name an attribute", quoted(&name)));
    None
}

/// A distinguished name. Whether the directory takes it for one only the directory knows.
fn dn(file: &mut Section, key: &str) -> Option<String> {
    let text: String = file.optional(key, "a string")?;
    if text.len() > MAX_DN_BYTES || text.chars().any(char::is_control) {
        file.fault(
            key,
            format!("takes at most {MAX_DN_BYTES} bytes without control characters"),
        );
        return None;
    }
    Some(text)
}

/// `search_bind_dn` and `search_bind_passwd_file`: both, or none of them. `None` when there
/// was a fault.
#[expect(
    clippy::option_option,
    reason = "a fault is something else than nobody"
)]
fn account(
    file: &mut Section,
    built: &mut Built,
    directory: &Path,
) -> Option<Option<(String, Secret<String>)>> {
    const PASSWORD: &str = "search_bind_passwd_file";
    let has_password = file.has(PASSWORD);
    if !file.has("search_bind_dn") {
        if has_password {
            let _path: Option<String> = file.optional(PASSWORD, "the path of a file");
            file.fault(PASSWORD, "goes together with search_bind_dn");
            return None;
        }
        return Some(None);
    }
    let name = dn(file, "search_bind_dn");
    if name.as_deref().is_some_and(|name| name.trim().is_empty()) {
        file.fault(
            "search_bind_dn",
            "is empty: leave it out to search as nobody",
        );
        return None;
    }
    let path: String = file.mandatory(PASSWORD, "the path of a file")?;
    let path = directory.join(path);
    let bytes = built.open(file, PASSWORD, &path, MAX_PASSWORD_BYTES, Access::Secret)?;
    match std::str::from_utf8(bytes.trim_ascii_end()) {
        Ok(text) if !name::is_blank(text) && !text.contains('\0') => {
            Some(Some((name?, Secret::new(text.to_owned()))))
        }
        _ => {
            file.fault(PASSWORD, format!("{path:?} holds no password"));
            None
        }
    }
}

/// `servers`.
fn addresses(file: &mut Section, use_starttls: bool) -> Vec<Address> {
    let urls = file.mandatory_strings("servers").unwrap_or_default();
    if urls.len() > MAX_SERVERS {
        file.fault("servers", format!("names more than {MAX_SERVERS}"));
    }
    let mut addresses = Vec::new();
    for url in urls.iter().take(MAX_SERVERS) {
        match Address::parse(url, use_starttls) {
            Some(address) if addresses.contains(&address) => {
                file.fault("servers", format!("names {} twice", quoted(url)));
            }
            Some(address) => addresses.push(address),
            None => file.fault(
                "servers",
                format!(
                    "{} is not ldap://HOST:PORT or ldaps://HOST:PORT",
                    quoted(url)
                ),
            ),
        }
    }
    addresses
}

/// What TLS is made of, where a server is spoken with by it. `None` when there was a fault.
#[expect(
    clippy::option_option,
    reason = "a fault is something else than no TLS"
)]
fn client(
    file: &mut Section,
    built: &mut Built,
    directory: &Path,
    addresses: &[Address],
) -> Option<Option<Arc<ClientConfig>>> {
    let is_used = addresses
        .iter()
        .any(|address| address.security != Security::Plain);
    let keys = ["tls_ca_cert_path", "tls_cert_path", "tls_key_path"];
    let is_named = keys.map(|key| file.has(key));
    let [authorities, certificate, key] = keys.map(|key| {
        let access = match key {
            "tls_key_path" => Access::Secret,
            _ => Access::Public,
        };
        let path: Option<String> = file.optional(key, "the path of a file");
        path.and_then(|path| built.open(file, key, &directory.join(path), MAX_FILE_BYTES, access))
    });
    if !is_used {
        // Somebody believes that passwords are protected.
        let named = keys.iter().zip(is_named).find(|(_, is_named)| *is_named);
        if let (Some((key, _)), false) = (named, addresses.is_empty()) {
            file.fault(
                key,
                "is of no use: no server is ldaps:// and use_starttls is false",
            );
            return None;
        }
        return Some(None);
    }
    if let [_, true, false] | [_, false, true] = is_named {
        file.fault("tls_cert_path", "goes together with tls_key_path");
        return None;
    }
    let made = tls::build(&tls::Parts {
        authorities: authorities.as_ref().map(|bytes| bytes.as_slice()),
        identity: certificate
            .as_deref()
            .zip(key.as_deref())
            .map(|(c, k)| (c.as_slice(), k.as_slice())),
    });
    made.map_err(|(key, why)| file.fault(key, why))
        .ok()
        .map(Some)
}

/// `server_selection`.
fn selection(file: &mut Section) -> Selection {
    let name: Option<String> = file.optional("server_selection", "a string");
    match name.as_deref() {
        None | Some("order") => Selection::Order,
        Some("round-robin") => Selection::RoundRobin,
        Some(_) => {
            file.fault("server_selection", "must be order or round-robin");
            Selection::Order
        }
    }
}
