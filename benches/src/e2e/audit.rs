//! What does it cost a server that everything is recorded, or some of it, or nothing?
//!
//! In: a server without the module, and one with a sink that writes to a file. Out: pairs of
//! the same commands of 20 clients with values of 100 bytes on both. Where everything is to be
//! recorded, nothing may be lost: that is counted, not believed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use warden_tests::audited::sink_status;
use warden_tests::{ADMIN_PASSWORD, Line, Server};

use super::load::{User, drive};
use crate::figures::Question;
use crate::pairs::{Answer, Round, measured};
use crate::program::Run;

/// Requests of one round, by pipeline depth: most of a second. A virtual machine is faster and
/// slower from one to the next.
const REQUESTS: [(usize, usize); 2] = [(1, 60_000), (16, 500_000)];

/// Pairs: what is asked for are a few parts in a hundred.
const PAIRS: usize = 7;

/// One way of being audited.
struct Row {
    name: &'static str,
    /// Lines of the sink's file.
    sink: &'static str,
    /// `warden.audit_enabled`.
    enabled: &'static str,
    /// Whether each command must be in the file.
    everything: bool,
    /// What part of the rate is to be left, at one command at a time and at 16.
    asked: [Option<f64>; 2],
}

const ROWS: [Row; 6] = [
    Row {
        name: "disabled",
        sink: "command_result_mode = \"all\"",
        enabled: "no",
        everything: false,
        asked: [Some(0.99), None],
    },
    Row {
        name: "excluded",
        sink: "command_result_mode = \"all\"\nexclude = [\"default\"]",
        enabled: "yes",
        everything: false,
        asked: [Some(0.97), None],
    },
    Row {
        name: "excluded, CONFIG all the same",
        sink: "command_result_mode = \"all\"\nexclude = [\"default\"]\nalways_audit_config = true",
        enabled: "yes",
        everything: false,
        asked: [Some(0.97), None],
    },
    Row {
        name: "failures only",
        sink: "",
        enabled: "yes",
        everything: false,
        asked: [Some(0.97), None],
    },
    Row {
        name: "everything",
        sink: "command_result_mode = \"all\"",
        enabled: "yes",
        everything: true,
        asked: [Some(0.92), Some(0.55)],
    },
    Row {
        name: "everything, chained JSON",
        sink: "command_result_mode = \"all\"\nformat = \"json\"\nchain = true",
        enabled: "yes",
        everything: true,
        asked: [None, None],
    },
];

/// A server that is audited.
struct Audited {
    server: Server,
    log: PathBuf,
    _directory: TempDir,
}

impl Audited {
    fn start(line: Line, row: &Row) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let sinks = directory.path().join("audit");
        std::fs::create_dir(&sinks).expect("a directory");
        let log = directory.path().join("audit.log");
        let sink = format!("type = \"file\"\npath = {log:?}\n{}\n", row.sink);
        std::fs::write(sinks.join("file.toml"), sink).expect("a file");
        let state = directory.path().join("state");
        let text = |path: &Path| path.display().to_string();
        let arguments = [
            "audit_dir".to_owned(),
            text(&sinks),
            "state_dir".to_owned(),
            text(&state),
            "audit_enabled".to_owned(),
            row.enabled.to_owned(),
        ];
        Self {
            server: Server::builder(line).module_args(arguments).start(),
            log,
            _directory: directory,
        }
    }

    /// A field of what INFO says of the sink.
    fn status(&self, field: &str) -> u64 {
        let value = sink_status(&mut self.server.admin(), "file", field);
        value.parse().expect("a number")
    }

    /// Nothing lost, by the sink's numbers and by the lines in the file; then begins a new file.
    fn expect_all(&self, requests: usize) {
        let word = "action=set ";
        let other = "action=get ";
        let count = || {
            let text = std::fs::read_to_string(&self.log).expect("the file");
            text.lines()
                .filter(|line| {
                    line.contains(word)
                        || line.contains(other)
                        || line.contains("\"event.action\":\"set\"")
                        || line.contains("\"event.action\":\"get\"")
                })
                .count()
        };
        let seen = warden_tests::patience::within(std::time::Duration::from_secs(60), || {
            let seen = count();
            (seen >= requests).then_some(seen)
        });
        assert_eq!(
            seen.unwrap_or_else(count),
            requests,
            "every command is in the file"
        );
        assert_eq!(self.status("dropped"), 0);
        std::fs::remove_file(&self.log).expect("the file");
    }
}

/// SET and GET under each way of being audited, against a server without the module.
pub fn costs(Run { line, .. }: Run) -> Vec<Question> {
    let without = Server::builder(line).start();
    let default = User::new("default", ADMIN_PASSWORD);
    let value = "x".repeat(100);
    let mut questions = Vec::new();
    for row in &ROWS {
        let audited = Audited::start(line, row);
        for command in [
            format!("SET reports:q3 {value}"),
            "GET reports:q3".to_owned(),
        ] {
            for (depth, requests) in REQUESTS {
                let load = (command.as_str(), requests, depth);
                let round = |server: &Server| -> Round {
                    measured(server.pid(), || drive(line, server, Some(&default), load))
                };
                let ours = || {
                    let server = &audited.server;
                    let round = Round::watched(server, || round(server));
                    if row.everything {
                        audited.expect_all(requests);
                    }
                    round
                };
                let word = command.split(' ').next().unwrap_or_default();
                let answer = Answer::ask_often(
                    PAIRS,
                    &format!("{word}, P{depth}, audit: {}", row.name),
                    ("audited", "no module"),
                    ours,
                    || round(&without),
                );
                let answer = answer.longest_slice(&audited.server);
                let [at_1, at_16] = row.asked;
                let answer = match if depth == 1 { at_1 } else { at_16 } {
                    Some(least) => answer.rate_at_least(least),
                    None => answer,
                };
                questions.push(answer.question());
            }
        }
    }
    questions
}
