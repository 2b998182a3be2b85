//! The provider's process, and the lines that go to it and come from it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::authority::Identity;
use crate::parts;
use crate::patience::PATIENCE;

/// A running `provider.mjs`; ended with this value.
pub(super) struct Process {
    child: Child,
    channel: Mutex<Channel>,
    log: PathBuf,
    _directory: TempDir,
}

/// Instructions are answered one by one, first come, first served.
struct Channel {
    instructions: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    /// Starts it; gives its first line too.
    #[track_caller]
    pub(super) fn start(identity: &Identity, client_authority: &Path) -> (Self, Value) {
        let directory = tempfile::Builder::new()
            .prefix("warden-provider-")
            .tempdir()
            .expect("a temporary directory");
        let log = directory.path().join("provider.log");
        let mut child = Command::new("node")
            .arg(parts::workspace().join("tests/provider/provider.mjs"))
            .arg(parts::provider())
            .arg(identity.certificate_file())
            .arg(identity.key_file())
            .arg(client_authority)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the log can be created"))
            .spawn()
            .expect("node runs; scripts/bootstrap provider installs it");
        let instructions = child.stdin.take().expect("its input is a pipe");
        let answers = lines_of(child.stdout.take().expect("its output is a pipe"));
        let process = Self {
            child,
            channel: Mutex::new(Channel {
                instructions,
                answers,
            }),
            log,
            _directory: directory,
        };
        let first = process.answer(&process.channel.lock().expect("nobody panicked here"));
        (process, first)
    }

    /// Gives an instruction and takes its answer.
    ///
    /// # Panics
    /// When the answer is an error or does not come.
    #[track_caller]
    pub(super) fn instruct(&self, instruction: &Value) -> Value {
        let mut channel = self.channel.lock().expect("nobody panicked here");
        writeln!(channel.instructions, "{instruction}").unwrap_or_else(|e| {
            panic!("the provider takes no instructions ({e}):\n{}", self.log())
        });
        self.answer(&channel)
    }

    #[track_caller]
    fn answer(&self, channel: &Channel) -> Value {
        let line = channel
            .answers
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|e| panic!("the provider does not answer ({e}):\n{}", self.log()));
        let answer: Value = serde_json::from_str(&line).expect("answers are JSON");
        assert!(answer["error"].is_null(), "{}", answer["error"]);
        answer
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Ends the process this value started, and no other.
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Reads apart, for a wait with a limit; ends with the process.
fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
