//! What Cedar is asked, and what is granted for its answers.
//!
//! In: `[spaces.NAME]` and `[actions.NAME]` of the mapping. Out: actions with the spaces
//! they are asked about; later, for what was allowed, one grant for each space.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cedar_policy::{EntityUid, PolicySet, RestrictedExpression};
use serde::Deserialize;
use warden_sdk::AclRule;
use warden_sdk::bounds::{MAX_ALL_RULES, MAX_GRANT_RULES, MAX_GRANTS};
use warden_sdk::data::{ListError, is_name, list};

use crate::error::{Fault, Refusal};
use crate::mapping::Mapping;

/// Spaces, and actions, of one bundle.
const MAX_NAMED: usize = 256;
/// Questions of one log-in: an action about a space. Each takes some microseconds for
/// every policy that may apply.
pub(crate) const MAX_QUESTIONS: usize = 256;
/// Rules of one list.
const MAX_RULES: usize = 100;

/// The shape of `[spaces.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSpace {
    resource: String,
    rules: Vec<String>,
}

/// The shape of `[actions.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAction {
    action: String,
    rules: Vec<String>,
    spaces: Option<Vec<String>>,
    context: Option<Vec<String>>,
}

/// A part of the server's data that is one resource to Cedar.
#[derive(Debug)]
pub(crate) struct Space {
    name: String,
    resource: EntityUid,
    rules: Vec<AclRule>,
}

/// Something that can be done, with the commands it takes.
#[derive(Debug)]
pub(crate) struct Action {
    name: String,
    uid: EntityUid,
    rules: Vec<AclRule>,
    spaces: Vec<Rc<Space>>,
    /// For each space the policies that may decide.
    policies: Vec<PolicySet>,
    /// Whether the data names the spaces; if not, they are all there are.
    named: bool,
    context: Option<BTreeSet<String>>,
}

/// Everything that is asked about one principal.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    actions: Vec<Action>,
}

impl Questions {
    /// Checks the questions; adds a fault for each mistake, with its key.
    pub(crate) fn check(
        spaces: &BTreeMap<String, RawSpace>,
        actions: &BTreeMap<String, RawAction>,
        mapping: Option<&Mapping>,
        faults: &mut Vec<(String, Fault)>,
    ) -> Self {
        for (key, length) in [("spaces", spaces.len()), ("actions", actions.len())] {
            if length > MAX_NAMED {
                let most = MAX_NAMED;
                faults.push((key.to_owned(), ListError::TooMany { most }.into()));
            }
        }
        if spaces.is_empty() || actions.is_empty() {
            faults.push(("actions".to_owned(), Fault::NothingAsked));
        }
        let checked: BTreeMap<&str, Rc<Space>> = spaces
            .iter()
            .filter_map(|(name, raw)| Some((name.as_str(), Rc::new(space(name, raw, faults)?))))
            .collect();
        let context = |name: &String| match mapping {
            Some(mapping) if !mapping.has_context(name) => {
                Err(Fault::NoContext { name: name.clone() })
            }
            _ => Ok(name.clone()),
        };
        let named = |name: &String| match checked.get(name.as_str()) {
            Some(space) => Ok(Some(Rc::clone(space))),
            // One that stands there with a fault of its own is told once.
            None if spaces.contains_key(name) => Ok(None),
            None => Err(Fault::NoSpace { name: name.clone() }),
        };
        let mut questions = Self::default();
        for (name, raw) in actions {
            let key = format!("actions.{}", name.escape_debug());
            let Some((uid, rules)) = commands(&key, name, raw, faults) else {
                continue;
            };
            let asked = match &raw.spaces {
                Some(names) if names.is_empty() => {
                    faults.push((format!("{key}.spaces"), ListError::Empty.into()));
                    Vec::new()
                }
                Some(names) => {
                    let key = format!("{key}.spaces");
                    let named = list(names, &key, MAX_NAMED, named, faults);
                    named.into_iter().flatten().collect()
                }
                None => checked.values().cloned().collect(),
            };
            let chosen = raw.context.as_deref();
            let key = format!("{key}.context");
            let chosen = chosen.map(|names| list(names, &key, MAX_NAMED, context, faults));
            questions.actions.push(Action {
                name: name.clone(),
                uid,
                rules,
                spaces: asked,
                policies: Vec::new(),
                named: raw.spaces.is_some(),
                context: chosen.map(|names| names.into_iter().collect()),
            });
        }
        let all = questions.actions.iter().map(|action| action.spaces.len());
        if all.sum::<usize>() > MAX_QUESTIONS {
            faults.push(("actions".to_owned(), Fault::TooManyQuestions));
        }
        questions
    }

    /// The actions, each with its spaces.
    pub(crate) fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Leaves out spaces that nobody named for an action and to which it does not apply.
    pub(crate) fn keep(&mut self, applies: impl Fn(&Action, &Space) -> bool) {
        for action in self.actions.iter_mut().filter(|action| !action.named) {
            let mut spaces = std::mem::take(&mut action.spaces);
            spaces.retain(|space| applies(action, space));
            action.spaces = spaces;
        }
    }
}

impl Questions {
    /// Gives each question the policies that may decide it; before that none is asked.
    pub(crate) fn distribute(&mut self, about: impl Fn(&EntityUid, &EntityUid) -> PolicySet) {
        for action in &mut self.actions {
            let policies = action.spaces.iter();
            let policies = policies.map(|space| about(&action.uid, &space.resource));
            action.policies = policies.collect();
        }
    }
}

impl Space {
    /// Its name in the mapping.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it is to Cedar.
    pub(crate) fn resource(&self) -> &EntityUid {
        &self.resource
    }
}

impl Action {
    /// Its name in the mapping.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it is to Cedar.
    pub(crate) fn uid(&self) -> &EntityUid {
        &self.uid
    }

    /// What it is asked about.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = &Space> {
        self.spaces.iter().map(|space| &**space)
    }

    /// The questions: each space, with the policies that may decide.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (&Space, &PolicySet)> {
        self.spaces().zip(&self.policies)
    }

    /// The part of the context it is asked with.
    pub(crate) fn context_of<'a>(
        &self,
        values: &'a [(String, RestrictedExpression)],
    ) -> impl Iterator<Item = (String, RestrictedExpression)> + use<'a, '_> {
        let taken = |name: &String| self.context.as_ref().is_none_or(|own| own.contains(name));
        values.iter().filter(move |(name, _)| taken(name)).cloned()
    }

    fn denies(&self) -> bool {
        self.rules.iter().any(AclRule::is_denial)
    }
}

/// The rules of what was allowed, a list for each grant.
///
/// On one space the commands of several actions are added up: keys are the same for all
/// of them, so nothing crosses that did not before. An action that takes something away
/// keeps a grant of its own, for it takes nothing from others.
///
/// # Errors
/// When it is more than the host takes.
pub(crate) fn grants<'a>(
    allowed: impl IntoIterator<Item = (&'a Space, Vec<&'a Action>)>,
) -> Result<Vec<Vec<AclRule>>, Refusal> {
    let mut grants = Vec::new();
    let mut all = 0;
    let mut granted = 0;
    for (space, actions) in allowed {
        granted += 1;
        let (alone, together): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| action.denies());
        let united: BTreeSet<&AclRule> = together.iter().flat_map(|action| &action.rules).collect();
        let united: Vec<&AclRule> = united.into_iter().collect();
        let alone = alone
            .into_iter()
            .map(|action| action.rules.iter().collect());
        for commands in alone.chain([united]).filter(|rules| !rules.is_empty()) {
            let rules: Vec<AclRule> = commands.into_iter().chain(&space.rules).cloned().collect();
            all += rules.len();
            if rules.len() > MAX_GRANT_RULES || all > MAX_ALL_RULES {
                return Err(Refusal::TooManyRules {
                    space: space.name.clone(),
                    rules: rules.len(),
                });
            }
            grants.push(rules);
        }
    }
    if grants.len() > MAX_GRANTS {
        return Err(Refusal::TooManyGrants {
            grants: grants.len(),
            spaces: granted,
        });
    }
    Ok(grants)
}

fn space(name: &str, raw: &RawSpace, faults: &mut Vec<(String, Fault)>) -> Option<Space> {
    let key = format!("spaces.{}", name.escape_debug());
    let before = faults.len();
    if !is_name(name) {
        faults.push((key.clone(), Fault::Name));
    }
    let resource = entity_uid(&raw.resource, &format!("{key}.resource"), faults);
    let key = format!("{key}.rules");
    let rules = list(&raw.rules, &key, MAX_RULES, |text| place(text), faults);
    (faults.len() == before).then_some(Space {
        name: name.to_owned(),
        resource: resource?,
        rules,
    })
}

fn commands(
    key: &str,
    name: &str,
    raw: &RawAction,
    faults: &mut Vec<(String, Fault)>,
) -> Option<(EntityUid, Vec<AclRule>)> {
    let before = faults.len();
    if !is_name(name) {
        faults.push((key.to_owned(), Fault::Name));
    }
    let uid = entity_uid(&raw.action, &format!("{key}.action"), faults);
    let key = format!("{key}.rules");
    let rules = list(&raw.rules, &key, MAX_RULES, |text| command(text), faults);
    if faults.len() == before && rules.iter().all(AclRule::is_denial) {
        faults.push((key, Fault::NothingGiven));
    }
    (faults.len() == before).then_some((uid?, rules))
}

fn entity_uid(text: &str, key: &str, faults: &mut Vec<(String, Fault)>) -> Option<EntityUid> {
    let read = text.parse::<EntityUid>();
    read.map_err(|error| {
        let text = text.to_owned();
        let said = crate::place::told(&error);
        faults.push((key.to_owned(), Fault::Entity { text, said }));
    })
    .ok()
}

fn command(text: &str) -> Result<AclRule, Fault> {
    match AclRule::parse(text)? {
        rule @ (AclRule::Category(..) | AclRule::Command(..)) => Ok(rule),
        _ => Err(Fault::NotACommand {
            text: text.to_owned(),
        }),
    }
}

fn place(text: &str) -> Result<AclRule, Fault> {
    match AclRule::parse(text)? {
        rule @ (AclRule::Keys(..) | AclRule::Channels(..) | AclRule::Databases(..)) => Ok(rule),
        _ => Err(Fault::NotAPlace {
            text: text.to_owned(),
        }),
    }
}
