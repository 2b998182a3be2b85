//! Who a principal is to Cedar.
//!
//! In: `[principal]` and `[context]` of the mapping, later a request. Out: an entity with
//! its parents and attributes, the values of the context, and what of a request they are
//! made of.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Entity, EntityTypeName, EntityUid, RestrictedExpression};
use serde::Deserialize;
use serde_json::Value;
use warden_sdk::data::{ListError, list};
use warden_sdk::{Reads, Request, is_authenticator_id};

use crate::error::{Fault, Refusal};
use crate::source::{RawSource, Source, claim, entity, entity_type, short, value_of};

/// Attributes of a principal, or of the context.
const MAX_ATTRIBUTES: usize = 64;
/// Sources of parents.
const MAX_PARENTS: usize = 32;

/// The shape of `[principal]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrincipal {
    #[serde(rename = "type")]
    ty: String,
    authenticator: Option<String>,
    #[serde(default)]
    parents: Vec<RawParent>,
    #[serde(default)]
    attributes: BTreeMap<String, RawSource>,
}

/// The shape of one entry of `parents`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParent {
    from: Option<String>,
    claim: Option<String>,
    entity: String,
}

/// A checked mapping.
#[derive(Debug)]
pub(crate) struct Mapping {
    ty: EntityTypeName,
    authenticator: Option<String>,
    parents: Vec<Parent>,
    attributes: Vec<(String, Source)>,
    context: Vec<(String, Source)>,
}

/// Entities of one type that a principal is in.
#[derive(Debug)]
struct Parent {
    of: Of,
    ty: EntityTypeName,
}

#[derive(Debug)]
enum Of {
    Groups,
    Scopes,
    Claim(String),
}

/// Attributes and parents of an entity.
pub(crate) type Known = (HashMap<String, RestrictedExpression>, HashSet<EntityUid>);

/// What static entities say of those who may log in.
pub(crate) type Statics = HashMap<EntityUid, Known>;

impl Mapping {
    /// Checks a mapping; adds a fault for each mistake, with its key.
    pub(crate) fn check(
        principal: &RawPrincipal,
        context: &BTreeMap<String, RawSource>,
        faults: &mut Vec<(String, Fault)>,
    ) -> Option<Self> {
        let mut refuse = |key: &str, fault| faults.push((key.to_owned(), fault));
        let ty = entity_type(&principal.ty);
        let ty = ty.map_err(|fault| refuse("principal.type", fault)).ok();
        let authenticator = principal.authenticator.clone();
        if let Some(text) = authenticator
            .as_ref()
            .filter(|text| !is_authenticator_id(text))
        {
            let text = text.clone();
            refuse("principal.authenticator", Fault::Authenticator { text });
        }
        let key = "principal.parents";
        let parents = list(&principal.parents, key, MAX_PARENTS, parent, faults);
        claims_are_no_groups(&principal.parents, &parents, faults);
        let attributes = sources(&principal.attributes, "principal.attributes", faults);
        let context = sources(context, "context", faults);
        Some(Self {
            ty: ty?,
            authenticator,
            parents,
            attributes,
            context,
        })
    }

    /// The type of principals.
    pub(crate) fn ty(&self) -> &EntityTypeName {
        &self.ty
    }

    /// Is there such a value in the context?
    pub(crate) fn has_context(&self, name: &str) -> bool {
        self.context.iter().any(|(known, _)| known == name)
    }

    /// Is Cedar to be asked about this principal?
    pub(crate) fn concerns(&self, request: &Request) -> bool {
        let id = request.principal().authenticator();
        self.authenticator.as_deref().is_none_or(|own| own == id)
    }

    /// What it reads of a request.
    pub(crate) fn reads(&self) -> Reads {
        let sources = self.attributes.iter().chain(&self.context);
        let reads = sources.fold(Reads::nothing(), |reads, (_, source)| source.reads(reads));
        let claims = self.parents.iter().filter_map(|parent| match &parent.of {
            Of::Claim(pointer) => Some(pointer),
            Of::Groups | Of::Scopes => None,
        });
        claims.fold(reads, Reads::claim)
    }

    /// The principal of a request. What static entities say of it, is added: its parents
    /// are those of both, and of an attribute that both have the request's counts.
    ///
    /// # Errors
    /// When a claim is of another type than the mapping says, or one is missing.
    pub(crate) fn principal(
        &self,
        request: &Request,
        statics: &Statics,
    ) -> Result<Entity, Refusal> {
        let bare = self.is_bare();
        let user_name = request.principal().user_name();
        let uid = entity(&self.ty, short(request, &user_name, bare));
        let (mut attributes, mut parents) = statics.get(&uid).cloned().unwrap_or_default();
        for (name, source) in &self.attributes {
            if let Some(value) = source.value(request, bare)? {
                attributes.insert(name.clone(), value);
            }
        }
        for parent in &self.parents {
            let ids = parent.ids(request, bare)?;
            parents.extend(ids.iter().map(|id| entity(&parent.ty, id)));
        }
        Entity::new(uid, attributes, parents).map_err(|error| Refusal::cedar(&error))
    }

    /// The values of the context.
    ///
    /// # Errors
    /// As those of [`principal`](Self::principal).
    pub(crate) fn context(
        &self,
        request: &Request,
    ) -> Result<Vec<(String, RestrictedExpression)>, Refusal> {
        let mut values = Vec::with_capacity(self.context.len());
        for (name, source) in &self.context {
            if let Some(value) = source.value(request, self.is_bare())? {
                values.push((name.clone(), value));
            }
        }
        Ok(values)
    }

    /// Somebody with everything the mapping can give, to try it with a schema.
    pub(crate) fn sample(&self) -> Result<Entity, Refusal> {
        let attributes = samples(&self.attributes).collect();
        let parents = self.parents.iter().map(|parent| entity(&parent.ty, "x"));
        Entity::new(entity(&self.ty, "x"), attributes, parents.collect())
            .map_err(|error| Refusal::cedar(&error))
    }

    /// The same of the context.
    pub(crate) fn sample_context(&self) -> Vec<(String, RestrictedExpression)> {
        samples(&self.context).collect()
    }

    fn is_bare(&self) -> bool {
        self.authenticator.is_some()
    }
}

impl Of {
    fn is_claim(&self) -> bool {
        matches!(self, Self::Claim(_))
    }
}

impl Parent {
    fn ids(&self, request: &Request, bare: bool) -> Result<Vec<String>, Refusal> {
        let names = |names: &[String]| {
            let names = names.iter().map(|name| short(request, name, bare));
            names.map(str::to_owned).collect()
        };
        let pointer = match &self.of {
            Of::Groups => return Ok(names(request.principal().groups())),
            Of::Scopes => return Ok(names(request.principal().scopes())),
            Of::Claim(pointer) => pointer,
        };
        let ids = match value_of(request, pointer)? {
            None => Some(Vec::new()),
            Some(Value::String(id)) => Some(vec![id]),
            Some(Value::Array(ids)) => ids
                .into_iter()
                .map(|id| match id {
                    Value::String(id) => Some(id),
                    _ => None,
                })
                .collect(),
            Some(_) => None,
        };
        ids.ok_or_else(|| Refusal::Kind {
            claim: pointer.clone(),
            kind: "String or Set<String>".to_owned(),
        })
    }
}

fn parent(raw: &RawParent) -> Result<Parent, Fault> {
    let of = match (raw.from.as_deref(), &raw.claim) {
        (Some("groups"), None) => Of::Groups,
        (Some("scopes"), None) => Of::Scopes,
        (Some(text), None) => {
            return Err(Fault::ParentSource {
                text: text.to_owned(),
            });
        }
        (None, Some(pointer)) => Of::Claim(claim(pointer)?),
        _ => return Err(Fault::OneSource),
    };
    let ty = entity_type(&raw.entity)?;
    Ok(Parent { of, ty })
}

/// Adds a fault for each claim whose entities are of the type that groups or scopes have:
/// those an authenticator vouches for, and a claim that says `corp/admins` would be one.
fn claims_are_no_groups(raw: &[RawParent], parents: &[Parent], faults: &mut Vec<(String, Fault)>) {
    // Where a parent was refused the lists no longer run side by side.
    if raw.len() != parents.len() {
        return;
    }
    let vouched = |ty: &EntityTypeName| {
        let mut groups = parents.iter().filter(|parent| !parent.of.is_claim());
        groups.any(|parent| parent.ty == *ty)
    };
    for (index, (raw, parent)) in raw.iter().zip(parents).enumerate() {
        if parent.of.is_claim() && vouched(&parent.ty) {
            let text = raw.entity.clone();
            faults.push((
                format!("principal.parents[{index}].entity"),
                Fault::VouchedType { text },
            ));
        }
    }
}

fn sources(
    raw: &BTreeMap<String, RawSource>,
    key: &str,
    faults: &mut Vec<(String, Fault)>,
) -> Vec<(String, Source)> {
    if raw.len() > MAX_ATTRIBUTES {
        let most = MAX_ATTRIBUTES;
        faults.push((key.to_owned(), ListError::TooMany { most }.into()));
    }
    let mut sources = Vec::with_capacity(raw.len());
    for (name, raw) in raw {
        match Source::check(raw) {
            Ok(source) => sources.push((name.clone(), source)),
            Err(fault) => faults.push((format!("{key}.{}", name.escape_debug()), fault)),
        }
    }
    sources
}

fn samples(sources: &[(String, Source)]) -> impl Iterator<Item = (String, RestrictedExpression)> {
    sources
        .iter()
        .map(|(name, source)| (name.clone(), source.sample()))
}
