//! A real directory: OpenLDAP's `slapd` in a process of its own, on loopback ports.
//!
//! In: people, groups, how permissive it is, an authority for its certificate. Out:
//! LDAP, StartTLS on the same port, LDAPS on another, and whatever becomes of clients
//! when such a server is stopped, killed or stalled.
//!
//! | name | |
//! |---|---|
//! | `dc=example,dc=org` | [`BASE`] |
//! | `cn=admin,…` | [`ADMIN`]: may do everything |
//! | `cn=warden,ou=services,…` | [`SERVICE`]: may search |
//! | `uid=NAME,ou=people,…` | [`User`], an `inetOrgPerson`; once bound, it may search too |
//! | `cn=NAME,ou=groups,…` | [`Group`], a `groupOfNames`; `memberOf` follows it |
//!
//! ```no_run
//! use warden_tests::slapd::{Group, Slapd, password_of, user_dn};
//! use warden_tests::Authority;
//!
//! let authority = Authority::new("corp");
//! let described = Slapd::builder()
//!     .users(["alice", "bob"])
//!     .group(Group::new("analysts").user("alice"))
//!     .permissive();
//! let [first, second] = [described.start(&authority), described.start(&authority)];
//! first.client().binding(&user_dn("alice"), &password_of("alice")).whoami().expect_success();
//! first.join("analysts", &user_dn("bob"));
//! first.kill();
//! second.stall();
//! ```
//!
//! Passwords are stored as they are: a bind costs the server no digest. The process
//! ends with the value that stands for it.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ldap::{Client, Entry, ldif_line};
use crate::patience::{eventually, within};
use crate::ports::free_address;
use crate::stalled::stall;

mod builder;
mod content;
mod counters;

pub use builder::SlapdBuilder;
use builder::{Laid, tool};
pub use content::{
    ADMIN, ADMIN_PASSWORD, BASE, Group, NOBODY, SERVICE, SERVICE_PASSWORD, User, group_dn,
    password_of, user_dn,
};
pub use counters::Counters;

/// How long the server may take to answer on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

const LOG_FILE: &str = "slapd.log";

/// Of the server's own making.
const PID_FILE: &str = "slapd.pid";

/// The name of one of [`SlapdBuilder::crowd`]: `user00042`.
pub fn crowd_name(number: usize) -> String {
    format!("user{number:05}")
}

/// A running server, or one that was stopped and can be started again.
pub struct Slapd {
    ldap: SocketAddr,
    ldaps: Option<SocketAddr>,
    arguments: Vec<String>,
    process: Mutex<Child>,
    own: Mutex<Counters>,
    log: PathBuf,
    directory: TempDir,
}

impl Slapd {
    /// An empty directory that refuses anonymous searches and empty passwords.
    pub fn builder() -> SlapdBuilder {
        SlapdBuilder::default()
    }

    #[track_caller]
    fn start(laid: Laid) -> Self {
        let log = laid.directory.path().join(LOG_FILE);
        // Between choosing a free port and binding it another test can take it.
        for attempt in 1.. {
            let ldap = free_address();
            let ldaps = laid.tls.then(free_address);
            let mut urls = format!("ldap://{ldap}/");
            if let Some(address) = ldaps {
                urls += &format!(" ldaps://{address}/");
            }
            let level = if laid.logs_operations {
                "stats"
            } else {
                "none"
            };
            let config = laid
                .directory
                .path()
                .join("slapd.conf")
                .display()
                .to_string();
            // With -d it stays in the foreground.
            let arguments = ["-f", &config, "-h", &urls, "-d", level]
                .map(str::to_owned)
                .to_vec();
            let mut process = spawn(&arguments, laid.directory.path());
            if let Some(probes) = wait_until_up(&mut process, laid.directory.path(), ldap, ldaps) {
                let slapd = Self {
                    ldap,
                    ldaps,
                    arguments,
                    process: Mutex::new(process),
                    own: Mutex::new(probes),
                    log,
                    directory: laid.directory,
                };
                slapd.settle();
                return slapd;
            }
            let _already_gone = process.kill();
            let _status = process.wait();
            let text = read(&log);
            let taken = text.contains("Address already in use");
            assert!(taken && attempt < 5, "slapd did not start:\n{text}");
        }
        unreachable!("the last attempt panics");
    }

    /// Where it speaks LDAP, and StartTLS.
    pub fn address(&self) -> SocketAddr {
        self.ldap
    }

    /// Where it speaks LDAPS.
    ///
    /// # Panics
    /// When it was built without TLS.
    #[track_caller]
    pub fn tls_address(&self) -> SocketAddr {
        self.ldaps.expect("the server was built with TLS")
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.ldap)
    }

    /// `ldaps://127.0.0.1:PORT`.
    #[track_caller]
    pub fn tls_url(&self) -> String {
        format!("ldaps://{}", self.tls_address())
    }

    /// An anonymous client on the plain port.
    pub fn client(&self) -> Client {
        Client::at(&self.url())
    }

    /// Its working directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process().id()
    }

    /// All it wrote: with [`SlapdBuilder::logging_operations`] a line for each operation,
    /// else failures to start.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    // --- its life -----------------------------------------------------------

    /// Asks it to end (SIGTERM) and waits: connections are closed in good order.
    #[track_caller]
    pub fn stop(&self) {
        self.end(Signal::TERM);
    }

    /// Ends it at once (SIGKILL).
    #[track_caller]
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Keeps it from running (SIGSTOP): the system still accepts connections and takes
    /// what is sent, and nothing is answered.
    #[track_caller]
    pub fn stall(&self) {
        stall(self.pid());
    }

    /// Lets it run again; it answers what was sent meanwhile.
    #[track_caller]
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`], on the same ports and
    /// with the content it had.
    #[track_caller]
    pub fn start_again(&self) {
        self.start_amid_others();
        self.settle();
    }

    /// As [`Self::start_again`], while others connect without a pause. What
    /// [`Counters::open_connections`] says may for a moment be too much.
    #[track_caller]
    pub fn start_amid_others(&self) {
        let mut process = self.process();
        *process = spawn(&self.arguments, self.directory());
        let up = wait_until_up(&mut process, self.directory(), self.ldap, self.ldaps);
        drop(process);
        *self.own() = up.unwrap_or_else(|| panic!("slapd did not come back:\n{}", self.log()));
    }

    /// Waits until it has noticed that those who asked whether it is up have left.
    #[track_caller]
    fn settle(&self) {
        eventually("slapd has no connections", || {
            (self.counters().open_connections == 0).then_some(())
        });
    }

    /// [`Self::stop`] and [`Self::start_again`].
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    fn end(&self, signal: Signal) {
        self.signal(signal);
        eventually("slapd ends", || self.ended());
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.process().try_wait().expect("a child can be asked")
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        kill_process(pid, signal).expect("our own process takes a signal");
    }

    // --- what it holds ------------------------------------------------------

    /// Makes the changes that LDIF describes, as administrator.
    ///
    /// # Panics
    /// When the server refuses one.
    #[track_caller]
    pub fn change(&self, ldif: &str) {
        self.admin().modify(ldif).expect_success();
        let mut own = self.own();
        own.connections += 1;
        own.binds += 1;
        own.modifications += 1;
    }

    /// Adds an entry.
    #[track_caller]
    pub fn add(&self, entry: &Entry) {
        let ldif = entry.ldif();
        let (name, rest) = ldif.split_once('\n').expect("an entry has a name");
        self.change(&format!("{name}\nchangetype: add\n{rest}"));
    }

    /// Removes an entry; it leaves all groups.
    #[track_caller]
    pub fn remove(&self, dn: &str) {
        self.change(&(ldif_line("dn", dn.as_bytes()) + "changetype: delete\n"));
    }

    /// Gives an attribute these values instead of those it has.
    #[track_caller]
    pub fn replace(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.modify(dn, "replace", attribute, values);
    }

    /// Makes whoever has this name a member of a group.
    #[track_caller]
    pub fn join(&self, group: &str, dn: &str) {
        self.modify(&group_dn(group), "add", "member", &[dn]);
    }

    /// Takes whoever has this name out of a group, which must keep another member.
    #[track_caller]
    pub fn leave(&self, group: &str, dn: &str) {
        self.modify(&group_dn(group), "delete", "member", &[dn]);
    }

    #[track_caller]
    fn modify(&self, dn: &str, how: &str, attribute: &str, values: &[&str]) {
        let mut ldif = ldif_line("dn", dn.as_bytes());
        ldif += &format!("changetype: modify\n{how}: {attribute}\n");
        for value in values {
            ldif += &ldif_line(attribute, value.as_bytes());
        }
        self.change(&ldif);
    }

    /// What others had of it since it was started, by its own account (`cn=Monitor`).
    #[track_caller]
    pub fn counters(&self) -> Counters {
        let mut own = self.own();
        let filter = "(|(monitorOpCompleted=*)(monitorCounter=*))";
        let attributes = ["monitorOpCompleted", "monitorCounter"];
        let outcome = self.admin().search("cn=Monitor", filter, &attributes);
        let counted = Counters::of(&outcome.expect_success().entries());
        // This question's own bind is done when it is answered, its search is not.
        own.connections += 1;
        own.binds += 1;
        let others = counted.without(*own);
        own.searches += 1;
        others
    }

    fn admin(&self) -> Client {
        self.client().binding(ADMIN, ADMIN_PASSWORD)
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().expect("nobody panicked here")
    }

    /// What the harness itself had of the server.
    fn own(&self) -> MutexGuard<'_, Counters> {
        self.own.lock().expect("nobody panicked here")
    }
}

impl Drop for Slapd {
    /// Ends the process this value started, and no other; a stalled one, too.
    fn drop(&mut self) {
        let process = match self.process.get_mut() {
            Ok(process) => process,
            Err(poisoned) => poisoned.into_inner(),
        };
        let _already_gone = process.kill();
        let _status = process.wait();
    }
}

fn spawn(arguments: &[String], directory: &Path) -> Child {
    let _none_left = fs::remove_file(directory.join(PID_FILE));
    let output = File::options()
        .create(true)
        .append(true)
        .open(directory.join(LOG_FILE))
        .expect("the log can be opened");
    tool("slapd")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("the log can be shared"))
        .stderr(output)
        .spawn()
        .expect("slapd runs; scripts/directory fetches it")
}

/// Waits until it accepts on all its ports, and tells what that took of it; none when
/// it ended instead, or kept silent.
fn wait_until_up(
    process: &mut Child,
    directory: &Path,
    ldap: SocketAddr,
    ldaps: Option<SocketAddr>,
) -> Option<Counters> {
    let mut probes = Counters::default();
    let mut open = |address| {
        let connected = TcpStream::connect(address).is_ok();
        probes.connections += u64::from(connected);
        connected
    };
    let up = within(START_LIMIT, || {
        if process.try_wait().expect("a child can be asked").is_some() {
            return Some(false);
        }
        // Written when the ports are bound, so that nobody else answers on them.
        let bound = directory.join(PID_FILE).exists();
        (bound && open(ldap) && ldaps.is_none_or(&mut open)).then_some(true)
    });
    (up == Some(true)).then_some(probes)
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}
