//! The data files.
//!
//! In: files as the host read them. Out: the checked policy, or every problem of every
//! file. Never a part of it.

use regorus::{Engine, Value};
use serde::Deserialize;
use warden_sdk::network::{Address, Network};
use warden_sdk::{File, Pattern};

use crate::conflict::conflicts;
use crate::error::{Fault, Problem, told};
use crate::input::Selection;
use crate::{Rego, Undefined};

/// What is asked where the settings do not say it.
const QUERY: &str = "data.warden.verdict";

/// The shape of the settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    query: Option<String>,
    claims: Option<Vec<String>>,
    #[serde(default)]
    all_claims: bool,
    #[serde(default)]
    inputs: Vec<String>,
    undefined: Option<RawUndefined>,
}

/// The words of `undefined`.
#[derive(Clone, Copy, Debug, Deserialize)]
enum RawUndefined {
    #[serde(rename = "no-opinion")]
    NoOpinion,
    #[serde(rename = "refuse")]
    Refuse,
}

/// Reads all files.
///
/// # Errors
/// All problems of all files; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Rego, Vec<Problem>> {
    let mut problems = Vec::new();
    let (file, raw) = settings(files, &mut problems);
    let mut faults = Vec::new();
    let query = raw.query.as_deref().unwrap_or(QUERY);
    if !is_query(query) {
        let text = query.to_owned();
        faults.push(("query".to_owned(), Fault::Query { text }));
    }
    let selection = Selection::check(
        raw.claims.as_deref(),
        raw.all_claims,
        &raw.inputs,
        &mut faults,
    );
    let value = |(key, fault)| Problem::Value {
        file: file.to_owned(),
        key,
        fault,
    };
    problems.extend(faults.into_iter().map(value));
    let engine = engine(files, &mut problems);
    problems.extend(conflicts(&engine));
    if !problems.is_empty() {
        return Err(problems);
    }
    match is_made(&engine, query) {
        Ok(true) => {}
        Ok(false) => return Err(vec![value(("query".to_owned(), Fault::NoRule))]),
        Err(said) => return Err(vec![Problem::Rego(said)]),
    }
    let mut rego = Rego {
        engine,
        query: query.to_owned(),
        selection,
        undefined: match raw.undefined {
            Some(RawUndefined::Refuse) => Undefined::Refuse,
            Some(RawUndefined::NoOpinion) | None => Undefined::NoOpinion,
        },
    };
    rego.try_out().map_err(|said| vec![Problem::Rego(said)])?;
    Ok(rego)
}

/// Does a rule of the modules stand at the path of the query, or below it?
///
/// # Errors
/// In Rego's words, when a module has rules whose heads it cannot tell.
fn is_made(engine: &Engine, query: &str) -> Result<bool, String> {
    let path: Vec<&str> = query.split('.').skip(1).collect();
    let packages = engine.get_policy_package_components();
    for package in packages.map_err(|error| told(&error))? {
        let mut rest = path.iter();
        let inside = package
            .components
            .iter()
            .all(|own| rest.next() == Some(&own.as_str()));
        let rule = rest.copied().collect::<Vec<_>>().join(".");
        if inside && !rule.is_empty() {
            let made = engine.has_declared_rule_rooted_at(&package.source_file, &rule);
            if made.map_err(|error| told(&error))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The settings and the name of their file; those that hold without one.
fn settings<'a>(files: &'a [File], problems: &mut Vec<Problem>) -> (&'a str, RawFile) {
    let mut all = warden_sdk::data::toml_files(files);
    let Some(file) = all.next() else {
        return ("rego.toml", RawFile::default());
    };
    problems.extend(all.map(|second| Problem::TwoSettings {
        file: second.name().to_owned(),
        other: file.name().to_owned(),
    }));
    let raw = warden_sdk::data::parse(file).unwrap_or_else(|error| {
        problems.push(Problem::from(error));
        RawFile::default()
    });
    (file.name(), raw)
}

/// Every module and every data document.
fn engine(files: &[File], problems: &mut Vec<Problem>) -> Engine {
    let mut engine = Engine::new();
    // An error of a function is an error of the answer, not an undefined value.
    engine.set_strict_builtin_errors(true);
    let literal = engine.add_extension("warden.literal".to_owned(), 1, Box::new(literal));
    let contains = engine.add_extension("net.cidr_contains".to_owned(), 2, Box::new(contains));
    let added = literal.and(contains);
    problems.extend(added.err().map(|error| Problem::Rego(told(&error))));
    let mut any = false;
    for file in files {
        let kind = file.extension();
        if !matches!(kind, Some("rego" | "json")) {
            continue;
        }
        let text = match file.as_str() {
            Ok(text) => text,
            Err(error) => {
                problems.push(Problem::from(error));
                continue;
            }
        };
        if kind == Some("rego") {
            any = true;
            let added = engine.add_policy(file.name().to_owned(), text.to_owned());
            problems.extend(added.err().map(|error| Problem::Rego(told(&error))));
            continue;
        }
        let added = Value::from_json_str(text).and_then(|document| engine.add_data(document));
        problems.extend(added.err().map(|error| Problem::Document {
            file: file.name().to_owned(),
            said: told(&error),
        }));
    }
    if !any {
        problems.push(Problem::NoModules);
    }
    engine
}

/// The function `warden.literal`: a text as the part of a pattern that matches just it.
fn literal(values: Vec<Value>) -> anyhow::Result<Value> {
    let [value] = values.as_slice() else {
        anyhow::bail!("takes one text");
    };
    let pattern = Pattern::literal(value.as_string()?)?;
    Ok(Value::from(pattern.as_str()))
}

/// The function `net.cidr_contains`: does an address lie in a network? The Unix socket
/// lies in none.
fn contains(values: Vec<Value>) -> anyhow::Result<Value> {
    let [network, address] = values.as_slice() else {
        anyhow::bail!("takes a network and an address");
    };
    let network = Network::parse(network.as_string()?)?;
    let Some(address) = Address::parse(address.as_string()?) else {
        anyhow::bail!("takes an address: 192.0.2.7, 2001:db8::7 or unix");
    };
    Ok(Value::from(network.contains(address)))
}

/// Is it the path of a rule: `data.PACKAGE.RULE`?
fn is_query(text: &str) -> bool {
    let word = |part: &str| {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let more = |c: char| c.is_ascii_alphanumeric() || c == '_';
        part.starts_with(first) && part.chars().all(more)
    };
    let rest = text.strip_prefix("data.");
    text.len() <= 512 && rest.is_some_and(|rest| rest.contains('.') && rest.split('.').all(word))
}

#[cfg(test)]
mod tests;
