//! Cedar's own part of the data: policies, schema and static entities.
//!
//! In: texts with the names of their files. Out: a set of policies whose ids say where
//! they come from, validated where there is a schema, and the entities they may refer to;
//! or every problem with its place.

use cedar_policy::{
    ActionConstraint, Entities, Entity, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    ResourceConstraint, Schema, SchemaFragment, ValidationMode, Validator,
};
use warden_sdk::File;

use crate::error::Problem;
use crate::mapping::{Known, Statics};
use crate::place::{Place, told};

/// Policies of one bundle: bounds what a log-in costs.
pub(crate) const MAX_POLICIES: usize = 1000;
/// Entities of one bundle: they are looked through at every log-in.
pub(crate) const MAX_ENTITIES: usize = 1000;
/// Longest id of a policy.
const MAX_ID_BYTES: usize = 128;

/// What Cedar decides by.
#[derive(Debug)]
pub(crate) struct Policies {
    set: PolicySet,
    schema: Option<Schema>,
    entities: Entities,
    statics: Statics,
}

impl Policies {
    /// Reads everything that is Cedar's in these files; adds a problem for each mistake.
    /// Principals are of type `ty`.
    pub(crate) fn read(
        files: &[File],
        ty: Option<&EntityTypeName>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let before = problems.len();
        let schema = schema(files, problems);
        let (set, texts) = policies(files, problems);
        if let Some(schema) = &schema {
            validate(schema, &set, &texts, problems);
        }
        let entities = entities(files, schema.as_ref(), problems);
        if set.num_of_policies() > MAX_POLICIES {
            problems.push(Problem::TooManyPolicies);
        }
        if entities.len() > MAX_ENTITIES {
            problems.push(Problem::TooManyEntities);
        }
        let of_type = entities
            .iter()
            .filter(|entity| ty.is_some_and(|ty| entity.uid().type_name() == ty));
        let statics = of_type.filter_map(|entity| known(entity, problems));
        let statics = statics.collect();
        (problems.len() == before).then_some(Self {
            set,
            schema,
            entities,
            statics,
        })
    }

    /// The policies.
    pub(crate) fn set(&self) -> &PolicySet {
        &self.set
    }

    /// The policies that may say something about this action on this resource, whoever of
    /// type `ty` asks. Those left out have a scope that does not hold, so they would neither
    /// decide nor fail; of many policies only few are about one resource.
    pub(crate) fn about(
        &self,
        action: &EntityUid,
        resource: &EntityUid,
        ty: &EntityTypeName,
    ) -> PolicySet {
        // Whoever asks brings parents along: what lies in them is known only then.
        let is_open = |uid: &EntityUid| {
            let mut above = self.entities.ancestors(uid).into_iter().flatten();
            uid.type_name() == ty || above.any(|above| above.type_name() == ty)
        };
        let within = |uid: &EntityUid, of: &EntityUid| {
            uid == of || is_open(uid) || self.entities.is_ancestor_of(of, uid)
        };
        let may_be = |policy: &&Policy| {
            let acted = match policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(uid) => uid == *action,
                ActionConstraint::In(uids) => uids.iter().any(|uid| within(action, uid)),
            };
            acted
                && match policy.resource_constraint() {
                    ResourceConstraint::Any => true,
                    ResourceConstraint::Eq(uid) => uid == *resource,
                    ResourceConstraint::In(uid) => within(resource, &uid),
                    ResourceConstraint::Is(ty) => *resource.type_name() == ty,
                    ResourceConstraint::IsIn(ty, uid) => {
                        *resource.type_name() == ty && within(resource, &uid)
                    }
                }
        };
        let policies = self.set.policies().filter(may_be).cloned();
        // All of them are in one set already; were they not to go into another, that one serves.
        PolicySet::from_policies(policies).unwrap_or_else(|_| self.set.clone())
    }

    /// The schema, where there is one.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// Every static entity, and every action of the schema.
    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// What they say of those who may log in.
    pub(crate) fn statics(&self) -> &Statics {
        &self.statics
    }
}

/// Files of one extension with their text; adds a problem for each that is none.
fn texts<'a>(
    files: &'a [File],
    extension: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(&'a str, &'a str)> {
    let files = files
        .iter()
        .filter(|file| file.extension() == Some(extension));
    let mut texts = Vec::new();
    for file in files {
        match file.as_str() {
            Ok(text) => texts.push((file.name(), text)),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    texts
}

fn schema(files: &[File], problems: &mut Vec<Problem>) -> Option<Schema> {
    let texts = texts(files, "cedarschema", problems);
    let mut fragments = Vec::with_capacity(texts.len());
    for (name, text) in &texts {
        match SchemaFragment::from_cedarschema_str(text) {
            // A warning is about a name that hides another: allowed, and Cedar's to tell.
            Ok((fragment, _warnings)) => fragments.push(fragment),
            Err(error) => problems.push(Problem::cedar(name, text, &error)),
        }
    }
    if fragments.is_empty() || fragments.len() < texts.len() {
        return None;
    }
    let schema = Schema::from_schema_fragments(fragments);
    let whole = texts.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let refused = |error| match texts.as_slice() {
        [(name, text)] => Problem::cedar(name, text, &error),
        _ => Problem::Refused {
            file: whole.join(", "),
            said: told(&error),
        },
    };
    schema.map_err(|error| problems.push(refused(error))).ok()
}

/// Where a policy comes from: the id, the file and its text.
type Origin<'a> = (PolicyId, &'a str, &'a str);

/// All policies, under ids that tell them apart.
fn policies<'a>(files: &'a [File], problems: &mut Vec<Problem>) -> (PolicySet, Vec<Origin<'a>>) {
    let texts = texts(files, "cedar", problems);
    if texts.is_empty() {
        problems.push(Problem::NoPolicies);
    }
    let mut all = PolicySet::new();
    let mut origins: Vec<Origin<'a>> = Vec::new();
    for (name, text) in texts {
        let read = match text.parse::<PolicySet>() {
            Ok(read) => read,
            Err(errors) => {
                problems.extend(errors.iter().map(|error| Problem::cedar(name, text, error)));
                continue;
            }
        };
        let refused = |said: String| Problem::Refused {
            file: name.to_owned(),
            said,
        };
        if read.templates().next().is_some() {
            let said = "a template: nothing links it here, write the entity for its slot";
            problems.push(refused(said.to_owned()));
        }
        if read.is_empty() {
            problems.push(refused("no policy in this file".to_owned()));
        }
        // Cedar names them policy0, policy1, … as they stand in the text.
        let mut policies: Vec<_> = read.policies().collect();
        policies.sort_by_key(|policy| ordinal(policy.id()));
        for (index, policy) in policies.into_iter().enumerate() {
            let id = match policy.annotation("id") {
                Some(id) if is_id(id) => PolicyId::new(id),
                Some(id) => {
                    problems.push(refused(format!(
                        "@id({id:?}): an id takes 1 to {MAX_ID_BYTES} bytes, no comma and no control characters"
                    )));
                    continue;
                }
                None => PolicyId::new(format!("{name}#{}", index + 1)),
            };
            if let Some((_, other, _)) = origins.iter().find(|(known, ..)| *known == id) {
                problems.push(refused(format!(
                    "a policy of id {id} stands in {other:?} already: ids tell policies apart"
                )));
                continue;
            }
            match all.add(policy.new_id(id.clone())) {
                Ok(()) => origins.push((id, name, text)),
                Err(error) => problems.push(refused(told(&error))),
            }
        }
    }
    (all, origins)
}

fn ordinal(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    let digits = id.trim_start_matches("policy");
    digits.parse().unwrap_or(usize::MAX)
}

/// Ids stand in labels, several with commas between them.
fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && !id.contains(',') && !id.contains(char::is_control)
}

/// Holds the policies against the schema, as strictly as Cedar can.
fn validate(schema: &Schema, set: &PolicySet, origins: &[Origin<'_>], problems: &mut Vec<Problem>) {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    let mut found: Vec<_> = result
        .validation_errors()
        .map(|error| {
            let origin = origins.iter().find(|(id, ..)| id == error.policy_id());
            let (file, text) = origin.map_or(("", ""), |(_, file, text)| (file, text));
            (file.to_owned(), Place::of(error, text), told(error))
        })
        .collect();
    // Cedar tells them in no order, and once for each action they are about.
    found.sort();
    found.dedup();
    let found = found.into_iter();
    problems.extend(found.map(|(file, place, said)| Problem::Cedar { file, place, said }));
}

fn entities(files: &[File], schema: Option<&Schema>, problems: &mut Vec<Problem>) -> Entities {
    let mut all = match Entities::from_entities([], schema) {
        Ok(actions) => actions,
        Err(error) => {
            problems.push(Problem::Refused {
                file: "*.cedarschema".to_owned(),
                said: told(&error),
            });
            return Entities::empty();
        }
    };
    for (name, text) in texts(files, "json", problems) {
        match all.clone().add_entities_from_json_str(text, schema) {
            Ok(more) => all = more,
            Err(error) => problems.push(Problem::Refused {
                file: name.to_owned(),
                said: told(&error),
            }),
        }
    }
    all
}

/// What a static entity says of somebody who may log in.
fn known(entity: &Entity, problems: &mut Vec<Problem>) -> Option<(EntityUid, Known)> {
    if entity.tags().next().is_some() {
        problems.push(Problem::Refused {
            file: "*.json".to_owned(),
            said: format!(
                "{} has tags: of those who log in only attributes and parents are kept",
                entity.uid()
            ),
        });
        return None;
    }
    let (uid, attributes, parents) = entity.clone().into_inner();
    Some((uid, (attributes, parents)))
}
