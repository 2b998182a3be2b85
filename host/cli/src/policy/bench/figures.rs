//! Times of many decisions, in a few numbers.

use std::time::Duration;

use serde_json::{Value, json};

/// Times, in the order in which they were taken.
#[derive(Default)]
pub(super) struct Figures {
    times: Vec<Duration>,
}

/// What they come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) count: usize,
    pub(super) half: Duration,
    pub(super) ninety: Duration,
    pub(super) ninety_nine: Duration,
    pub(super) longest: Duration,
}

impl Figures {
    pub(super) fn add(&mut self, took: Duration) {
        self.times.push(took);
    }

    pub(super) fn summary(&self) -> Summary {
        let mut times = self.times.clone();
        times.sort_unstable();
        // The time that so many of a hundred do not exceed.
        let percentile = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(place).copied().unwrap_or_default()
        };
        Summary {
            count: times.len(),
            half: percentile(50),
            ninety: percentile(90),
            ninety_nine: percentile(99),
            longest: percentile(100),
        }
    }
}

impl Summary {
    pub(super) fn json(&self) -> Value {
        json!({
            "count": self.count,
            "p50_us": micros(self.half),
            "p90_us": micros(self.ninety),
            "p99_us": micros(self.ninety_nine),
            "max_us": micros(self.longest),
        })
    }

    pub(super) fn text(&self) -> String {
        format!(
            "p50 {}, p90 {}, p99 {}, longest {}",
            shown(self.half),
            shown(self.ninety),
            shown(self.ninety_nine),
            shown(self.longest)
        )
    }
}

/// Microseconds, to a tenth.
pub(super) fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

/// `24.1 us`, `1.30 ms`, `2.10 s`: three digits are as many as there is truth in.
pub(super) fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        under if under < 999.95 => format!("{under:.1} us"),
        under if under < 999_950.0 => format!("{:.2} ms", under / 1e3),
        over => format!("{:.2} s", over / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_taken() {
        let mut figures = Figures::default();
        assert_eq!(figures.summary(), Summary::default());
        for millis in (1..=200).rev() {
            figures.add(Duration::from_millis(millis));
        }
        let summary = figures.summary();
        let millis = [
            summary.half,
            summary.ninety,
            summary.ninety_nine,
            summary.longest,
        ];
        assert_eq!(millis.map(|time| time.as_millis()), [100, 180, 198, 200]);
        let mut one = Figures::default();
        one.add(Duration::from_millis(7));
        let summary = one.summary();
        assert_eq!(
            (summary.half, summary.longest),
            (Duration::from_millis(7), Duration::from_millis(7))
        );
    }

    #[test]
    fn a_time_is_shown_in_the_unit_that_fits() {
        for (nanos, text) in [
            (0, "0.0 us"),
            (24_140, "24.1 us"),
            (999_960, "1.00 ms"),
            (1_300_000, "1.30 ms"),
            (2_100_000_000, "2.10 s"),
        ] {
            assert_eq!(shown(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(micros(Duration::from_nanos(24_140)), 24.1);
    }
}
