//! What became of each setting, as text for people, or as JSON for machines.

use std::path::PathBuf;

use serde_json::json;

use super::server_file::Place;
use crate::style::Paint;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It means the same in the new file.
    Taken,
    /// It means the same in another way.
    Changed,
    /// It is not carried over.
    Left,
    /// Nothing is to be carried over, but something is to be known.
    Note,
}

/// A line, what became of it, and how or why.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) setting: String,
    pub(super) place: Place,
    pub(super) outcome: Outcome,
    pub(super) says: String,
}

/// Width of the longest word of [`Outcome::word`].
const OUTCOME_WIDTH: usize = 7;

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Changed => "changed",
            Self::Left => "left",
            Self::Note => "note",
        }
    }
}

/// One object.
pub(super) fn json(findings: &[Finding], files: &[PathBuf], toml: &str) -> String {
    let settings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "setting": finding.setting,
                "place": finding.place.to_string(),
                "outcome": finding.outcome.word(),
                "says": finding.says,
            })
        })
        .collect();
    let files: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
    format!(
        "{:#}\n",
        json!({ "settings": settings, "files": files, "toml": toml })
    )
}

/// A line for each setting and what it came to below it; then the files, or what would be in
/// the one.
pub(super) fn text(
    findings: &[Finding],
    files: &[PathBuf],
    toml: Option<&str>,
    paint: Paint,
) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.setting.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        let word = format!("{:OUTCOME_WIDTH$}", finding.outcome.word());
        let word = match finding.outcome {
            Outcome::Taken => paint.good(&word),
            Outcome::Changed | Outcome::Note => paint.doubtful(&word),
            Outcome::Left => paint.bad(&word),
        };
        text.push_str(&format!(
            "{word}  {:width$}  {}  {}\n",
            finding.setting, finding.place, finding.says
        ));
    }
    text.push('\n');
    for file in files {
        let file = file.to_string_lossy();
        text.push_str(&format!("wrote {}\n", file.escape_debug()));
    }
    if let Some(toml) = toml {
        text.push_str(toml);
    }
    text
}

/// The name of a setting, as far as it is one: a password may be written onto it, as in
/// `NAME=PASSWORD`.
pub(super) fn shown(name: &str) -> String {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name.find(|c| !is_of_names(c)) {
        None => name.to_owned(),
        Some(end) => [name.get(..end).unwrap_or_default(), "…"].concat(),
    }
}
