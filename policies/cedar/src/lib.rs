//! What Cedar policies allow on key spaces, as ACL rules.
//!
//! In: `*.cedar` policies, perhaps a `*.cedarschema` and static entities in `*.json`, and
//! one `*.toml` file that says who a principal is to Cedar and what is to be asked; then
//! a principal with the claims and facts which that file names. Out: for each key space
//! a grant of what Cedar allows there, and no opinion where it allows nothing. It never
//! restricts; it refuses where Cedar could not decide.
//!
//! ```toml
//! [principal]
//! type = "Photos::User"
//! parents = [{ from = "groups", entity = "Photos::Team" }]
//!
//! [spaces.vacation]
//! resource = 'Photos::Album::"vacation"'
//! rules = ["~album:vacation:*"]
//!
//! [actions.view]
//! action = 'Photos::Action::"view"'
//! rules = ["+@read"]
//! ```
//!
//! - Each action is asked about each of its spaces, as `is_authorized` of Cedar. What is
//!   allowed on one space never crosses with what is allowed on another.
//! - A schema makes the policies be validated in Cedar's strict mode, and every entity and
//!   request checked, when the data is read as far as that can be.
//! - A policy that fails while it is evaluated refuses the log-in. Cedar would skip it,
//!   and to skip a `forbid` widens.
//! - It reads of a request what the mapping names, and nothing else.
//!
//! Whatever is in doubt in the data refuses the data as a whole.

#![forbid(unsafe_code)]

mod cedar;
mod data;
mod error;
mod mapping;
mod place;
mod questions;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Context, Decision, Effect, PolicyId, Request as CedarRequest};
use warden_sdk::bounds::{MAX_LABEL_BYTES, MAX_LABELS};
use warden_sdk::{File, Policy, Reads, Request, Verdict, policy};

use crate::cedar::Policies;
use crate::error::Refusal;
use crate::mapping::Mapping;
use crate::questions::{Action, Questions, Space, grants};

/// The policy: Cedar's own part, who a principal is to it, and what it is asked.
#[derive(Debug)]
pub struct Cedar {
    policies: Policies,
    mapping: Mapping,
    questions: Questions,
}

#[policy(
    name = "cedar",
    summary = "What Cedar policies allow on key spaces, as rules.",
    schema = "schema.json"
)]
impl Policy for Cedar {
    fn configure(files: &[File]) -> Result<Self, String> {
        data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        if !self.mapping.concerns(request) {
            return Verdict::new();
        }
        self.decide(request)
            .unwrap_or_else(|refusal| Verdict::new().deny_internally(refusal.to_string()))
    }

    fn reads(&self) -> Option<Reads> {
        Some(self.mapping.reads())
    }

    fn labels(&self) -> Vec<(String, String)> {
        let policies = self.policies.set().policies();
        policies
            .map(|policy| (key(policy.effect()).to_owned(), policy.id().to_string()))
            .collect()
    }
}

/// What Cedar answered: on which space which actions, and by which policies.
#[derive(Default)]
struct Answers<'a> {
    allowed: BTreeMap<&'a str, (&'a Space, Vec<&'a Action>)>,
    permits: BTreeSet<String>,
    forbids: BTreeSet<String>,
}

impl Cedar {
    /// # Errors
    /// When Cedar cannot be asked or cannot decide, or allows more than can be granted.
    fn decide(&self, request: &Request) -> Result<Verdict, Refusal> {
        let principal = self.mapping.principal(request, self.policies.statics())?;
        let uid = principal.uid();
        let schema = self.policies.schema();
        let entities = self.policies.entities().clone();
        let entities = entities
            .upsert_entities([principal], schema)
            .map_err(|error| Refusal::cedar(&error))?;
        let context = self.mapping.context(request)?;
        let authorizer = Authorizer::new();
        let mut answers = Answers::default();
        for action in self.questions.actions() {
            let context = Context::from_pairs(action.context_of(&context))
                .map_err(|error| Refusal::cedar(&error))?;
            for (space, policies) in action.asked() {
                let asked = CedarRequest::new(
                    uid.clone(),
                    action.uid().clone(),
                    space.resource().clone(),
                    context.clone(),
                    schema,
                )
                .map_err(|error| Refusal::cedar(&error))?;
                let answer = authorizer.is_authorized(&asked, policies, &entities);
                if let Some(error) = answer.diagnostics().errors().next() {
                    return Err(Refusal::cedar(error));
                }
                let decided = answer.diagnostics().reason().map(PolicyId::to_string);
                match answer.decision() {
                    Decision::Allow => {
                        answers.permits.extend(decided);
                        let on = answers.allowed.entry(space.name());
                        on.or_insert((space, Vec::new())).1.push(action);
                    }
                    Decision::Deny => answers.forbids.extend(decided),
                }
            }
        }
        answers.verdict()
    }
}

impl Answers<'_> {
    fn verdict(self) -> Result<Verdict, Refusal> {
        let granted = grants(self.allowed.into_values())?;
        let verdict = granted.into_iter().fold(Verdict::new(), Verdict::grant);
        let decided = [
            (Effect::Permit, self.permits),
            (Effect::Forbid, self.forbids),
        ];
        let decided = decided.into_iter().filter(|(_, ids)| !ids.is_empty());
        Ok(decided.fold(verdict, |verdict, (effect, ids)| {
            named(verdict, key(effect), &ids)
        }))
    }
}

/// The key of the label that names policies of this effect.
fn key(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permits",
        Effect::Forbid => "forbids",
    }
}

/// The policies' ids for log and audit; only their number where they do not fit into the half
/// of the labels that is theirs.
fn named(verdict: Verdict, key: &str, ids: &BTreeSet<String>) -> Verdict {
    let before = verdict.labels().len();
    let listed = verdict.clone().label_list(key, ids);
    let fit = ids.iter().all(|id| id.len() <= MAX_LABEL_BYTES);
    if fit && listed.labels().len() <= before + MAX_LABELS / 2 {
        return listed;
    }
    verdict.label(key, format!("{} policies", ids.len()))
}

#[cfg(test)]
mod tests;
