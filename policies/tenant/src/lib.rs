//! A claim bounds keys and channels to a tenant's own.
//!
//! In: `tenant.toml`, a principal, and the one claim that the data names. Out: one restriction, or a refusal of who names none, and no opinion
//! about those the data does not concern. It never grants anything.
//!
//! ```toml
//! claim = "/tenant"
//! keys = ["~{tenant}:*", "%R~shared:*"]
//! channels = ["&{tenant}.*"]
//! exempt = ["group:corp/operators"]
//! ```
//!
//! - `keys` and `channels` are bounds as ACL rules: an exact name, or a literal
//!   beginning and `*`. `{tenant}` stands for the claim's value. An empty list
//!   admits nothing.
//! - A value is literal text whatever it holds, and refused where it holds the
//!   character that stands behind `{tenant}`: what two tenants may reach never
//!   meets, except what is written without a placeholder, for all of them.
//! - Functions belong to no tenant and run with their caller's rights: who is
//!   bounded may call them, and may not load, replace or delete any.
//! - A claim that is a list of strings is several tenants: their bounds add up.
//! - `applies_to` names whom it concerns (default: everybody), `exempt` whom it
//!   does not. Names are exact and carry the authenticator's id.
//!
//! Whoever is concerned and has no usable claim is refused, and whatever is in
//! doubt in the data refuses the data as a whole.

#![forbid(unsafe_code)]

mod bound;
mod data;
mod error;

use warden_sdk::{AclRule, File, Member, Policy, Reads, Request, Restriction, Verdict, policy};

use crate::bound::{Bound, overlap};
use crate::error::Unusable;

/// What changes the code that other tenants run with their own rights.
const SHARED_CODE: [&str; 4] = [
    "-function|delete",
    "-function|flush",
    "-function|load",
    "-function|restore",
];

/// The policy: whom it concerns, where the tenant is named, and the bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    claim: String,
    keys: Vec<Bound>,
    channels: Vec<Bound>,
    applies_to: Option<Vec<Member>>,
    exempt: Vec<Member>,
}

#[policy(
    name = "tenant",
    summary = "A claim bounds keys and channels to a tenant's own.",
    schema = "schema.json"
)]
impl Policy for Tenant {
    fn configure(files: &[File]) -> Result<Self, String> {
        data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        if !self.concerns(request) {
            return Verdict::new();
        }
        self.bound(request).unwrap_or_else(|unusable| {
            let internal = format!("claim {:?} {unusable}", self.claim);
            Verdict::new()
                .deny(unusable.public())
                .deny_internally(internal)
        })
    }

    fn reads(&self) -> Option<Reads> {
        Some(Reads::nothing().claim(&self.claim))
    }
}

impl Tenant {
    /// Is this principal one of those that are bounded?
    fn concerns(&self, request: &Request) -> bool {
        let named = |members: &[Member]| members.iter().any(|m| m.is(request.principal()));
        self.applies_to.as_deref().is_none_or(named) && !named(&self.exempt)
    }

    /// The bounds of all tenants the claim names, together.
    ///
    /// # Errors
    /// One value that cannot be used, and there are no bounds at all.
    fn bound(&self, request: &Request) -> Result<Verdict, Unusable> {
        let tenants = request.claim_names(&self.claim)?;
        // INVARIANT: both bounds are present, also where nothing is in them.
        let mut restriction = Restriction::parse(SHARED_CODE)?.no_keys().no_channels();
        let shared: Vec<AclRule> = self
            .bounds()
            .filter(|bound| !bound.names_tenant())
            .map(|bound| bound.fill(""))
            .collect::<Result<_, _>>()?;
        for tenant in &tenants {
            for rule in self.rules_of(tenant)? {
                if shared.iter().any(|shared| overlap(shared, &rule)) {
                    return Err(Unusable::Shared);
                }
                restriction = restriction.and(rule)?;
            }
        }
        for rule in shared {
            restriction = restriction.and(rule)?;
        }
        let verdict = Verdict::new().restrict(restriction);
        Ok(tenants
            .into_iter()
            .fold(verdict, |verdict, tenant| verdict.label("tenant", tenant)))
    }

    /// What is one tenant's own.
    ///
    /// # Errors
    /// When its name cannot stand in a rule or would run into what follows it.
    fn rules_of(&self, tenant: &str) -> Result<Vec<AclRule>, Unusable> {
        let mut separators = self.bounds().flat_map(Bound::separators);
        if let Some(separator) = separators.find(|separator| tenant.contains(*separator)) {
            return Err(Unusable::Separator { separator });
        }
        self.bounds()
            .filter(|bound| bound.names_tenant())
            .map(|bound| bound.fill(tenant))
            .collect()
    }

    fn bounds(&self) -> impl Iterator<Item = &Bound> {
        self.keys.iter().chain(&self.channels)
    }
}
