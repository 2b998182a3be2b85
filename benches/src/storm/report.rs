//! Figures in lines: the middle of some rounds, the smallest and the largest in brackets.

use crate::pairs::spread;

/// Rounds of one question; the middle is quoted.
pub const ROUNDS: usize = 3;

/// Named figures of several rounds.
#[derive(Debug, Default)]
pub struct Figures {
    rows: Vec<(String, &'static str, Vec<f64>)>,
}

impl Figures {
    /// Adds one round's figure to its row.
    pub fn add(&mut self, name: &str, unit: &'static str, figure: f64) {
        match self.rows.iter_mut().find(|(known, ..)| known == name) {
            Some((_, _, figures)) => figures.push(figure),
            None => self.rows.push((name.to_owned(), unit, vec![figure])),
        }
    }

    /// Adds what a probe saw.
    pub fn add_latencies(&mut self, name: &str, latencies: super::probe::Latencies) {
        for (part, figure) in [
            ("p50", latencies.p50),
            ("p99", latencies.p99),
            ("max", latencies.max),
        ] {
            self.add(&format!("{name} {part}"), "us", figure);
        }
    }

    /// Adds what the main thread went through.
    pub fn add_stalls(&mut self, what: &str, stalls: super::stage::Stalls) {
        self.add(
            &format!("longest turn, {what}"),
            "us",
            stalls.longest_turn_us,
        );
        self.add(&format!("slices over 2 ms, {what}"), "", stalls.over_2ms);
        self.add(
            "longest slice so far, set-up included",
            "us",
            stalls.longest_slice_us,
        );
    }

    /// Prints every row under a heading.
    #[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
    pub fn print(self, heading: &str) {
        println!("{heading}");
        for (name, unit, figures) in self.rows {
            let spread = spread(figures.into_iter());
            let (least, middle, most) = (spread.least, spread.middle, spread.most);
            println!("  {name:44} {middle:10.0} {unit:2} ({least:.0}–{most:.0})");
        }
    }
}
