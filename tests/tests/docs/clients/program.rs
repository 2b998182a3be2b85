//! The program of a page, run beside the library it is about.
//!
//! In: a page's one fenced block, a server's address, tokens. Out: what the program
//! printed on both streams and how it ended. A program that outlives the test or its
//! time is ended, and no other process is.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warden_tests::parts;

use crate::markdown::blocks;

/// For the slowest run on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A program in a folder of its own.
pub(crate) struct Program {
    interpreter: PathBuf,
    file: PathBuf,
    directory: TempDir,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    lines: Vec<String>,
    /// The exit status.
    pub(crate) code: Option<i32>,
}

impl Outcome {
    /// Whether a line begins with these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(words))
    }

    /// The client id it logged in with.
    #[track_caller]
    pub(crate) fn client(&self) -> &str {
        let words = "logged in as corp/alice, client ";
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(words))
            .unwrap_or_else(|| panic!("it did not log in: {self:?}"))
    }
}

impl Program {
    /// The one program of a page, in Python or JavaScript.
    pub(crate) fn of(library: &str, page: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("warden-client-")
            .tempdir()
            .expect("a temporary directory");
        let (python, script) = (blocks(page, "python"), blocks(page, "javascript"));
        let (interpreter, name, text) = match (python.as_slice(), script.as_slice()) {
            ([text], []) => {
                let python = parts::clients().join("python/bin/python");
                (python, "program.py", text)
            }
            ([], [text]) => {
                let modules = parts::clients().join("node/node_modules");
                std::os::unix::fs::symlink(modules, directory.path().join("node_modules"))
                    .expect("a link can be made");
                (PathBuf::from("node"), "program.mjs", text)
            }
            _ => panic!("{library}: not one program, in one language"),
        };
        let file = directory.path().join(name);
        fs::write(&file, text).expect("the program can be written");
        Self {
            interpreter,
            file,
            directory,
        }
    }

    /// Runs it to its end with a token in its file; once it has read the key, another
    /// token is put there.
    #[track_caller]
    pub(crate) fn run(&self, address: SocketAddr, token: &str, then: Option<&str>) -> Outcome {
        let mut run = self.start(address, token);
        if let Some(fresh) = then
            && run.wait_until_read()
        {
            run.replace_token(fresh);
        }
        run.finish()
    }

    /// Runs it until it has read the key, and ends it.
    #[track_caller]
    pub(crate) fn run_until_read(&self, address: SocketAddr, token: &str) {
        let mut run = self.start(address, token);
        assert!(run.wait_until_read(), "it read nothing: {:?}", run.lines);
    }

    #[track_caller]
    fn start(&self, address: SocketAddr, token: &str) -> Run {
        let token_directory =
            tempfile::tempdir_in(self.directory.path()).expect("a temporary directory");
        let file = token_directory.path().join("token");
        put(&file, token);
        let mut process = Command::new(&self.interpreter)
            .arg(&self.file)
            .args([address.ip().to_string(), address.port().to_string()])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{} does not run: {e}", self.interpreter.display()));
        let (sender, output) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(process.stdout.take().expect("piped")),
            Box::new(process.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Run {
            process,
            started: Instant::now(),
            output,
            lines: Vec::new(),
            token: file,
            _token_directory: token_directory,
        }
    }
}

/// A program while it runs.
struct Run {
    process: Child,
    started: Instant,
    output: Receiver<String>,
    lines: Vec<String>,
    token: PathBuf,
    _token_directory: TempDir,
}

impl Run {
    /// False when it ended before.
    #[track_caller]
    fn wait_until_read(&mut self) -> bool {
        while let Some(line) = self.next_line() {
            if line.starts_with("read ") {
                return true;
            }
        }
        false
    }

    /// `None` at its end.
    #[track_caller]
    fn next_line(&mut self) -> Option<String> {
        let left = LIMIT.saturating_sub(self.started.elapsed());
        match self.output.recv_timeout(left) {
            Ok(line) => {
                self.lines.push(line.clone());
                Some(line)
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                panic!("it did not end within {LIMIT:?}: {:?}", self.lines)
            }
        }
    }

    fn replace_token(&self, token: &str) {
        put(&self.token, token);
    }

    #[track_caller]
    fn finish(mut self) -> Outcome {
        while self.next_line().is_some() {}
        let status = self.process.wait().expect("a child can be waited for");
        Outcome {
            lines: std::mem::take(&mut self.lines),
            code: status.code(),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Replaces a file whole: a program may read at any time.
fn put(file: &Path, token: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, format!("{token}\n")).expect("a token can be written");
    fs::rename(&beside, file).expect("a file can be replaced");
}
