//! One `bash` that is given a command at a time, as a person at a terminal would.
//!
//! In: commands. Out: what each printed, both streams together in their order.
//! When the value is dropped, the shell and all it started in the foreground end,
//! and so does the server whose process id it left in `server.pid`, if that runs
//! in the session's own directory. Nothing else is ever ended.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

/// Said by the shell when a command is done.
const DONE: &str = "-- the command is done --";

/// A shell in a fresh directory.
pub(crate) struct Session {
    shell: Child,
    input: ChildStdin,
    output: Receiver<String>,
    /// What `server.pid` last held: the server removes the file before it has ended.
    server: Option<i32>,
    directory: TempDir,
}

impl Session {
    /// Starts it with these variables set.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("warden-readme-")
            .tempdir()
            .expect("a temporary directory");
        let mut command = Command::new("bash");
        command
            .args(["--norc", "--noprofile"])
            .current_dir(directory.path())
            .envs(variables.iter().copied())
            // A group of its own, so that all of it can be ended together.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            // What `cargo test` tells its tests is not meant for the cargo in here.
            if name.to_string_lossy().starts_with("CARGO_PKG_") {
                command.env_remove(name);
            }
        }
        let mut shell = command.spawn().expect("bash runs");
        let mut input = shell.stdin.take().expect("piped");
        input.write_all(b"exec 2>&1\n").expect("the shell reads");
        let stdout = shell.stdout.take().expect("piped");
        let (sender, output) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            shell,
            input,
            output,
            server: None,
            directory,
        }
    }

    /// Its working directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a command and gives its lines; `Err` with those so far when it takes
    /// longer than the limit or ends the shell.
    pub(crate) fn run(
        &mut self,
        command: &str,
        limit: Duration,
    ) -> Result<Vec<String>, Vec<String>> {
        self.server();
        let text = format!("{{ {command}\n}} </dev/null\nprintf '\\n%s\\n' '{DONE}'\n");
        if self.input.write_all(text.as_bytes()).is_err() {
            return Err(vec!["(the shell has ended)".to_owned()]);
        }
        let deadline = Instant::now() + limit;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(line) if line == DONE => return Ok(lines),
                Ok(line) => lines.push(line.trim_end().to_owned()),
                Err(RecvTimeoutError::Timeout) => {
                    lines.push(format!("(not done after {limit:?})"));
                    return Err(lines);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    lines.push("(the shell has ended)".to_owned());
                    return Err(lines);
                }
            }
        }
    }

    /// The process of the server this session started, while it runs.
    pub(crate) fn server(&mut self) -> Option<Pid> {
        if let Ok(text) = fs::read_to_string(self.directory().join("server.pid")) {
            self.server = text.trim().parse().ok().or(self.server);
        }
        let number = self.server?;
        let runs_in = fs::read_link(PathBuf::from(format!("/proc/{number}/cwd"))).ok()?;
        let ours = runs_in == self.directory().canonicalize().ok()?;
        ours.then(|| Pid::from_raw(number)).flatten()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(server) = self.server() {
            let _already_gone = kill_process(server, Signal::TERM);
            // Its directory is about to be removed.
            let deadline = Instant::now() + Duration::from_secs(10);
            while self.server().is_some() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if let Ok(Some(group)) = i32::try_from(self.shell.id()).map(Pid::from_raw) {
            let _already_gone = kill_process_group(group, Signal::KILL);
        }
        let _status = self.shell.wait();
    }
}
