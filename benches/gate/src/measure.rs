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

/// One that takes so little has a measure that is too generous.
const LEAST: f64 = 0.95;

const HEAD: &str = "\
# Instructions that each hot path takes, in a release build of this compiler: written by
# `scripts/gate --write`, held by `scripts/gate`. More than a twentieth more fails.
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

    /// Whether it is that of the compiler which is here: another makes other code.
    pub(super) fn is_of_this_compiler(&self) -> Result<bool, String> {
        Ok(self.compiler == compiler()?)
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

    /// What is wrong with it.
    pub(super) fn complaint(&self) -> Option<String> {
        let Self {
            name, instructions, ..
        } = self;
        match self.ratio() {
            None => Some(format!("{name}: no measure in {FILE}")),
            Some(ratio) if ratio > MOST => Some(format!(
                "{name}: {instructions} instructions, {ratio:.2} times its measure"
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
