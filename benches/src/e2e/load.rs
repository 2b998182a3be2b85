//! Load by the server's own `valkey-benchmark`, which is cheap on the machine it shares.
//!
//! In: a command, how often, how deep. Out: how often, and the latencies that the program found.

use std::process::{Command, Stdio};

use warden_tests::{Line, Server};

use crate::latencies::Latencies;
use crate::pairs::Done;

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

/// Runs one command many times, `depth` at a time on each connection. Panics when the benchmark
/// fails.
pub fn drive(
    line: Line,
    server: &Server,
    user: Option<&User>,
    (command, requests, depth): (&str, usize, usize),
) -> Done {
    let mut benchmark = Command::new(line.server().with_file_name("valkey-benchmark"));
    benchmark
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &server.address().port().to_string(),
        ])
        .args(["-c", CLIENTS, "-n", &requests.to_string()])
        .args(["-P", &depth.to_string(), "-e"]);
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
    Done {
        requests,
        latencies: Some(latencies(&said)),
    }
}

/// What the program says under "Latency by percentile distribution":
/// `99.023% <= 0.287 milliseconds (cumulative count 59421)`.
fn latencies(said: &str) -> Latencies {
    let steps: Vec<(f64, f64)> = said.lines().filter_map(step).collect();
    let at = |percent: f64| {
        let mut steps = steps.iter();
        let step = steps.find(|(reached, _)| *reached >= percent);
        step.map_or(f64::NAN, |(_, milliseconds)| milliseconds * 1e3)
    };
    Latencies {
        p50: at(50.0),
        p99: at(99.0),
        p999: at(99.9),
        max: at(100.0),
    }
}

/// Percent, and the milliseconds within which they are.
fn step(line: &str) -> Option<(f64, f64)> {
    let (percent, rest) = line.split_once("% <= ")?;
    let (milliseconds, _) = rest.split_once(" milliseconds (cumulative count")?;
    Some((percent.trim().parse().ok()?, milliseconds.parse().ok()?))
}
