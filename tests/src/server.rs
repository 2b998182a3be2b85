//! A real server in a directory of its own, ended with the value that stands for it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::connection::Connection;
use crate::parts::{self, Line};
use crate::patience::{self, eventually, within};
use crate::ports::free_address;
use crate::reply::Reply;

mod tls;

use tls::{TlsFiles, TlsPort};

/// The password of user `default`, unless [`ServerBuilder::open`] removed it.
///
/// With a password set, one-argument AUTH reaches the module; without, the server
/// refuses it by itself.
pub const ADMIN_PASSWORD: &str = "admin-of-the-test-server";

/// How long a server may take to come up: both cores may be compiling policies.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a server will be started with.
pub struct ServerBuilder {
    line: Line,
    config: Vec<(String, String)>,
    module: Option<Vec<String>>,
    environment: Vec<(String, String)>,
    open: bool,
    requirepass: bool,
    bound_by_modes: bool,
    tls: Option<TlsFiles>,
}

/// A server that did not come up.
pub struct StartFailure {
    /// How its process ended, if it did.
    pub status: Option<ExitStatus>,
    /// All it wrote.
    pub log: String,
}

/// A running server.
pub struct Server {
    line: Line,
    address: SocketAddr,
    tls: Option<TlsPort>,
    process: Mutex<Child>,
    log: PathBuf,
    open: bool,
    bound_by_modes: bool,
    environment: Vec<(String, String)>,
    directory: TempDir,
}

impl ServerBuilder {
    /// Loads the module with these arguments (names and values in turn).
    #[must_use]
    pub fn module_args<A: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        let list = self.module.get_or_insert_with(Vec::new);
        list.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds lines of `valkey.conf`.
    #[must_use]
    pub fn config<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        lines: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let owned = lines
            .into_iter()
            .map(|(k, v)| (k.as_ref().to_owned(), v.as_ref().to_owned()));
        self.config.extend(owned);
        self
    }

    /// Lets protected configuration be set at run time.
    #[must_use]
    pub fn protected_configs(self) -> Self {
        self.config([("enable-protected-configs", "yes")])
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves user `default` without a password, as a fresh server has it.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Leaves [`ADMIN_PASSWORD`] of user `default` to the test's own ACL file.
    #[must_use]
    pub fn password_by_acl_file(mut self) -> Self {
        self.requirepass = false;
        self
    }

    /// Holds the server to the modes of files and directories, which root may otherwise pass
    /// over.
    #[must_use]
    pub fn bound_by_modes(mut self) -> Self {
        self.bound_by_modes = true;
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// With the log, when it does not.
    #[track_caller]
    pub fn start(self) -> Server {
        match self.try_start() {
            Ok(server) => server,
            Err(failure) => panic!(
                "the server did not start ({:?}):\n{}",
                failure.status, failure.log
            ),
        }
    }

    /// Starts the server and waits until it answers or ends.
    ///
    /// # Errors
    /// When it ended, or did not answer in time.
    pub fn try_start(self) -> Result<Server, StartFailure> {
        // Between choosing a free port and binding it another test can take it.
        for _ in 0..4 {
            match self.attempt() {
                Err(failure) if failure.log.contains("Address already in use") => {}
                outcome => return outcome,
            }
        }
        self.attempt()
    }

    fn attempt(&self) -> Result<Server, StartFailure> {
        let directory = tempfile::Builder::new()
            .prefix("warden-test-")
            .tempdir()
            .expect("a temporary directory");
        let address = free_address();
        let (tls, tls_lines) = self
            .tls
            .as_ref()
            .map(|files| files.lay_out(directory.path()))
            .unzip();
        let log = directory.path().join("server.log");
        let config = directory.path().join("valkey.conf");
        let lines = tls_lines.unwrap_or_default();
        fs::write(&config, self.config_text(address, directory.path(), lines))
            .expect("valkey.conf can be written");
        let output = File::create(&log).expect("the log can be created");
        let mut command = program(self.line, self.bound_by_modes);
        let process = spawn(&mut command, directory.path(), &self.environment, output);
        let server = Server {
            line: self.line,
            address,
            tls,
            process: Mutex::new(process),
            log,
            open: self.open,
            bound_by_modes: self.bound_by_modes,
            environment: self.environment.clone(),
            directory,
        };
        server
            .wait_until_up()
            .inspect_err(|failure| self.expect_built_with_tls(&failure.log))?;
        Ok(server)
    }

    fn config_text(&self, address: SocketAddr, directory: &Path, tls: Vec<String>) -> String {
        let mut lines = vec![
            format!("port {}", address.port()),
            "bind 127.0.0.1".to_owned(),
            format!("dir {}", directory.display()),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            "enable-debug-command local".to_owned(),
            "enable-module-command local".to_owned(),
        ];
        if self.requirepass && !self.open {
            lines.push(format!("requirepass {ADMIN_PASSWORD}"));
        }
        lines.extend(tls);
        lines.extend(
            self.config
                .iter()
                .map(|(name, value)| format!("{name} {}", quoted(value))),
        );
        if let Some(arguments) = &self.module {
            let arguments: Vec<String> = arguments.iter().map(|a| quoted(a)).collect();
            lines.push(format!(
                "loadmodule {} {}",
                parts::module().display(),
                arguments.join(" ")
            ));
        }
        lines.join("\n") + "\n"
    }
}

impl Server {
    /// A server of this line, without the module until
    /// [`ServerBuilder::module_args`] is called.
    pub fn builder(line: Line) -> ServerBuilder {
        ServerBuilder {
            line,
            config: Vec::new(),
            module: None,
            environment: Vec::new(),
            open: false,
            requirepass: true,
            bound_by_modes: false,
            tls: None,
        }
    }

    fn wait_until_up(&self) -> Result<(), StartFailure> {
        let mut status = None;
        let up = within(START_LIMIT, || {
            status = self
                .process
                .lock()
                .expect("nobody panicked here")
                .try_wait()
                .expect("a child can be asked");
            if status.is_some() {
                return Some(false);
            }
            // It may close the connection again while it starts.
            let mut connection = Connection::open(self.address).ok()?;
            connection.try_send(["PING"]).ok()?;
            let answer = connection.receive_within(START_LIMIT).ok()?;
            // A password is asked for, or not; loading a dataset is neither.
            (answer.is_error("NOAUTH") || answer.as_text().is_some()).then_some(true)
        });
        match up {
            Some(true) => Ok(()),
            _ => Err(StartFailure {
                status,
                log: self.log(),
            }),
        }
    }

    /// Its release line.
    pub fn line(&self) -> Line {
        self.line
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its working directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.lock().expect("nobody panicked here").id()
    }

    /// Holds up the server's loop for so many seconds, so that all that is sent
    /// meanwhile arrives in one turn. Take the reply of the connection that is given
    /// to wait for the end.
    #[track_caller]
    pub fn hold(&self, seconds: f32) -> Connection {
        let mut admin = self.admin();
        admin.send(["DEBUG", "SLEEP", &seconds.to_string()]);
        admin
    }

    /// A connection that has not authenticated.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
            .unwrap_or_else(|e| panic!("no connection ({e}); log:\n{}", self.log()))
    }

    /// The same from 127.0.0.`last`: to the server a client of another address.
    #[track_caller]
    pub fn connect_from(&self, last: u8) -> Connection {
        Connection::open_from(Ipv4Addr::new(127, 0, 0, last), self.address)
            .unwrap_or_else(|e| panic!("no connection ({e}); log:\n{}", self.log()))
    }

    /// A connection of user `default`, who may do everything.
    #[track_caller]
    pub fn admin(&self) -> Connection {
        let mut connection = self.connect();
        if !self.open {
            connection.auth("default", ADMIN_PASSWORD).expect_ok();
        }
        connection
    }

    /// Whether user `default` is let in just now.
    #[track_caller]
    pub fn lets_in_admin(&self) -> bool {
        self.open || self.connect().auth("default", ADMIN_PASSWORD).is_ok()
    }

    /// The fields of one section of INFO.
    #[track_caller]
    pub fn info(&self, section: &str) -> BTreeMap<String, String> {
        info_fields(&self.admin().call(["INFO", section]).text())
    }

    /// One numeric field of a section of INFO.
    #[track_caller]
    pub fn info_number(&self, section: &str, field: &str) -> u64 {
        let fields = self.info(section);
        let text = fields
            .get(field)
            .unwrap_or_else(|| panic!("no {field} in INFO {section}: {fields:?}"));
        text.parse()
            .unwrap_or_else(|_| panic!("{field} is not a number: {text}"))
    }

    /// `CONFIG SET` by the admin.
    #[track_caller]
    pub fn config_set(&self, name: &str, value: &str) -> Reply {
        self.admin().call(["CONFIG", "SET", name, value])
    }

    /// `CONFIG GET` of one name by the admin.
    #[track_caller]
    pub fn config_get(&self, name: &str) -> Option<String> {
        self.admin()
            .call(["CONFIG", "GET", name])
            .find(name)
            .map(|value| value.text())
    }

    /// All it wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until the log holds this text.
    ///
    /// # Panics
    /// With the log, when it does not.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, limit: Duration) {
        if within(limit, || self.log().contains(text).then_some(())).is_none() {
            panic!("not in the log within {limit:?}: {text:?}\n{}", self.log());
        }
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.process
            .lock()
            .expect("nobody panicked here")
            .try_wait()
            .expect("a child can be asked")
            .is_none()
    }

    /// Waits for the process to end by itself.
    pub fn wait_for_end(&self) -> ExitStatus {
        eventually("the server's process ends", || {
            self.process
                .lock()
                .expect("nobody panicked here")
                .try_wait()
                .expect("a child can be asked")
        })
    }

    /// Asks it to end (SIGTERM), waits, and gives the log.
    ///
    /// # Panics
    /// When it ended otherwise than by exit code 0.
    #[track_caller]
    pub fn stop(&self) -> String {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        kill_process(pid, Signal::TERM).expect("our own process takes a signal");
        let status = self.wait_for_end();
        assert!(
            status.success(),
            "ended with {:?} / signal {:?}:\n{}",
            status.code(),
            status.signal(),
            self.log()
        );
        self.log()
    }

    /// Ends it as [`Self::stop`] does and starts it again, in the same directory and
    /// with its `valkey.conf` as it now is.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Ends it at once (SIGKILL), so that nothing of it can tidy up, and starts it
    /// again as [`Self::restart`] does.
    #[track_caller]
    pub fn kill_and_restart(&self) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        kill_process(pid, Signal::KILL).expect("our own process takes a signal");
        self.wait_for_end();
        self.start_again();
    }

    #[track_caller]
    fn start_again(&self) {
        let log = File::options()
            .append(true)
            .open(&self.log)
            .expect("the log can be opened");
        let mut command = program(self.line, self.bound_by_modes);
        *self.process.lock().expect("nobody panicked here") =
            spawn(&mut command, self.directory.path(), &self.environment, log);
        if let Err(failure) = self.wait_until_up() {
            panic!(
                "the server did not come back ({:?}):\n{}",
                failure.status, failure.log
            );
        }
    }

    /// Its `valkey.conf` as it now is.
    pub fn config_file(&self) -> String {
        fs::read_to_string(self.directory.path().join("valkey.conf"))
            .expect("valkey.conf is readable")
    }

    /// One line of `/proc/PID/status`, for example `SigCgt`.
    #[track_caller]
    pub fn process_status(&self, field: &str) -> String {
        let text =
            fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field} in /proc/PID/status"))
            .trim()
            .to_owned()
    }

    /// Passes when the server still answers, and gives a connection's worth of proof.
    #[track_caller]
    pub fn expect_healthy(&self) {
        assert!(self.is_running(), "the server is gone:\n{}", self.log());
        self.admin().run("PING").expect_text("PONG");
    }

    /// Waits until nobody but the asking connection is connected.
    #[track_caller]
    pub fn wait_for_quiet(&self) {
        let mut admin = self.admin();
        eventually("all other clients are gone", || {
            let text = admin.call(["INFO", "clients"]).text();
            (info_fields(&text).get("connected_clients")? == "1").then_some(())
        });
    }
}

impl Drop for Server {
    /// Ends the process this value started, and no other.
    fn drop(&mut self) {
        let process = match self.process.get_mut() {
            Ok(process) => process,
            Err(poisoned) => poisoned.into_inner(),
        };
        let _already_gone = process.kill();
        let _status = process.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            #[allow(
                clippy::print_stderr,
                reason = "the log of a failed test is what its reader needs"
            )]
            {
                eprintln!("--- end of the server's log ---\n{}\n---", tail.join("\n"));
            }
        }
    }
}

/// `name:value` lines as a map.
pub fn info_fields(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The server, and what takes a right of root's from it and becomes it.
fn program(line: Line, bound_by_modes: bool) -> Command {
    if !bound_by_modes || !rustix::process::geteuid().is_root() {
        return Command::new(line.server());
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set", "-dac_override"])
        .arg(line.server());
    command
}

fn spawn(
    command: &mut Command,
    directory: &Path,
    environment: &[(String, String)],
    log: File,
) -> Child {
    command
        .arg(directory.join("valkey.conf"))
        .current_dir(directory)
        .envs(environment.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log can be shared"))
        .stderr(log)
        .spawn()
        .expect("the server binary runs")
}

/// A value as `valkey.conf` takes it.
fn quoted(value: &str) -> String {
    // The raw form is needed for values of several words such as save points.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._:-,+@|".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// What a test grants before it says that something does *not* happen.
pub const GRACE: Duration = Duration::from_millis(600);

/// Re-exported so that tests need one import.
pub use patience::PATIENCE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Ended;

    #[test]
    fn a_server_answers_and_ends_with_its_value() {
        for line in Line::BOTH {
            let server = Server::builder(line)
                .config([("maxmemory", "100mb")])
                .start();
            let version = server.info("server")["valkey_version"].clone();
            assert!(version.starts_with(line.number()), "{version}");
            assert_eq!(server.config_get("maxmemory").as_deref(), Some("104857600"));
            server.connect().run("PING").expect_error("NOAUTH");
            let mut waiting = server.admin();
            let pid = server.pid();
            assert_eq!(
                waiting.receive_within(Duration::from_millis(20)),
                Err(Ended::TimedOut)
            );
            drop(server);
            assert!(waiting.closes_within(PATIENCE));
            assert!(!Path::new(&format!("/proc/{pid}/status")).exists());
        }
    }

    #[test]
    fn a_server_that_cannot_start_shows_its_log() {
        for line in Line::BOTH {
            let failure = Server::builder(line)
                .config([("no-such-setting", "1")])
                .try_start()
                .err()
                .expect("a failure");
            assert!(failure.status.is_some());
            assert!(failure.log.contains("no-such-setting"), "{}", failure.log);
        }
    }

    #[test]
    fn a_restarted_server_keeps_what_was_rewritten() {
        let server = Server::builder(Line::V8_0).start();
        server.config_set("maxmemory", "50mb").expect_ok();
        server.admin().run("CONFIG REWRITE").expect_ok();
        server.restart();
        assert_eq!(server.config_get("maxmemory").as_deref(), Some("52428800"));
    }
}
