//! Two ways of doing the same, measured in turn: figures and their ratio.
//!
//! In: two rounds, each of which tells how many requests it made. Out: for each pair requests
//! a second and the server's processor time a request, and the ratios pair by pair:
//! median, least and most. Both sides see the same drift of the machine.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::count;

/// Pairs of rounds at least; the median is quoted.
pub const PAIRS: usize = 5;

/// What one round came to.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Requests a second.
    pub rate: f64,
    /// Processor time of the server a request, in microseconds, all its threads.
    pub cpu_us: f64,
}

/// Runs a round and measures it; `round` answers how many requests it made. `pid` is
/// the server's.
pub fn measured(pid: u32, round: impl FnOnce() -> usize) -> Figures {
    let (cpu, start) = (processor_time(pid), Instant::now());
    let requests = count(round());
    Figures {
        rate: requests / start.elapsed().as_secs_f64(),
        cpu_us: (processor_time(pid) - cpu).as_secs_f64() * 1e6 / requests,
    }
}

/// The processor time a process has used, from /proc: in steps of 10 ms.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server runs");
    // The name in parentheses may hold anything; user and system time are the 12th and
    // 13th field behind it.
    let rest = stat.rsplit(')').next().expect("a name in parentheses");
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 10)
}

/// A question and what five pairs answered.
pub struct Answer {
    question: String,
    names: (String, String),
    pairs: Vec<(Figures, Figures)>,
}

impl Answer {
    /// Asks: `ours` and `baseline` in turn, [`PAIRS`] times, the order changing, after one
    /// pair that does not count.
    pub fn ask(
        question: &str,
        names: (&str, &str),
        one: impl FnMut() -> Figures,
        other: impl FnMut() -> Figures,
    ) -> Self {
        Self::ask_often(PAIRS, question, names, one, other)
    }

    /// The same with more pairs, for rounds that differ much.
    pub fn ask_often(
        pairs: usize,
        question: &str,
        (ours, baseline): (&str, &str),
        mut one: impl FnMut() -> Figures,
        mut other: impl FnMut() -> Figures,
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
        }
    }

    /// As JSON: medians and ratios with their spread.
    pub fn json(&self) -> Value {
        let side = |figures: &dyn Fn(&(Figures, Figures)) -> Figures| {
            json!({
                "requests_per_second": middle(self.pairs.iter().map(|p| figures(p).rate)),
                "server_cpu_us": middle(self.pairs.iter().map(|p| figures(p).cpu_us)),
            })
        };
        let ratio = |spread: Spread| json!({ "median": spread.middle, "least": spread.least, "most": spread.most });
        json!({
            "question": self.question,
            "pairs": self.pairs.len(),
            "measured": self.names.0,
            "baseline": self.names.1,
            self.names.0.as_str(): side(&|pair| pair.0),
            self.names.1.as_str(): side(&|pair| pair.1),
            "rate_ratio": ratio(self.rate()),
            "cpu_ratio": ratio(self.cpu()),
        })
    }

    fn rate(&self) -> Spread {
        spread(self.pairs.iter().map(|(one, other)| one.rate / other.rate))
    }

    fn cpu(&self) -> Spread {
        spread(
            self.pairs
                .iter()
                .map(|(one, other)| one.cpu_us / other.cpu_us),
        )
    }
}

impl fmt::Display for Answer {
    /// One row of the table of docs/benchmarks.md.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            |figures: &dyn Fn(&(Figures, Figures)) -> f64| middle(self.pairs.iter().map(figures));
        write!(
            f,
            "| {} | {:.0}/s, {:.1} µs | {:.0}/s, {:.1} µs | {} | {} |",
            self.question,
            of(&|pair| pair.0.rate),
            of(&|pair| pair.0.cpu_us),
            of(&|pair| pair.1.rate),
            of(&|pair| pair.1.cpu_us),
            self.rate(),
            self.cpu(),
        )
    }
}

/// The smallest, the middle and the largest.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The middle.
    pub middle: f64,
    /// The largest.
    pub most: f64,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.middle, self.least, self.most)
    }
}

/// The spread of some figures; not a number when there are none.
pub fn spread(figures: impl Iterator<Item = f64>) -> Spread {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    Spread {
        least: at(0),
        middle: at(figures.len() / 2),
        most: at(figures.len().saturating_sub(1)),
    }
}

fn middle(figures: impl Iterator<Item = f64>) -> f64 {
    spread(figures).middle
}
