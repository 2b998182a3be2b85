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
use warden_settings::{Access, Section, quoted};

use super::address::{Address, Security};
use super::filter::Filter;
use super::message::Search;
use super::name::{self, BindName};
use super::server::{Manner, Server};
use super::servers::{Selection, Servers};
use crate::directory::Built;
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
    let limits = Limits::read(file);
    let manner = Arc::new(Manner {
        tls: tls?,
        account: account?,
        pool_size: limits.pool_size,
        connection_limit: limits.connection,
        operation_limit: limits.operation,
        services: services.clone(),
    });
    let list = addresses
        .into_iter()
        .map(|address| Server::new(address, Arc::clone(&manner)))
        .collect();
    Some(Settings {
        mode: mode?,
        lookup: lookup?,
        servers: Servers::new(list, selection, limits.interval, limits.operation),
    })
}

/// How many, how often and how long.
#[derive(Debug, PartialEq, Eq)]
struct Limits {
    pool_size: usize,
    /// Between two looks at a server.
    interval: Duration,
    connection: Duration,
    operation: Duration,
}

impl Limits {
    fn read(file: &mut Section) -> Self {
        let mut seconds = |key, default| Duration::from_secs(file.whole(key, default, 1..=600));
        let interval = seconds("failure_detector_interval", 1);
        let connection = seconds("timeout_connection", 10);
        let operation = seconds("timeout_ldap_operation", 10);
        let pool_size = file.whole("connection_pool_size", 2, 1..=1024);
        Self {
            pool_size: usize::try_from(pool_size).unwrap_or(1),
            interval,
            connection,
            operation,
        }
    }
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
    let made = warden_tls::build(&warden_tls::Parts {
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What is wrong with a file of these lines, each with its key. `ROOT` is a directory
    /// with `secret`, which holds a password, `open`, which everybody may read, `blank` and
    /// `long`.
    fn faults(lines: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let long = "x".repeat(5000);
        for (name, text, mode) in [
            ("secret", "s3cret\n", 0o600),
            ("open", "s3cret\n", 0o644),
            ("blank", " \n", 0o600),
            ("long", long.as_str(), 0o600),
        ] {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut file = Section::parse(lines.as_bytes()).unwrap();
        let mut built = Built::default();
        let services = Services::offline();
        let read = read(&mut file, &mut built, directory.path(), &services);
        let is_good = file.is_good();
        let faults = file.finish().into_iter();
        let faults: Vec<String> = faults
            .map(|fault| fault.in_file(Path::new("f")).to_string())
            .collect();
        assert_eq!(read.is_some() && is_good, faults.is_empty(), "{faults:?}");
        faults
    }

    const SERVER: &str = "servers = ['ldap://127.0.0.1']\n";

    #[test]
    fn a_server_is_all_that_must_be_said() {
        assert_eq!(faults(SERVER), Vec::<String>::new());
        let mut file = Section::parse(b"").unwrap();
        let limits = Limits {
            pool_size: 2,
            interval: Duration::from_secs(1),
            connection: Duration::from_secs(10),
            operation: Duration::from_secs(10),
        };
        assert_eq!(Limits::read(&mut file), limits);
        assert_eq!(selection(&mut file), Selection::Order);
        let lookup = lookup(&mut file).unwrap();
        assert_eq!((lookup.base.as_str(), lookup.scope), ("", Scope::Subtree));
        assert_eq!(lookup.names(), ["uid", "entryDN"]);
        let filter = Filter::parse("(objectClass=*)").unwrap();
        assert_eq!(lookup.filter, filter);
        assert!(matches!(mode(&mut file), Some(Mode::Bind(_))));
    }

    #[test]
    fn every_bad_value_is_named_with_its_key() {
        let many: Vec<String> = (0..33).map(|n| format!("'ldap://h{n}'")).collect();
        let many = format!("servers = [{}]", many.join(", "));
        let long = format!("{SERVER}search_base = '{}'", "x".repeat(1025));
        for (lines, key) in [
            ("", "servers: is missing"),
            ("servers = []", "servers"),
            ("servers = 'ldap://a'", "servers"),
            ("servers = ['http://a']", "servers"),
            ("servers = ['ldap://a/dc=x']", "servers"),
            ("servers = ['ldap://a', 'LDAP://A:389']", "servers: names"),
            (&many, "servers: names more than 32"),
            (&long, "search_base"),
        ] {
            let faults = faults(lines);
            assert_eq!(faults.len(), 1, "{lines}: {faults:?}");
            assert!(faults[0].contains(key), "{lines}: {faults:?}");
        }
        for (lines, key) in [
            ("auth_mode = 'search'", "auth_mode: must be"),
            ("server_selection = 'random'", "server_selection: must be"),
            ("use_starttls = 'yes'", "use_starttls"),
            ("search_scope = 'children'", "search_scope: must be"),
            ("search_filter = '(uid=a'", "search_filter"),
            ("search_attribute = 'a b'", "search_attribute"),
            ("search_dn_attribute = ''", "search_dn_attribute"),
            ("search_base = \"a\\nb\"", "search_base"),
            ("connection_pool_size = 0", "connection_pool_size"),
            ("connection_pool_size = 1025", "connection_pool_size"),
            ("failure_detector_interval = 0", "failure_detector_interval"),
            ("timeout_connection = 601", "timeout_connection"),
            ("timeout_ldap_operation = 1.5", "timeout_ldap_operation"),
            // A password without a name proves nothing, and a name needs one.
            (
                "search_bind_dn = 'cn=x'",
                "search_bind_passwd_file: is missing",
            ),
            (
                "search_bind_passwd_file = 'secret'",
                "search_bind_passwd_file",
            ),
            (
                "search_bind_dn = ' '\nsearch_bind_passwd_file = 'secret'",
                "search_bind_dn",
            ),
            (
                "search_bind_dn = 'cn=x'\nsearch_bind_passwd_file = 'blank'",
                "holds no password",
            ),
            (
                "search_bind_dn = 'cn=x'\nsearch_bind_passwd_file = 'open'",
                "search_bind_passwd_file",
            ),
            (
                "search_bind_dn = 'cn=x'\nsearch_bind_passwd_file = 'long'",
                "search_bind_passwd_file",
            ),
            (
                "search_bind_dn = 'cn=x'\nsearch_bind_passwd_file = 'none'",
                "search_bind_passwd_file",
            ),
        ] {
            let faults = faults(&format!("{SERVER}{lines}"));
            assert!(!faults.is_empty(), "{lines}");
            assert!(faults[0].contains(key), "{lines}: {faults:?}");
            assert!(!faults.concat().contains("s3cret"), "{lines}: {faults:?}");
        }
        let good = "search_bind_dn = 'cn=x'\nsearch_bind_passwd_file = 'secret'";
        assert_eq!(faults(&format!("{SERVER}{good}")), Vec::<String>::new());
    }

    /// Whoever names certificates believes that passwords are protected.
    #[test]
    fn what_is_said_of_tls_is_in_use_or_an_error() {
        for key in ["tls_ca_cert_path", "tls_cert_path", "tls_key_path"] {
            let faults = faults(&format!("{SERVER}{key} = 'secret'"));
            let is_told = |fault: &String| fault.contains(key) && fault.contains("of no use");
            assert!(faults.iter().any(is_told), "{faults:?}");
        }
        for lines in ["tls_cert_path = 'secret'", "tls_key_path = 'secret'"] {
            let faults = faults(&format!("servers = ['ldaps://a']\n{lines}"));
            let is_told = |fault: &String| fault.contains("goes together with");
            assert!(faults.iter().any(is_told), "{faults:?}");
        }
    }
}
