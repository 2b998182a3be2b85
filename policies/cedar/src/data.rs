//! The data files.
//!
//! In: files as the host read them. Out: the checked policy, or every problem of every
//! file. Never a part of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use warden_sdk::File;

use cedar_policy::{Context, Entities, Request as CedarRequest, Schema};

use crate::Cedar;
use crate::cedar::Policies;
use crate::error::{Fault, Problem};
use crate::mapping::{Mapping, RawPrincipal};
use crate::place::told;
use crate::questions::{Action, Questions, RawAction, RawSpace, Space};
use crate::source::RawSource;

/// The shape of the mapping.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    principal: RawPrincipal,
    #[serde(default)]
    context: BTreeMap<String, RawSource>,
    #[serde(default)]
    spaces: BTreeMap<String, RawSpace>,
    #[serde(default)]
    actions: BTreeMap<String, RawAction>,
}

/// Reads all files.
///
/// # Errors
/// All problems of all files; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Cedar, Vec<Problem>> {
    let mut problems = Vec::new();
    let mapped = mapping(files, &mut problems);
    let ty = mapped.as_ref().map(|(_, mapping, _)| mapping.ty());
    let policies = Policies::read(files, ty, &mut problems);
    let (Some((file, mapping, mut questions)), Some(policies)) = (mapped, policies) else {
        return Err(problems);
    };
    if let Some(schema) = policies.schema() {
        conform(schema, &mapping, &mut questions, |key, fault| {
            problems.push(value(file, key, fault));
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    questions.distribute(|action, resource| policies.about(action, resource, mapping.ty()));
    Ok(Cedar {
        policies,
        mapping,
        questions,
    })
}

/// The one file that says who a principal is and what is asked.
fn mapping<'a>(
    files: &'a [File],
    problems: &mut Vec<Problem>,
) -> Option<(&'a str, Mapping, Questions)> {
    let mut all = warden_sdk::data::toml_files(files);
    let Some(file) = all.next() else {
        problems.push(Problem::NoMapping);
        return None;
    };
    problems.extend(all.map(|second| Problem::TwoMappings {
        file: second.name().to_owned(),
        other: file.name().to_owned(),
    }));
    let raw: RawFile = match warden_sdk::data::parse(file) {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(Problem::from(error));
            return None;
        }
    };
    let mut faults = Vec::new();
    let mapping = Mapping::check(&raw.principal, &raw.context, &mut faults);
    let questions = Questions::check(&raw.spaces, &raw.actions, mapping.as_ref(), &mut faults);
    let faults = faults.into_iter();
    problems.extend(faults.map(|(key, fault)| value(file.name(), key, fault)));
    Some((file.name(), mapping?, questions))
}

/// Holds mapping and questions against the schema: what it would refuse at every log-in,
/// it refuses now.
fn conform(
    schema: &Schema,
    mapping: &Mapping,
    questions: &mut Questions,
    mut refuse: impl FnMut(String, Fault),
) {
    let applicable: Vec<_> = schema.request_envs().collect();
    let applies = |action: &Action, space: &Space| {
        applicable.iter().any(|env| {
            env.principal() == mapping.ty()
                && env.action() == action.uid()
                && env.resource() == space.resource().type_name()
        })
    };
    questions.keep(applies);
    let sample = match mapping.sample() {
        Ok(sample) => sample,
        Err(refusal) => {
            let said = refusal.to_string();
            return refuse("principal".to_owned(), Fault::Schema { said });
        }
    };
    let principal = sample.uid();
    if let Err(error) = Entities::from_entities([sample], Some(schema)) {
        let said = told(&error);
        refuse("principal".to_owned(), Fault::Schema { said });
    }
    let context = mapping.sample_context();
    for action in questions.actions() {
        let key = format!("actions.{}", action.name());
        if action.spaces().next().is_none() {
            refuse(key.clone(), Fault::NoneApplies);
        }
        for space in action.spaces() {
            let asked = Context::from_pairs(action.context_of(&context)).map_err(|e| told(&e));
            let asked = asked.and_then(|context| {
                CedarRequest::new(
                    principal.clone(),
                    action.uid().clone(),
                    space.resource().clone(),
                    context,
                    Some(schema),
                )
                .map_err(|error| told(&error))
            });
            if let Err(said) = asked {
                refuse(key.clone(), Fault::Schema { said });
                break;
            }
        }
    }
}

fn value(file: &str, key: String, fault: Fault) -> Problem {
    Problem::Value {
        file: file.to_owned(),
        key,
        fault,
    }
}

#[cfg(test)]
mod tests;
