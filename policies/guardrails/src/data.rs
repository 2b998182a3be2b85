//! The data files.
//!
//! In: files as the host read them. Out: checked rules in the order of the files,
//! or every problem of every file. Never a part of the rules.

use std::collections::BTreeMap;

use serde::Deserialize;
use warden_sdk::File;
use warden_sdk::bounds::{MAX_ALL_RULES, MAX_LABELS};

use crate::error::{Fault, Problem};
use crate::rule::Rule;

/// Rules of one bundle: each that applies is a restriction and a label, and the
/// host takes so many of one answer.
pub(crate) const MAX_RULES: usize = MAX_LABELS;

/// Denials, bounds and databases of one bundle: so many the host takes of one answer, and
/// all rules may apply to somebody.
pub(crate) const MAX_ALL_ENTRIES: usize = MAX_ALL_RULES;

/// The shape of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    rules: Vec<RawRule>,
}

/// The shape of a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) name: String,
    pub(crate) members: Option<Vec<String>>,
    pub(crate) not_members: Option<Vec<String>>,
    pub(crate) addresses: Option<Vec<String>>,
    pub(crate) not_addresses: Option<Vec<String>>,
    pub(crate) hours: Option<Vec<String>>,
    pub(crate) days: Option<Vec<String>>,
    pub(crate) deny_login: Option<String>,
    pub(crate) denials: Option<Vec<String>>,
    pub(crate) keys: Option<Vec<String>>,
    pub(crate) channels: Option<Vec<String>>,
    pub(crate) databases: Option<Vec<u32>>,
}

impl RawRule {
    /// How many denials, bounds and databases it lists.
    pub(crate) fn entries(&self) -> usize {
        let texts = [&self.denials, &self.keys, &self.channels];
        let texts = texts.into_iter().flatten().map(Vec::len).sum::<usize>();
        texts + self.databases.as_ref().map_or(0, Vec::len)
    }
}

/// Reads every `*.toml` file.
///
/// # Errors
/// All problems of all files; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Vec<Rule>, Vec<Problem>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    let mut any = false;
    for file in warden_sdk::data::toml_files(files) {
        any = true;
        match warden_sdk::data::parse(file) {
            Ok(raw) => check(file, raw, &mut rules, &mut names, &mut problems),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    if !any {
        problems.push(Problem::NoFile);
    }
    if rules.len() > MAX_RULES {
        problems.push(Problem::TooManyRules);
    }
    if rules.iter().map(Rule::entries).sum::<usize>() > MAX_ALL_ENTRIES {
        problems.push(Problem::TooManyEntries);
    }
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(problems)
    }
}

/// Adds the rules of one file to those of the files before it.
fn check<'a>(
    file: &'a File,
    raw: RawFile,
    rules: &mut Vec<Rule>,
    names: &mut BTreeMap<String, &'a str>,
    problems: &mut Vec<Problem>,
) {
    let mut refuse = |key: String, fault| {
        problems.push(Problem::Value {
            file: file.name().to_owned(),
            key,
            fault,
        });
    };
    if raw.rules.is_empty() {
        refuse("rules".to_owned(), Fault::NoRule);
    }
    for (index, raw) in raw.rules.iter().enumerate() {
        let key = format!("rules[{index}]");
        if let Some(other) = names.insert(raw.name.clone(), file.name()) {
            let other = other.to_owned();
            refuse(format!("{key}.name"), Fault::Doubled { other });
        }
        match Rule::check(raw) {
            Ok(rule) => rules.push(rule),
            Err(faults) => faults
                .into_iter()
                .for_each(|(below, fault)| refuse(format!("{key}{below}"), fault)),
        }
    }
}

#[cfg(test)]
mod tests;
