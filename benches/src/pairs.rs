//! Two ways of doing the same, measured in turn: figures and their ratio.
//!
//! In: two rounds, each of which tells how many requests it made and how long they took. Out:
//! for each pair requests a second, latencies and the server's processor time a request, and the
//! ratios pair by pair. Both sides see the same drift of the machine.

use std::time::{Duration, Instant};

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
    }
}

/// The processor time that a process has used since it had used so much. Panics when threads
/// ended meanwhile that had used more.
pub(crate) fn used_since(pid: u32, before: Duration) -> Duration {
    let used = processor_time(pid).checked_sub(before);
    used.expect("no thread of the server ended meanwhile")
}

/// The processor time that the threads of a process have used, those that ended left out, from
/// /proc: in nanoseconds.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs");
    let of_threads = threads.map(|thread| {
        let file = thread.expect("a thread").path().join("schedstat");
        // One that has just ended is gone.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let first = text.split_whitespace().next().map(str::parse);
        first.and_then(Result::ok).unwrap_or(0)
    });
    let used = of_threads.sum();
    assert!(used > 0, "this kernel does not tell schedstat");
    Duration::from_nanos(used)
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

    /// The longest slice of the main thread that warden took meanwhile.
    #[must_use]
    pub fn longest_slice(mut self, us: f64) -> Self {
        self.longest_slice_us = Some(us);
        self
    }

    /// With all its figures.
    pub fn question(&self) -> Question {
        let mut question = Question::new(format!("{}, against {}", self.question, self.names.1));
        for (one, other) in &self.pairs {
            question.add("rate", "times", one.rate / other.rate);
            question.add("server CPU", "times", one.cpu_us / other.cpu_us);
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
            question.add("longest slice", "us", us);
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
