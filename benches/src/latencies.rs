//! How long requests took.

use std::time::{Duration, Instant};

use crate::figures::Question;

/// Of some requests, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latencies {
    /// The middle.
    pub p50: f64,
    /// One in a hundred is longer.
    pub p99: f64,
    /// One in a thousand is longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    /// Of these samples; not numbers when there are none.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |part: usize, of: usize| {
            let place = (samples.len() * part / of).min(samples.len().saturating_sub(1));
            samples.get(place).copied().unwrap_or(f64::NAN)
        };
        Self {
            p50: at(1, 2),
            p99: at(99, 100),
            p999: at(999, 1000),
            max: at(1, 1),
        }
    }

    /// Adds them to a question, each under `what`.
    pub fn add_to(self, question: &mut Question, what: &str) {
        for (part, figure) in [
            ("p50", self.p50),
            ("p99", self.p99),
            ("p99.9", self.p999),
            ("max", self.max),
        ] {
            question.add(&format!("{what} {part}"), "us", figure);
        }
    }
}

/// What some work comes to, and how many microseconds it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, micros(start.elapsed()))
}

/// Microseconds as a float.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
