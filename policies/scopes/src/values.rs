//! What stands for the places of a rule.
//!
//! In: templates and a request. Out: every rule they make, one for each combination of
//! values, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use warden_sdk::bounds::MAX_GRANT_RULES;
use warden_sdk::{
    AclRule, ClaimError, FillError, Pattern, PatternTemplate, PlaceValue, Request, Template,
};

/// The place of a scope's own pattern.
pub(crate) const PATTERN: &str = "pattern";
/// The place of the principal's name.
pub(crate) const USER: &str = "user";
/// The place of the authenticator's id.
pub(crate) const AUTHENTICATOR: &str = "authenticator";

/// Why places cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfilled {
    #[error("the claim for {{{place}}} {error}")]
    Claim { place: String, error: ClaimError },
    #[error(transparent)]
    Fill(#[from] FillError),
    #[error("its values make more than {MAX_GRANT_RULES} rules")]
    TooMany,
}

impl Unfilled {
    /// Is it that the token lacks a claim?
    pub(crate) fn is_missing(&self) -> bool {
        let missing = ClaimError::Missing;
        matches!(self, Self::Claim { error, .. } if *error == missing)
    }
}

/// One value for each place.
type Combination<'v> = BTreeMap<&'v str, PlaceValue<'v>>;

/// Every value of each place.
#[derive(Debug)]
pub(crate) struct Values<'r> {
    texts: BTreeMap<&'r str, BTreeSet<String>>,
}

impl<'r> Values<'r> {
    /// The values of these places, [`PATTERN`] apart; `claims` says where they stand.
    ///
    /// # Errors
    /// When a claim is missing or cannot be used.
    pub(crate) fn of(
        places: impl Iterator<Item = &'r str>,
        claims: &BTreeMap<String, String>,
        request: &Request,
    ) -> Result<Self, Unfilled> {
        let mut texts = BTreeMap::new();
        for place in places.filter(|place| *place != PATTERN) {
            let principal = request.principal();
            let names = match place {
                USER => Ok([principal.name().to_owned()].into()),
                AUTHENTICATOR => Ok([principal.authenticator().to_owned()].into()),
                claim => match claims.get(claim) {
                    Some(pointer) => request.claim_names(pointer),
                    None => Err(ClaimError::Missing),
                },
            };
            let place_of = |error| Unfilled::Claim {
                place: place.to_owned(),
                error,
            };
            texts.insert(place, names.map_err(place_of)?);
        }
        Ok(Self { texts })
    }

    /// Every rule that a template makes of them and of these patterns.
    ///
    /// # Errors
    /// When a value cannot stand in the rule, or there would be too many.
    pub(crate) fn rules(
        &self,
        template: &Template,
        patterns: &[Pattern],
    ) -> Result<BTreeSet<AclRule>, Unfilled> {
        let combinations = self.combinations(template.places(), patterns)?;
        let rule = |values: &Combination<'_>| Ok(template.fill(|p| values.get(p).copied())?);
        combinations.iter().map(rule).collect()
    }

    /// Every pattern that a template makes of them.
    ///
    /// # Errors
    /// As [`Self::rules`].
    pub(crate) fn patterns(
        &self,
        template: &PatternTemplate,
    ) -> Result<BTreeSet<Pattern>, Unfilled> {
        let combinations = self.combinations(template.places(), &[])?;
        let pattern = |values: &Combination<'_>| Ok(template.fill(|p| values.get(p).copied())?);
        combinations.iter().map(pattern).collect()
    }

    fn combinations<'v>(
        &'v self,
        places: impl Iterator<Item = &'v str>,
        patterns: &'v [Pattern],
    ) -> Result<Vec<Combination<'v>>, Unfilled> {
        let mut combinations = vec![Combination::new()];
        for place in places.collect::<BTreeSet<_>>() {
            let texts = self.texts.get(place).into_iter().flatten();
            let values: Vec<PlaceValue<'_>> = if place == PATTERN {
                patterns.iter().map(PlaceValue::from).collect()
            } else {
                texts.map(|text| PlaceValue::from(text.as_str())).collect()
            };
            if combinations.len().saturating_mul(values.len()) > MAX_GRANT_RULES {
                return Err(Unfilled::TooMany);
            }
            combinations = combinations
                .iter()
                .flat_map(|sofar| {
                    values.iter().map(|value| {
                        let mut one = sofar.clone();
                        one.insert(place, *value);
                        one
                    })
                })
                .collect();
        }
        Ok(combinations)
    }
}
