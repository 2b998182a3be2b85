//! What hot paths took when that was last looked at: `instructions.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// The file, beside the sources.
pub(super) const FILE: &str = "benches/gate/instructions.toml";

/// A path may take so many times what it took.
const MOST: f64 = 1.05;

/// The same where another compiler made its code than that of the measure.
const MOST_OF_ANOTHER_COMPILER: f64 = 1.25;

/// One that takes so little has a measure that is too generous.
const LEAST: f64 = 0.95;

const HEAD: &str = "\
# Instructions that each hot path takes, in a release build of this compiler: written by
# `scripts/gate --write`, held by `scripts/gate`. More than a twentieth more fails; of another
# compiler, which makes other code, more than a quarter; of another processor nothing is held.
";

/// Instructions by path, and whose they are.
#[derive(Default, Deserialize)]
pub(super) struct Measure {
    /// The compiler and its target.
    #[serde(default)]
    compiler: String,
    #[serde(default)]
    instructions: BTreeMap<String, u64>,
}

/// What a path takes now.
pub(super) struct Counted {
    pub(super) name: &'static str,
    pub(super) instructions: u64,
    pub(super) measure: Option<u64>,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

impl Measure {
    pub(super) fn read() -> Result<Self, String> {
        let text = std::fs::read_to_string(file()).unwrap_or_default();
        toml::from_str(&text).map_err(|error| format!("{FILE}: {error}"))
    }

    pub(super) fn of(&self, name: &str) -> Option<u64> {
        self.instructions.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.instructions.keys().map(String::as_str)
    }

    /// How many times its measure a path may take, with the compiler that is here; none
    /// where the measure is of another kind of processor.
    pub(super) fn most(&self) -> Result<Option<f64>, String> {
        Ok(self.most_of(&compiler()?))
    }

    fn most_of(&self, compiler: &str) -> Option<f64> {
        let processor = |compiler: &str| compiler.split(", ").nth(1).map(str::to_owned);
        if self.compiler == compiler {
            Some(MOST)
        } else {
            let is_alike = processor(&self.compiler) == processor(compiler);
            is_alike.then_some(MOST_OF_ANOTHER_COMPILER)
        }
    }
}

/// `1.95.0, x86_64`.
fn compiler() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output();
    let output = output.map_err(|error| format!("rustc does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said.split(' ').nth(1);
    let version = version.ok_or("rustc does not tell its version")?;
    Ok(format!("{version}, {}", std::env::consts::ARCH))
}

/// Makes what was counted the measure.
pub(super) fn write(counted: &[Counted]) -> Result<(), String> {
    let lines = counted
        .iter()
        .map(|path| format!("{:?} = {}\n", path.name, path.instructions));
    let (compiler, lines) = (compiler()?, lines.collect::<String>());
    let text = format!("{HEAD}compiler = {compiler:?}\n\n[instructions]\n{lines}");
    std::fs::write(file(), text).map_err(|error| format!("{FILE}: {error}"))
}

impl Counted {
    fn ratio(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        self.measure
            .map(|measure| self.instructions as f64 / measure as f64)
    }

    /// What is wrong with it, where it may take so many times its measure.
    pub(super) fn complaint(&self, most: f64) -> Option<String> {
        let Self {
            name, instructions, ..
        } = self;
        match self.ratio() {
            None => Some(format!("{name}: no measure in {FILE}")),
            Some(ratio) if ratio > most => Some(format!(
                "{name}: {instructions} instructions, {ratio:.3} times its measure; {most} at most"
            )),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Counted {
    /// A row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (measure, ratio) = match (self.measure, self.ratio()) {
            (Some(measure), Some(ratio)) => {
                let hint = if ratio < LEAST { ": lower it" } else { "" };
                (measure.to_string(), format!("{ratio:.3}{hint}"))
            }
            _ => ("–".to_owned(), "–".to_owned()),
        };
        write!(
            f,
            "| {} | {} | {measure} | {ratio} |",
            self.name, self.instructions
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(instructions: u64, measure: Option<u64>) -> Option<String> {
        complaint_of("1.95.0, x86_64", instructions, measure)
    }

    /// With this compiler, where the measure is of another.
    fn complaint_of(compiler: &str, instructions: u64, measure: Option<u64>) -> Option<String> {
        let counted = Counted {
            name: "cache: a hit",
            instructions,
            measure,
        };
        let measure = Measure {
            compiler: "1.95.0, x86_64".to_owned(),
            ..Measure::default()
        };
        counted.complaint(measure.most_of(compiler)?)
    }

    #[test]
    fn more_than_a_twentieth_more_fails_by_name() {
        assert_eq!(complaint(1050, Some(1000)), None);
        assert_eq!(complaint(500, Some(1000)), None);
        let slower = complaint(1060, Some(1000)).expect("a complaint");
        assert!(
            slower.starts_with("cache: a hit: 1060 instructions, 1.060 times"),
            "{slower}"
        );
    }

    #[test]
    fn a_path_without_a_measure_fails() {
        let unknown = complaint(1, None).expect("a complaint");
        assert!(unknown.contains("no measure"), "{unknown}");
    }

    #[test]
    fn another_compiler_has_a_quarter_and_another_processor_all() {
        let of = |compiler, instructions| complaint_of(compiler, instructions, Some(1000));
        assert_eq!(of("1.96.0, x86_64", 1240), None);
        assert!(of("1.96.0, x86_64", 1260).is_some());
        assert_eq!(of("1.95.0, aarch64", 9000), None);
    }
}
