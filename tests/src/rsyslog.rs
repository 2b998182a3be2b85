//! A real syslog server: `rsyslogd` in a process of its own.
//!
//! In: how it listens, by [`RsyslogBuilder`]. Out: a unix socket, a TCP port and, where it has
//! a certificate, a TLS port, all on loopback; every [`Message`] as it understood it; and
//! whatever becomes of clients when such a server is stopped, killed or stalled.
//!
//! ```no_run
//! use warden_tests::rsyslog::Rsyslog;
//! use std::os::unix::net::UnixDatagram;
//!
//! let rsyslog = Rsyslog::builder().start();
//! let socket = UnixDatagram::unbound().unwrap();
//! socket.send_to(b"<133>me[1]: hello", rsyslog.socket()).unwrap();
//! assert_eq!(rsyslog.messages(1)[0].text, "hello");
//! ```
//!
//! It takes messages up to [`MESSAGE_BYTES`], or as many as it is told. The process ends with
//! the value that stands for it.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::parts;
use crate::patience::{PATIENCE, within};
use crate::ports::free_address;
use crate::stalled::stall;

/// Longest message it takes, unless it is told otherwise.
pub const MESSAGE_BYTES: usize = 2 << 20;

/// How long the server may take to answer on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Between the fields of a message in the output file: no message has one.
const SEPARATOR: char = '\u{1f}';

/// A message, as the server understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `local0`.
    pub facility: String,
    /// `notice`.
    pub severity: String,
    /// Who sent it, by its own account, or this machine.
    pub host: String,
    /// `APP-NAME`, or what stood before the colon.
    pub program: String,
    /// `PROCID`, or what stood in brackets.
    pub process: String,
    /// `MSGID`; `-` without.
    pub id: String,
    /// All elements; `-` without.
    pub structured_data: String,
    /// The message itself, with its byte order mark if it has one.
    pub text: String,
}

/// A server in the making.
#[derive(Clone)]
pub struct RsyslogBuilder {
    message_bytes: usize,
    tls: Option<Tls>,
}

/// Files of PEM.
#[derive(Clone)]
struct Tls {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    demands_certificates: bool,
}

/// A running server, or one that was stopped and can be started again.
pub struct Rsyslog {
    tcp: SocketAddr,
    tls: Option<SocketAddr>,
    process: Mutex<Child>,
    directory: TempDir,
}

impl RsyslogBuilder {
    /// The longest message it takes; it cuts what is longer.
    #[must_use]
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// Listens for TLS, too, with this certificate and key (PEM).
    #[must_use]
    pub fn tls(mut self, authority: &Path, certificate: &Path, key: &Path) -> Self {
        self.tls = Some(Tls {
            authority: authority.to_owned(),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            demands_certificates: false,
        });
        self
    }

    /// Lets nobody in by TLS without a certificate of the authority.
    ///
    /// # Panics
    /// Without [`Self::tls`].
    #[must_use]
    pub fn demanding_certificates(mut self) -> Self {
        let tls = self.tls.as_mut().expect("a server with TLS");
        tls.demands_certificates = true;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not start: with all it said.
    #[track_caller]
    pub fn start(&self) -> Rsyslog {
        // Between choosing a free port and binding it another test can take it.
        for attempt in 1.. {
            let directory = tempfile::Builder::new()
                .prefix("warden-rsyslog-")
                .tempdir()
                .expect("a temporary directory");
            let tcp = free_address();
            let tls = self.tls.as_ref().map(|_| free_address());
            let config = self.config(directory.path(), tcp, tls);
            fs::write(directory.path().join("rsyslog.conf"), config)
                .expect("the configuration can be written");
            let process = spawn(directory.path());
            let rsyslog = Rsyslog {
                tcp,
                tls,
                process: Mutex::new(process),
                directory,
            };
            if rsyslog.is_up() {
                return rsyslog;
            }
            let log = rsyslog.log();
            let taken = log.contains("Address already in use");
            assert!(taken && attempt < 5, "rsyslogd did not start:\n{log}");
        }
        unreachable!("the last attempt panics");
    }

    fn config(&self, directory: &Path, tcp: SocketAddr, tls: Option<SocketAddr>) -> String {
        let place = directory.display();
        let fields = [
            "syslogfacility-text",
            "syslogseverity-text",
            "hostname",
            "app-name",
            "procid",
            "msgid",
            "structured-data",
            "msg",
        ]
        .map(|field| format!("%{field}%"))
        .join(&SEPARATOR.to_string());
        let frame = self.message_bytes + 1000;
        let mut config = format!(
            "global(workDirectory=\"{place}\" maxMessageSize=\"{}\")\n",
            self.message_bytes
        );
        if let Some(files) = &self.tls {
            config += &format!(
                "global(defaultNetstreamDriver=\"ptcp\" defaultNetstreamDriverCAFile=\"{}\"\n\
                 defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\")\n",
                files.authority.display(),
                files.certificate.display(),
                files.key.display()
            );
        }
        config += &format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             module(load=\"imtcp\" maxFrameSize=\"{frame}\" keepAlive=\"on\")\n\
             input(type=\"imuxsock\" Socket=\"{place}/socket\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")\n",
            tcp.port()
        );
        if let (Some(files), Some(address)) = (&self.tls, tls) {
            let mode = match files.demands_certificates {
                true => "x509/certvalid",
                false => "anon",
            };
            config += &format!(
                "input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\" streamDriver.name=\"ossl\"\n\
                 streamDriver.mode=\"1\" streamDriver.authMode=\"{mode}\")\n",
                address.port()
            );
        }
        // One thread writes in order of arrival, and what it took is in the file at once.
        config += &format!(
            "template(name=\"fields\" type=\"string\" string=\"{fields}\\n\")\n\
             if $app-name == \"rsyslogd\" then stop\n\
             action(type=\"omfile\" file=\"{place}/messages\" template=\"fields\")\n"
        );
        config
    }
}

impl Rsyslog {
    /// One that takes long messages and has no TLS.
    pub fn builder() -> RsyslogBuilder {
        RsyslogBuilder {
            message_bytes: MESSAGE_BYTES,
            tls: None,
        }
    }

    /// The unix socket for programs of this machine.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Where it takes syslog over TCP.
    pub fn tcp_address(&self) -> SocketAddr {
        self.tcp
    }

    /// Where it takes syslog over TLS.
    ///
    /// # Panics
    /// When it was built without TLS.
    #[track_caller]
    pub fn tls_address(&self) -> SocketAddr {
        self.tls.expect("the server was built with TLS")
    }

    /// All messages it has written so far, in order of arrival.
    pub fn written(&self) -> Vec<Message> {
        let bytes = fs::read(self.directory.path().join("messages")).unwrap_or_default();
        // The last may be half written, in the middle of a character.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let whole = std::str::from_utf8(&bytes[..end]).expect("only UTF-8 was sent");
        whole.lines().map(parsed).collect()
    }

    /// All messages, once there are so many.
    ///
    /// # Panics
    /// When there are not after [`PATIENCE`].
    #[track_caller]
    pub fn messages(&self, at_least: usize) -> Vec<Message> {
        let enough = || Some(self.written()).filter(|all| all.len() >= at_least);
        within(PATIENCE, enough).unwrap_or_else(|| {
            panic!(
                "of {at_least} messages only {} arrived:\n{}",
                self.written().len(),
                self.log()
            )
        })
    }

    /// What it said about itself.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks it to end (SIGTERM) and waits: what it took is written.
    pub fn stop(&self) {
        self.end(Signal::TERM);
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Keeps it from running (SIGSTOP): the system still takes what is sent.
    pub fn stall(&self) {
        stall(self.process().id());
    }

    /// Lets it run again.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`], on the same ports, with what it
    /// has written.
    ///
    /// # Panics
    /// When it does not come back.
    #[track_caller]
    pub fn start_again(&self) {
        *self.process() = spawn(self.directory.path());
        assert!(self.is_up(), "rsyslogd did not come back:\n{}", self.log());
    }

    fn end(&self, signal: Signal) {
        self.signal(signal);
        let _status = self.process().wait();
        // A killed one leaves it, and the next would not start beside it.
        let _gone = fs::remove_file(self.directory.path().join("pid"));
    }

    fn signal(&self, signal: Signal) {
        let number = self.process().id().cast_signed();
        let pid = Pid::from_raw(number).expect("a process has a number");
        kill_process(pid, signal).expect("our own process takes a signal");
    }

    /// Waits until it listens; whether it does.
    fn is_up(&self) -> bool {
        let listens = || {
            if !matches!(self.process().try_wait(), Ok(None)) {
                return Some(false);
            }
            let ports = [Some(self.tcp), self.tls];
            let is_open = |address: &SocketAddr| TcpStream::connect(address).is_ok();
            (self.socket().exists() && ports.iter().flatten().all(is_open)).then_some(true)
        };
        within(START_LIMIT, listens) == Some(true)
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().expect("nobody panicked here")
    }
}

impl Drop for Rsyslog {
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

fn spawn(directory: &Path) -> Child {
    let part = parts::rsyslog();
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .expect("the log can be opened");
    Command::new(part.join("sbin/rsyslogd"))
        .env_clear()
        .env("LD_LIBRARY_PATH", part.join("lib"))
        // In the foreground.
        .arg("-n")
        .arg("-f")
        .arg(directory.join("rsyslog.conf"))
        .arg("-i")
        .arg(directory.join("pid"))
        .arg("-M")
        .arg(part.join("modules"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("rsyslogd runs; scripts/rsyslog fetches it")
}

fn parsed(line: &str) -> Message {
    let fields: Vec<&str> = line.splitn(8, SEPARATOR).collect();
    let [
        facility,
        severity,
        host,
        program,
        process,
        id,
        structured_data,
        text,
    ] = fields.try_into().expect("the template's eight fields");
    Message {
        facility: facility.to_owned(),
        severity: severity.to_owned(),
        host: host.to_owned(),
        program: program.to_owned(),
        process: process.to_owned(),
        id: id.to_owned(),
        structured_data: structured_data.to_owned(),
        text: match structured_data {
            // Of the older form it keeps the space after the colon.
            "-" => text.strip_prefix(' ').unwrap_or(text).to_owned(),
            _ => text.to_owned(),
        },
    }
}
