//! The data files.
//!
//! In: files as the host read them. Out: checked roles in order of their names, or
//! every problem of every file. Never a part of the roles.

use std::collections::BTreeMap;

use serde::Deserialize;
use warden_sdk::File;

use crate::error::{Fault, Problem};
use crate::role::Role;

/// Roles of one bundle. Each one that a principal holds becomes a selector.
pub(crate) const MAX_ROLES: usize = 10_000;
/// Members of one role.
pub(crate) const MAX_MEMBERS: usize = 1000;
/// Rules of one role.
pub(crate) const MAX_RULES: usize = 200;
/// A year: longer is surely a mistake of unit.
pub(crate) const MAX_SESSION_SECONDS: u64 = 31_536_000;

/// The shape of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    roles: BTreeMap<String, RawRole>,
}

/// The shape of a role.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRole {
    pub(crate) members: Vec<String>,
    pub(crate) rules: Vec<String>,
    pub(crate) session_seconds: Option<u64>,
}

/// Reads every `*.toml` file.
///
/// # Errors
/// All problems of all files; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Vec<Role>, Vec<Problem>> {
    let mut roles: BTreeMap<String, (&str, Role)> = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    let mut any = false;
    for file in warden_sdk::data::toml_files(files) {
        any = true;
        match warden_sdk::data::parse(file) {
            Ok(raw) => check(file, raw, &mut roles, &mut problems),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    if !any {
        problems.push(Problem::NoFile);
    }
    if roles.len() > MAX_ROLES {
        problems.push(Problem::TooManyRoles);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(roles.into_values().map(|(_, role)| role).collect())
}

/// Adds the roles of one file to those of the files before it.
fn check<'a>(
    file: &'a File,
    raw: RawFile,
    roles: &mut BTreeMap<String, (&'a str, Role)>,
    problems: &mut Vec<Problem>,
) {
    let mut refuse = |key: String, fault| {
        problems.push(Problem::Value {
            file: file.name().to_owned(),
            key,
            fault,
        });
    };
    if raw.roles.is_empty() {
        refuse("roles".to_owned(), Fault::NoRole);
    }
    for (name, raw) in raw.roles {
        let key = format!("roles.{}", name.escape_debug());
        match Role::check(&name, &raw) {
            Err(faults) => {
                faults
                    .into_iter()
                    .for_each(|(below, fault)| refuse(format!("{key}{below}"), fault));
            }
            Ok(role) => {
                if let Some((other, _)) = roles.get(&name) {
                    refuse(
                        key,
                        Fault::Doubled {
                            other: (*other).to_owned(),
                        },
                    );
                } else {
                    roles.insert(name, (file.name(), role));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
