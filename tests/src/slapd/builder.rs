//! What a directory server will be started with, and its `slapd.conf`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::Slapd;
use super::content::{
    ADMIN, ADMIN_PASSWORD, BASE, Content, Group, LOCKING_POLICY, NOBODY, SERVICE, User,
};
use crate::authority::{Authority, Identity};
use crate::ldap::Entry;
use crate::parts;

/// How long ten thousand people may take to load on a busy machine.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// The attributes by which Active Directory names and disables an account.
const ACCOUNT_SCHEMA: &str = "\
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.11.99.1 NAME 'warden-test-account' SUP top AUXILIARY MAY ( userAccountControl $ sAMAccountName ) )";

/// A server in the making. It can be started more than once: each has the same content.
#[derive(Clone, Default)]
pub struct SlapdBuilder {
    content: Content,
    permissive: bool,
    anonymous_search: bool,
    size_limit: Option<u32>,
    certificate: Certificate,
    demands_certificates: bool,
    logs_operations: bool,
    global: Vec<String>,
    database: Vec<String>,
}

/// What the server shows.
#[derive(Clone, Default)]
enum Certificate {
    /// A sound one of the authority it is started with.
    #[default]
    Sound,
    /// Whatever the test wants.
    Other(Box<Identity>),
    /// Nothing: there is no TLS.
    None,
}

/// A directory on disk that holds all a server needs.
pub(super) struct Laid {
    pub(super) directory: TempDir,
    pub(super) tls: bool,
    pub(super) logs_operations: bool,
}

impl SlapdBuilder {
    /// Adds a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.content.users.push(user);
        self
    }

    /// Adds users of these names.
    #[must_use]
    pub fn users<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let users = names.into_iter().map(|name| User::new(name.as_ref()));
        self.content.users.extend(users);
        self
    }

    /// Adds so many users, named by [`super::crowd_name`].
    #[must_use]
    pub fn crowd(self, count: usize) -> Self {
        self.users((0..count).map(super::crowd_name))
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

    /// Adds any other entry whose parent is there: a referral, a second name.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.content.entries.push(entry);
        self
    }

    /// As permissive as slapd can be made about binds: a name with an empty password
    /// and a password without a name succeed as anonymous, version 2 is spoken, and
    /// anonymous updates are not refused as such.
    #[must_use]
    pub fn permissive(mut self) -> Self {
        self.permissive = true;
        self
    }

    /// Lets everybody search without a bind.
    #[must_use]
    pub fn anonymous_search(mut self) -> Self {
        self.anonymous_search = true;
        self
    }

    /// Answers with at most so many entries to all but the administrator; without
    /// limit otherwise.
    #[must_use]
    pub fn size_limit(mut self, entries: u32) -> Self {
        self.size_limit = Some(entries);
        self
    }

    /// Shows this certificate: expired, for another host.
    #[must_use]
    pub fn showing(mut self, identity: Identity) -> Self {
        self.certificate = Certificate::Other(Box::new(identity));
        self
    }

    /// Opens no port for LDAPS and does not offer StartTLS.
    #[must_use]
    pub fn without_tls(mut self) -> Self {
        self.certificate = Certificate::None;
        self
    }

    /// Over TLS, takes only clients with a certificate of its authority.
    #[must_use]
    pub fn demanding_certificates(mut self) -> Self {
        self.demands_certificates = true;
        self
    }

    /// Writes a line for each connection and operation, see [`Slapd::log`]; slower.
    #[must_use]
    pub fn logging_operations(mut self) -> Self {
        self.logs_operations = true;
        self
    }

    /// Adds a line to the part of `slapd.conf` before all databases.
    #[must_use]
    pub fn global(mut self, line: &str) -> Self {
        self.global.push(line.to_owned());
        self
    }

    /// Adds a line to the database's part of `slapd.conf`, before its access rules.
    #[must_use]
    pub fn database(mut self, line: &str) -> Self {
        self.database.push(line.to_owned());
        self
    }

    /// Fills a directory, starts the server on free loopback ports with a certificate
    /// of this authority, and waits until it answers.
    ///
    /// # Panics
    /// With what it wrote, when it does not.
    #[track_caller]
    pub fn start(&self, authority: &Authority) -> Slapd {
        Slapd::start(self.lay_out(authority))
    }

    #[track_caller]
    fn lay_out(&self, authority: &Authority) -> Laid {
        let directory = tempfile::Builder::new()
            .prefix("warden-slapd-")
            .tempdir()
            .expect("a temporary directory");
        let path = directory.path();
        let identity = match &self.certificate {
            Certificate::Sound => Some(authority.server()),
            Certificate::Other(identity) => Some((**identity).clone()),
            Certificate::None => None,
        };
        if let Some(identity) = &identity {
            fs::write(path.join("ca.pem"), authority.ca_pem())
                .expect("the authority can be written");
            identity.write(&path.join("tls.pem"), &path.join("tls-key.pem"));
        }
        fs::create_dir(path.join("data")).expect("the directory can be created");
        fs::write(
            path.join("slapd.conf"),
            self.config(path, identity.is_some()),
        )
        .expect("slapd.conf can be written");
        fs::write(path.join("content.ldif"), self.content.ldif()).expect("LDIF can be written");
        load(path);
        Laid {
            tls: identity.is_some(),
            logs_operations: self.logs_operations,
            directory,
        }
    }

    fn config(&self, path: &Path, tls: bool) -> String {
        let parts = [
            self.global_part(path, tls),
            self.database_part(path),
            monitor_part(),
        ];
        parts.concat().join("\n") + "\n"
    }

    fn global_part(&self, path: &Path, tls: bool) -> Vec<String> {
        let part = parts::ldap();
        let schema = |name: &str| {
            let file = part.join("schema").join(name);
            format!("include {}", file.display())
        };
        let mut lines = vec![
            format!("pidfile {}", path.join(super::PID_FILE).display()),
            schema("core.schema"),
            schema("cosine.schema"),
            schema("nis.schema"),
            schema("inetorgperson.schema"),
            ACCOUNT_SCHEMA.to_owned(),
            format!("modulepath {}", part.join("modules").display()),
            "moduleload back_mdb.so".to_owned(),
            "moduleload memberof.so".to_owned(),
            "moduleload refint.so".to_owned(),
        ];
        if self.content.locks_somebody() {
            lines.push("moduleload ppolicy.so".to_owned());
        }
        if self.permissive {
            lines.push("allow bind_v2 bind_anon_cred bind_anon_dn update_anon".to_owned());
        }
        let limit = self
            .size_limit
            .map_or("unlimited".to_owned(), |n| n.to_string());
        lines.push(format!("sizelimit {limit}"));
        if tls {
            let file = |name: &str| path.join(name).display().to_string();
            lines.push(format!("TLSCACertificateFile {}", file("ca.pem")));
            lines.push(format!("TLSCertificateFile {}", file("tls.pem")));
            lines.push(format!("TLSCertificateKeyFile {}", file("tls-key.pem")));
            let verify = if self.demands_certificates {
                "demand"
            } else {
                "never"
            };
            lines.push(format!("TLSVerifyClient {verify}"));
        }
        lines.extend(self.global.iter().cloned());
        lines
    }

    fn database_part(&self, path: &Path) -> Vec<String> {
        let mut lines = vec![
            "database mdb".to_owned(),
            format!("suffix {BASE}"),
            format!("rootdn {ADMIN}"),
            format!("rootpw {ADMIN_PASSWORD}"),
            format!("directory {}", path.join("data").display()),
            // The file is sparse. Nothing is flushed: a test outlives no power cut.
            "maxsize 1073741824".to_owned(),
            "dbnosync".to_owned(),
            "index objectClass,uid,cn,member,memberOf,mail,sAMAccountName,memberUid eq".to_owned(),
            "overlay memberof".to_owned(),
            "overlay refint".to_owned(),
            "refint_attributes member".to_owned(),
            format!("refint_nothing {NOBODY}"),
        ];
        if self.content.locks_somebody() {
            lines.push("overlay ppolicy".to_owned());
            lines.push(format!("ppolicy_default {LOCKING_POLICY}"));
        }
        lines.extend(self.database.iter().cloned());
        let anonymous = if self.anonymous_search {
            "read"
        } else {
            "none"
        };
        lines.extend([
            "access to attrs=userPassword by anonymous auth by * none".to_owned(),
            format!("access to * by dn.exact={SERVICE} read by users read by * {anonymous}"),
        ]);
        lines
    }
}

/// The server's own counters, for the administrator alone.
fn monitor_part() -> Vec<String> {
    vec![
        "database monitor".to_owned(),
        format!("rootdn {ADMIN}"),
        "access to * by * none".to_owned(),
    ]
}

/// Fills the database of the `slapd.conf` in this directory, without a server.
#[track_caller]
fn load(path: &Path) {
    let mut slapadd = tool("slapadd");
    slapadd.arg("-q").arg("-f").arg(path.join("slapd.conf"));
    slapadd
        .arg("-b")
        .arg(BASE)
        .arg("-l")
        .arg(path.join("content.ldif"));
    crate::ldap::run(&mut slapadd, "", LOAD_LIMIT).expect_success();
}

/// A program of the server's own.
pub(super) fn tool(name: &str) -> Command {
    let part: PathBuf = parts::ldap().to_owned();
    let mut command = Command::new(part.join("sbin").join(name));
    command.env_clear().env("LD_LIBRARY_PATH", part.join("lib"));
    command
}
