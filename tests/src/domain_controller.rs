//! A real domain controller: Samba's, in a process of its own, on loopback ports.
//!
//! In: people, groups, an authority for its certificate. Out: LDAP, StartTLS on the same
//! port, LDAPS on another, and what only such a directory does: names in three forms, its
//! reasons for refusing a bind, groups of groups by one search, no password in clear.
//!
//! | name | |
//! |---|---|
//! | `DC=corp,DC=example,DC=com` | [`BASE`] |
//! | `CN=Administrator,CN=Users,…` | [`ADMIN`]: may do everything |
//! | `CN=valkey,OU=Services,…` | [`SERVICE`]: may search, as everybody may who is bound |
//! | `CN=NAME,OU=People,…` | [`User`] |
//! | `CN=NAME,OU=Groups,…` | [`Group`]; `memberOf` follows it |
//!
//! ```no_run
//! use warden_tests::domain_controller::{DomainController, Group, User};
//! use warden_tests::slapd::password_of;
//! use warden_tests::Authority;
//!
//! let authority = Authority::new("corp");
//! let alice = User::new("alice").common_name("Smith, Alice (dev)");
//! let controller = DomainController::builder()
//!     .group(Group::new("dev").member(&alice.dn()).user("bob"))
//!     .user(alice)
//!     .user(User::new("bob"))
//!     .start(&authority);
//! let client = controller.client().trusting(&authority);
//! let client = client.binding("CORP\\alice", &password_of("alice"));
//! client.search("DC=corp,DC=example,DC=com", "(cn=dev)", &["member"]).expect_success();
//! controller.disable("bob");
//! ```
//!
//! It runs in a root directory of its own (`chroot`), for it looks for its parts in fixed
//! places; so do its ports have fixed numbers, which `tests/native/ports.c` replaces.
//! The process ends with the value that stands for it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tempfile::TempDir;

use crate::authority::{Authority, Identity};
use crate::ldap::{Client, Entry, ldif_line};
use crate::patience::within;
use crate::ports::free_address;

mod content;
mod process;

pub use content::{ADMIN, BASE, DOMAIN, Group, SERVICE, SHORT_DOMAIN, User, group_dn, user_dn};
use content::{ADMIN_PASSWORD, Content, DISABLED, ENABLED, LONG_AGO, as_password};

/// How long the server may take to answer, and to be filled, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const FILL_LIMIT: Duration = Duration::from_secs(120);

/// What Samba binds: LDAP, LDAPS, and both for the global catalogue.
const FIXED_PORTS: [u16; 4] = [389, 636, 3268, 3269];

/// A controller in the making. It can be started more than once: each has a domain of its
/// own with the same content.
#[derive(Clone, Default)]
pub struct DomainControllerBuilder {
    content: Content,
    identity: Option<Identity>,
}

/// A running controller.
pub struct DomainController {
    ldap: SocketAddr,
    ldaps: SocketAddr,
    process: Child,
    directory: TempDir,
}

impl DomainControllerBuilder {
    /// Adds a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.content.users.push(user);
        self
    }

    /// Adds users of these account names.
    #[must_use]
    pub fn users<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let users = names.into_iter().map(|name| User::new(name.as_ref()));
        self.content.users.extend(users);
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.content.groups.push(group);
        self
    }

    /// Adds groups.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.content.groups.extend(groups);
        self
    }

    /// Shows this certificate: expired, for another host.
    #[must_use]
    pub fn showing(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Starts the server on free loopback ports with a certificate of this authority and
    /// fills its domain.
    ///
    /// # Panics
    /// With what it wrote, when it does not start.
    #[track_caller]
    pub fn start(&self, authority: &Authority) -> DomainController {
        let identity = self.identity.clone().unwrap_or_else(|| authority.server());
        // Between choosing a free port and binding it another test can take it.
        for attempt in 1.. {
            match DomainController::start(authority, &identity) {
                Ok(controller) => {
                    let additions = self.content.entries();
                    let additions: Vec<String> = additions.iter().map(addition).collect();
                    controller.change(&additions.concat());
                    return controller;
                }
                Err(log) => {
                    let taken = log.contains("NT_STATUS_ADDRESS_ALREADY_ASSOCIATED");
                    assert!(taken && attempt < 5, "Samba did not start:\n{log}");
                }
            }
        }
        unreachable!("the last attempt panics");
    }
}

impl DomainController {
    /// A domain with nobody but its administrator and the service account.
    pub fn builder() -> DomainControllerBuilder {
        DomainControllerBuilder::default()
    }

    /// An empty one, or else what it wrote.
    fn start(authority: &Authority, identity: &Identity) -> Result<Self, String> {
        let directory = process::directory();
        let path = directory.path();
        process::lay_out(path, authority, identity);
        let ports = FIXED_PORTS.map(|fixed| (fixed, free_address()));
        let [(_, ldap), (_, ldaps), ..] = ports;
        let mut controller = Self {
            ldap,
            ldaps,
            process: process::spawn(path, &ports),
            directory,
        };
        let up = within(START_LIMIT, || {
            let ended = controller.process.try_wait();
            if ended.expect("a child can be asked").is_some() {
                return Some(false);
            }
            let mut both = [ldap, ldaps].into_iter();
            both.all(|address| TcpStream::connect(address).is_ok())
                .then_some(true)
        });
        if up == Some(true) {
            Ok(controller)
        } else {
            Err(controller.log())
        }
    }

    /// Where it speaks LDAP, and StartTLS.
    pub fn address(&self) -> SocketAddr {
        self.ldap
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.ldap)
    }

    /// `ldaps://127.0.0.1:PORT`.
    pub fn tls_url(&self) -> String {
        format!("ldaps://{}", self.ldaps)
    }

    /// An anonymous client on the port for TLS.
    pub fn client(&self) -> Client {
        Client::at(&self.tls_url())
    }

    /// Its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All it wrote.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.path().join(process::LOG_FILE));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    // --- what it holds ------------------------------------------------------

    /// Makes the changes that LDIF describes, as administrator.
    ///
    /// # Panics
    /// When the server refuses one.
    #[track_caller]
    pub fn change(&self, ldif: &str) {
        let client = self.client().trusting_anybody().waiting(FILL_LIMIT);
        let admin = client.binding(ADMIN, ADMIN_PASSWORD);
        admin.modify(ldif).expect_success();
    }

    /// Adds a user.
    #[track_caller]
    pub fn add(&self, user: &User) {
        self.change(&addition(&user.entry()));
    }

    /// Removes an entry; it leaves all groups.
    #[track_caller]
    pub fn remove(&self, dn: &str) {
        self.change(&(ldif_line("dn", dn.as_bytes()) + "changetype: delete\n"));
    }

    /// Gives an attribute this value instead of those it has.
    #[track_caller]
    pub fn replace(&self, dn: &str, attribute: &str, value: &str) {
        self.modify(dn, "replace", attribute, value.as_bytes());
    }

    /// Gives a user of [`User::new`] another password.
    #[track_caller]
    pub fn replace_password(&self, name: &str, password: &str) {
        let password = as_password(password);
        self.modify(&user_dn(name), "replace", "unicodePwd", &password);
    }

    /// Disables a user of [`User::new`].
    #[track_caller]
    pub fn disable(&self, name: &str) {
        let control = DISABLED.to_string();
        self.replace(&user_dn(name), "userAccountControl", &control);
    }

    /// Lets a user of [`User::new`] in again.
    #[track_caller]
    pub fn enable(&self, name: &str) {
        let control = ENABLED.to_string();
        self.replace(&user_dn(name), "userAccountControl", &control);
    }

    /// Lets a user of [`User::new`] have expired, years ago.
    #[track_caller]
    pub fn expire(&self, name: &str) {
        self.replace(&user_dn(name), "accountExpires", LONG_AGO);
    }

    /// Makes whoever has this name a member of a group.
    #[track_caller]
    pub fn join(&self, group: &str, dn: &str) {
        self.modify(&group_dn(group), "add", "member", dn.as_bytes());
    }

    /// Takes whoever has this name out of a group.
    #[track_caller]
    pub fn leave(&self, group: &str, dn: &str) {
        self.modify(&group_dn(group), "delete", "member", dn.as_bytes());
    }

    #[track_caller]
    fn modify(&self, dn: &str, how: &str, attribute: &str, value: &[u8]) {
        let name = ldif_line("dn", dn.as_bytes());
        let value = ldif_line(attribute, value);
        self.change(&format!(
            "{name}changetype: modify\n{how}: {attribute}\n{value}"
        ));
    }
}

impl Drop for DomainController {
    /// Ends the process this value started, and no other.
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// LDIF that adds an entry.
fn addition(entry: &Entry) -> String {
    let ldif = entry.ldif();
    let (name, rest) = ldif.split_once('\n').expect("an entry has a name");
    format!("{name}\nchangetype: add\n{rest}")
}
