//! Load by the server's own `valkey-benchmark`, which is cheap on the machine it shares.

use std::process::{Command, Stdio};

use warden_tests::{Line, Server};

/// Connections of one round.
const CLIENTS: &str = "20";

/// A user and its secret.
#[derive(Clone, Debug)]
pub struct User {
    /// The name given to AUTH.
    pub name: String,
    /// The password or token.
    pub secret: String,
}

impl User {
    /// A user of this name and secret.
    pub fn new(name: &str, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            secret: secret.to_owned(),
        }
    }
}

/// Runs one command many times, `depth` at a time on each connection, and answers how
/// often. Panics when the benchmark fails.
pub fn drive(
    line: Line,
    server: &Server,
    user: Option<&User>,
    (command, requests, depth): (&str, usize, usize),
) -> usize {
    let mut benchmark = Command::new(line.server().with_file_name("valkey-benchmark"));
    benchmark
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &server.address().port().to_string(),
        ])
        .args(["-c", CLIENTS, "-n", &requests.to_string()])
        .args(["-P", &depth.to_string(), "-q", "-e"]);
    if let Some(user) = user {
        benchmark.args(["--user", &user.name, "-a", &user.secret]);
    }
    let output = benchmark
        .args(command.split(' '))
        .stdin(Stdio::null())
        .output()
        .expect("valkey-benchmark runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("Error") && !complaint.contains("NOPERM"),
        "{said}{complaint}"
    );
    requests
}
