//! Two ways of doing the same, measured in turn: figures and their ratio.
//!
//! In: two rounds, each of which tells how many requests it made and how long they took. Out:
//! for each pair requests a second, latencies and the server's processor time a request, and the
//! ratios pair by pair. Both sides see the same drift of the machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use warden_tests::Server;

use crate::as_float;
use crate::count;
use crate::figures::{Aim, Question};
use crate::latencies::Latencies;

/// Pairs of rounds at least; the median is quoted.
pub const PAIRS: usize = 5;

/// What a round did.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// How many requests it made.
    pub requests: usize,
    /// How long they took, where that was looked at.
    pub latencies: Option<Latencies>,
}

/// What one round came to.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the server a request, in microseconds, all its threads.
    pub cpu_us: f64,
    /// How long requests took.
    pub latencies: Option<Latencies>,
    /// How many slices of the main thread warden took that were longer than a millisecond;
    /// none where nobody looked.
    pub slices_over_1ms: Option<f64>,
}

impl Round {
    /// A round beside which the slices of the server's module are counted.
    pub fn watched(server: &Server, round: impl FnOnce() -> Self) -> Self {
        let before = slices_over_1ms(server);
        let round = round();
        Self {
            slices_over_1ms: Some(slices_over_1ms(server) - before),
            ..round
        }
    }
}

fn slices_over_1ms(server: &Server) -> f64 {
    as_float(server.info_number("warden", "warden_slices_over_1ms"))
}

/// Runs a round and measures it. `pid` is the server's.
pub fn measured(pid: u32, round: impl FnOnce() -> Done) -> Round {
    let (cpu, start) = (processor_time(pid), Instant::now());
    let done = round();
    let requests = count(done.requests);
    Round {
        rate: requests / start.elapsed().as_secs_f64(),
        cpu_us: used_since(pid, cpu).as_secs_f64() * 1e6 / requests,
        latencies: done.latencies,
        slices_over_1ms: None,
    }
}

/// The processor time that a process has used since it had used so much. Panics when threads
/// ended meanwhile that had used more.
pub(crate) fn used_since(pid: u32, before: Duration) -> Duration {
    let used = processor_time(pid).checked_sub(before);
    used.expect("no thread of the server ended meanwhile")
}

/// The threads of a process, as folders of /proc.
pub(crate) fn threads(pid: u32) -> impl Iterator<Item = PathBuf> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    threads.map(|thread| thread.expect("a thread").path())
}

/// The processor time that the threads of a process have used, those that ended left out, from
/// /proc: in nanoseconds.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let of_threads = threads(pid).map(|thread| {
        // One that has just ended is gone.
        let text = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next().map(str::parse);
        first.and_then(Result::ok).unwrap_or(0)
    });
    let used = of_threads.sum();
    assert!(used > 0, "this kernel does not tell schedstat");
    Duration::from_nanos(used)
}

/// How often a thread, a folder of /proc, has left a processor; one that has ended never has.
pub(crate) fn switches(thread: &Path) -> u64 {
    let text = std::fs::read_to_string(thread.join("status")).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| line.split_once("_ctxt_switches:"));
    lines
        .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
        .sum()
}

/// A question and what its pairs answered.
pub struct Answer {
    question: String,
    names: (String, String),
    pairs: Vec<(Round, Round)>,
    /// What the ratios of rate and of processor time are to be.
    aims: (Option<Aim>, Option<Aim>),
    longest_slice_us: Option<f64>,
}

impl Answer {
    /// Asks: `ours` and `baseline` in turn, [`PAIRS`] times, the order changing, after one
    /// pair that does not count.
    pub fn ask(
        question: &str,
        names: (&str, &str),
        one: impl FnMut() -> Round,
        other: impl FnMut() -> Round,
    ) -> Self {
        Self::ask_often(PAIRS, question, names, one, other)
    }

    /// The same with more pairs, for rounds that differ much.
    pub fn ask_often(
        pairs: usize,
        question: &str,
        (ours, baseline): (&str, &str),
        mut one: impl FnMut() -> Round,
        mut other: impl FnMut() -> Round,
    ) -> Self {
        one();
        other();
        let pairs = (0..pairs)
            .map(|pair| {
                if pair % 2 == 0 {
                    (one(), other())
                } else {
                    let second = other();
                    (one(), second)
                }
            })
            .collect();
        Self {
            question: question.to_owned(),
            names: (ours.to_owned(), baseline.to_owned()),
            pairs,
            aims: (None, None),
            longest_slice_us: None,
        }
    }

    /// The rate is to be at least so many times that of the baseline.
    #[must_use]
    pub fn rate_at_least(mut self, least: f64) -> Self {
        self.aims.0 = Some(Aim::AtLeast(least));
        self
    }

    /// The processor time of a request is to be at most so many times that of the baseline.
    #[must_use]
    pub fn cpu_at_most(mut self, most: f64) -> Self {
        self.aims.1 = Some(Aim::AtMost(most));
        self
    }

    /// With the longest slice that the server's module took lately.
    #[must_use]
    pub fn longest_slice(mut self, server: &Server) -> Self {
        let longest = server.info_number("warden", "warden_longest_recent_slice_us");
        self.longest_slice_us = Some(as_float(longest));
        self
    }

    /// With all its figures.
    pub fn question(&self) -> Question {
        let mut question = Question::new(format!("{}, against {}", self.question, self.names.1));
        for (one, other) in &self.pairs {
            question.add("rate", "times", one.rate / other.rate);
            question.add("server CPU", "times", one.cpu_us / other.cpu_us);
            if let Some(slices) = one.slices_over_1ms {
                question.add("slices over 1 ms", "", slices);
            }
            for (round, of) in [(one, ""), (other, " of the baseline")] {
                question.add(&format!("requests{of}"), "/s", round.rate);
                question.add(&format!("server CPU a request{of}"), "us", round.cpu_us);
                for (part, latency) in round
                    .latencies
                    .iter()
                    .flat_map(|all| [("p50", all.p50), ("p99", all.p99), ("p99.9", all.p999)])
                {
                    question.add(&format!("{part}{of}"), "us", latency);
                }
            }
        }
        if let Some(us) = self.longest_slice_us {
            question.add("longest slice of the last 20 s", "us", us);
        }
        if let Some(aim) = self.aims.0 {
            question = question.aim("rate", aim);
        }
        if let Some(aim) = self.aims.1 {
            question = question.aim("server CPU", aim);
        }
        question
    }
}
