//! The built command line, run once.
//!
//! In: arguments, and where it runs with which input. Out: what it printed and its exit
//! status. It finds no keys and no password in the environment but those a test gives.

#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What one run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// It failed, and says this.
    #[track_caller]
    pub(crate) fn fails(self, status: i32, words: &str) {
        let run = self.expect(status);
        assert!(run.err.contains(words), "{}", run.err);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}", self.out))
    }
}

/// A run to come.
pub(crate) struct Warden<'a> {
    command: Command,
    input: &'a [u8],
}

impl<'a> Warden<'a> {
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        Self::by(Command::new(env!("CARGO_BIN_EXE_warden")), arguments)
    }

    /// Away from the terminal of whoever runs the tests: nobody can be asked.
    pub(crate) fn alone<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let mut command = Command::new("setsid");
        command.args(["--wait", env!("CARGO_BIN_EXE_warden")]);
        Self::by(command, arguments)
    }

    fn by<S: AsRef<OsStr>>(mut command: Command, arguments: &[S]) -> Self {
        command.args(arguments);
        for variable in ["WARDEN_POLICY_KEYS", "WARDEN_KEY_PASSWORD"] {
            command.env_remove(variable);
        }
        Self {
            command,
            input: b"",
        }
    }

    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn with(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(variable, value);
        self
    }

    pub(crate) fn input(mut self, input: &'a [u8]) -> Self {
        self.input = input;
        self
    }

    pub(crate) fn run(mut self) -> Run {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not read at all, and then the pipe is closed before all is written.
        let _ = child.stdin.take().unwrap().write_all(self.input);
        let output = child.wait_with_output().unwrap();
        Run {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A run where it does not matter from where.
pub(crate) fn warden(arguments: &[&str], input: &str) -> Run {
    Warden::new(arguments).input(input.as_bytes()).run()
}
