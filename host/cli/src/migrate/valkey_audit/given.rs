//! What a server's file gives ValkeyAudit: lines of its own, and arguments of `loadmodule`.
//!
//! In: lines. Out: each setting with its value and its place, the last of those with the same
//! name; the others as findings. A line of its own stands over an argument, wherever it is.

use crate::migrate::report::{Finding, Outcome, shown};
use crate::migrate::server_file::{Place, ServerFile};
use crate::migrate::words::{self, Word};

/// Prefix of its settings.
const PREFIX: &str = "audit.";

/// One setting as it counts.
pub(super) struct Given {
    /// Lower-case, without `audit.`.
    pub(super) name: String,
    /// Its values as one text, with one space between them.
    pub(super) text: String,
    pub(super) place: Place,
    /// Where it stands among all lines.
    pub(super) number: usize,
}

/// All of them.
#[derive(Default)]
pub(super) struct AllGiven {
    pub(super) settings: Vec<Given>,
    /// With the number of the line they are about.
    pub(super) findings: Vec<(usize, Finding)>,
    pub(super) errors: Vec<String>,
}

/// Collects them. `known` says which words name a setting of ValkeyAudit.
pub(super) fn collect(file: &ServerFile, known: impl Fn(&str) -> bool) -> AllGiven {
    let mut all = AllGiven::default();
    let mut arguments = Vec::new();
    for (number, line) in file.lines.iter().enumerate() {
        if let Some(rest) = line.module(&["valkeyaudit", "valkey_audit", "valkey-audit"]) {
            all.note(number, &line.name, &line.place);
            arguments.extend(
                pairs(rest, &known)
                    .into_iter()
                    .map(|pair| (number, &line.place, pair)),
            );
        } else if let Some(name) = line.name.strip_prefix(PREFIX) {
            all.take(number, &line.place, name, &line.values);
        }
    }
    for (number, place, (name, values)) in arguments {
        if let Some(over) = all.settings.iter().find(|given| given.name == name) {
            let says = format!("{} counts", over.place);
            all.left(number, &name, place, says);
        } else {
            all.take(number, place, &name, &values);
        }
    }
    all
}

impl AllGiven {
    fn take(&mut self, number: usize, place: &Place, name: &str, values: &[Word]) {
        if values.is_empty() {
            let error = format!("{place}: {PREFIX}{} has no value", shown(name));
            self.errors.push(error);
            return;
        }
        let Some(text) = words::joined(values) else {
            let error = format!(
                "{place}: {PREFIX}{}: not UTF-8 text without NUL",
                shown(name)
            );
            self.errors.push(error);
            return;
        };
        let given = Given {
            name: name.to_owned(),
            text: text.trim().to_owned(),
            place: place.clone(),
            number,
        };
        let before = self.settings.iter().position(|one| one.name == name);
        if let Some(before) = before {
            let before = self.settings.remove(before);
            let says = format!("{place} counts");
            self.left(before.number, name, &before.place, says);
        }
        self.settings.push(given);
    }

    fn left(&mut self, number: usize, name: &str, place: &Place, says: String) {
        let finding = Finding {
            setting: format!("{PREFIX}{}", shown(name)),
            place: place.clone(),
            outcome: Outcome::Left,
            says,
        };
        self.findings.push((number, finding));
    }

    fn note(&mut self, number: usize, name: &str, place: &Place) {
        let finding = Finding {
            setting: name.to_owned(),
            place: place.clone(),
            outcome: Outcome::Note,
            says: "remove it when warden writes the records; until then both may be loaded, in any order"
                .to_owned(),
        };
        self.findings.push((number, finding));
    }
}

/// Arguments of `loadmodule`: a name, with `audit.` or without, and what follows up to the next
/// name.
fn pairs(arguments: &[Word], known: &impl Fn(&str) -> bool) -> Vec<(String, Vec<Word>)> {
    let mut found: Vec<(String, Vec<Word>)> = Vec::new();
    for word in arguments {
        let text = String::from_utf8_lossy(word).to_ascii_lowercase();
        let bare = text.strip_prefix(PREFIX);
        // `file` and `tcp` name nothing, but a file may be called as a setting is.
        let is_name = bare.is_some() || known(&text) && !found.last().is_some_and(is_open);
        if is_name || found.is_empty() {
            found.push((bare.unwrap_or(&text).to_owned(), Vec::new()));
        } else if let Some((_, values)) = found.last_mut() {
            values.push(word.clone());
        }
    }
    found
}

/// Whether a value is still to come.
fn is_open((_, values): &(String, Vec<Word>)) -> bool {
    values.is_empty()
}
