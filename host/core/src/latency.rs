//! How long something takes that is done again and again.
//!
//! In: durations, from any thread. Out: percentiles, for INFO. Recording is one atomic
//! addition; nothing here takes a lock.

use std::fmt::Write;
use std::time::Duration;

use histogram::AtomicHistogram;

/// Buckets a power of two: a percentile is at most 3 % above what was recorded.
const GROUPING: u8 = 5;

/// The longest that is told apart, in nanoseconds, as a power of two: 18 minutes.
const LONGEST: u8 = 40;

/// What is shown.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

/// Durations of one thing.
#[derive(Debug)]
pub struct Latency(Option<AtomicHistogram>);

impl Default for Latency {
    fn default() -> Self {
        // The two numbers are constants within the library's bounds; a test records one.
        Self(AtomicHistogram::new(GROUPING, LONGEST).ok())
    }
}

impl Latency {
    /// Counts one.
    pub fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(histogram) = &self.0 {
            // What is out of range counts as the longest.
            let _ = histogram.increment(nanoseconds.min((1 << LONGEST) - 1));
        }
    }

    /// As `count=2,p50=1.007,p99=2.047,p99.9=2.047`, in microseconds; empty before the
    /// first. Allocates: not for a crash report.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let values = QUANTILES.map(|(_, value)| value);
        let found = self
            .0
            .as_ref()
            .and_then(|histogram| histogram.load().quantiles(&values).ok())
            .flatten();
        let Some(found) = found else {
            return text;
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "count={}", found.total_count());
        for ((name, _), bucket) in QUANTILES.iter().zip(found.entries().values()) {
            let nanoseconds = bucket.end();
            let (whole, rest) = (nanoseconds / 1000, nanoseconds % 1000);
            let _ = write!(text, ",{name}={whole}.{rest:03}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_close_above_what_was_recorded() {
        let latency = Latency::default();
        assert_eq!(latency.text(), "");
        for _ in 0..990 {
            latency.record(Duration::from_micros(10));
        }
        for _ in 0..10 {
            latency.record(Duration::from_millis(1));
        }
        latency.record(Duration::from_secs(1 << 40));
        let text = latency.text();
        let value = |name: &str| -> f64 {
            let field = text.split(',').find_map(|field| {
                let (key, value) = field.split_once('=')?;
                (key == name).then_some(value)
            });
            field.unwrap().parse().unwrap()
        };
        assert!((value("count") - 1001.0).abs() < f64::EPSILON);
        assert!((10.0..10.4).contains(&value("p50")), "{text}");
        assert!((1000.0..1040.0).contains(&value("p99.9")), "{text}");
    }
}
