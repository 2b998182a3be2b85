//! What was measured: questions, each with the figures that answer it.
//!
//! In: one value a round or pair. Out: the middle of them with the least and the most, and
//! whether that is what was asked for; as lines on a terminal, and as JSON for
//! [`report`](crate::report).

use std::path::Path;
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};

/// What a program measured in one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// The program: `e2e`, `storm`, `inside one process`.
    pub program: String,
    /// The server's version; none where there was no server.
    pub valkey: Option<String>,
    /// What it was asked, part by part.
    pub parts: Vec<Part>,
}

/// Questions that belong together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its name, as it is asked for on the command line.
    pub name: String,
    /// Commit and day it was asked at, and whether it was a look only: `1a2b3c4, 2026-11-30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// Its questions.
    pub questions: Vec<Question>,
}

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// In words.
    pub asked: String,
    /// What answers it.
    pub figures: Vec<Figure>,
    /// Where a picture of it lies, as a page beside it would name that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plot: Option<String>,
}

/// A figure, once a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// `us`, `ms`, `/s`, `B`, `times`; empty for a count.
    pub unit: String,
    /// One a round or pair.
    pub values: Vec<f64>,
    /// What it is to be, if anybody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Document {
    /// Writes it as JSON. What the file holds of other parts stays.
    ///
    /// # Errors
    /// When the file cannot be written, or holds something else.
    pub fn write(mut self, file: &Path) -> io::Result<()> {
        if file.exists() {
            let earlier = Self::read(file)?;
            if (&earlier.program, &earlier.valkey) != (&self.program, &self.valkey) {
                let file = file.display();
                return Err(io::Error::other(format!(
                    "{file} is of another program or server"
                )));
            }
            let mut earlier = earlier.parts;
            let is_new = |part: &Part| self.parts.iter().any(|new| new.name == part.name);
            earlier.retain(|part| !is_new(part));
            earlier.append(&mut self.parts);
            self.parts = earlier;
        }
        let text = serde_json::to_string_pretty(&self)?;
        fs::write(file, text + "\n")
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(file: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(file)?;
        serde_json::from_str(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
    }
}

impl Aim {
    /// Whether a figure is what it is to be.
    pub fn is_reached(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    /// The figure it names.
    pub const fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

impl Question {
    /// One without figures yet.
    pub fn new(asked: impl Into<String>) -> Self {
        Self {
            asked: asked.into(),
            figures: Vec::new(),
            plot: None,
        }
    }

    /// Adds one round's value to the figure of this name, unless there was nothing to measure
    /// and it is no number.
    pub fn add(&mut self, name: &str, unit: &str, value: f64) {
        if !value.is_finite() {
            return;
        }
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure {
                name: name.to_owned(),
                unit: unit.to_owned(),
                values: vec![value],
                aim: None,
            }),
        }
    }

    /// With a value more of each figure: the middle of what another answer has.
    #[must_use]
    pub fn with_the_middle_of(mut self, other: Self) -> Self {
        for figure in other.figures {
            let middle = figure.spread().middle;
            self.add(&figure.name, &figure.unit, middle);
        }
        self
    }

    /// Says what the figure of this name is to be. Panics when there is none.
    #[must_use]
    pub fn aim(mut self, name: &str, aim: Aim) -> Self {
        let mut figures = self.figures.iter_mut();
        let figure = figures.find(|figure| figure.name == name);
        figure.expect("a figure of this name").aim = Some(aim);
        self
    }
}

impl fmt::Display for Question {
    /// The question, and a line for each figure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.asked)?;
        for figure in &self.figures {
            writeln!(f, "  {:44} {figure}", figure.name)?;
        }
        Ok(())
    }
}

impl Figure {
    /// The middle of its values, the least and the most.
    pub fn spread(&self) -> Spread {
        spread(self.values.iter().copied())
    }

    /// Whether it is what it is to be; none where nobody asked.
    pub fn is_reached(&self) -> Option<bool> {
        let middle = self.spread().middle;
        self.aim.map(|aim| aim.is_reached(middle))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = self.spread();
        let space = if self.unit.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", spread.shown(spread.middle), self.unit)?;
        if self.values.len() > 1 {
            let (least, most) = (spread.shown(spread.least), spread.shown(spread.most));
            write!(f, " ({least}–{most})")?;
        }
        Ok(())
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

impl Spread {
    /// With as many digits as its middle is worth.
    fn shown(&self, value: f64) -> String {
        let digits = match self.middle.abs() {
            large if large >= 100.0 => 0,
            middle if middle >= 10.0 => 1,
            middle if middle >= 2.0 => 2,
            // Ratios, of which parts in a thousand are asked for.
            _ => 3,
        };
        format!("{value:.digits$}")
    }
}

/// The spread of some figures; not a number when there are none. Of as many as are even the
/// middle lies between two.
fn spread(figures: impl Iterator<Item = f64>) -> Spread {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    let last = figures.len().saturating_sub(1);
    Spread {
        least: at(0),
        middle: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
        most: at(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_some_figures() {
        let middle = |figures: &[f64]| spread(figures.iter().copied()).middle;
        assert!((middle(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((middle(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(middle(&[]).is_nan());
    }

    #[test]
    fn a_run_of_one_part_leaves_the_others() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("figures.json");
        let document = |names: &[(&str, f64)]| Document {
            program: "e2e".to_owned(),
            valkey: None,
            parts: names
                .iter()
                .map(|(name, value)| {
                    let mut question = Question::new("how many?");
                    question.add("many", "", *value);
                    Part {
                        name: (*name).to_owned(),
                        taken: None,
                        questions: vec![question],
                    }
                })
                .collect(),
        };
        let first = document(&[("one", 1.0), ("two", 2.0)]);
        first.write(&file).expect("it is written");
        document(&[("two", 3.0)])
            .write(&file)
            .expect("it is written");
        let read = Document::read(&file).expect("it is read");
        let values = read.parts.iter().map(|part| {
            let figures = part.questions.iter().flat_map(|question| &question.figures);
            (
                part.name.as_str(),
                figures.map(|figure| figure.spread().middle).sum::<f64>(),
            )
        });
        assert_eq!(values.collect::<Vec<_>>(), [("one", 1.0), ("two", 3.0)]);
    }
}
