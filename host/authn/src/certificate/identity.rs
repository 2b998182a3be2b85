//! From a certificate's values to a name and groups.
//!
//! In come rules and values; out go a principal's name with what was captured, and
//! qualified groups. A doubt refuses the certificate: a certificate that no rule
//! knows is nobody, never the default user.

use serde_json::{Map, Value};
use warden_core::{AuthenticatorId, PrincipalName, Reason, ReasonKind, name};
use warden_settings::quoted;

use super::rule::{Mapped, Rule};
use super::values::{Values, refused};

/// Most groups of one certificate. Over it the certificate is refused.
const MAX_GROUPS: usize = 1000;

/// The principal's name and what was captured, by the first rule of which a value
/// matches.
///
/// # Errors
/// `ReasonKind::Credential` when no rule matches, a rule matches several different
/// values, or what a rule looks at is in doubt; `ReasonKind::Name` when the name
/// is refused. No later rule is tried then.
pub(crate) fn principal(
    rules: &[Rule],
    values: &Values,
) -> Result<(PrincipalName, Map<String, Value>), Reason> {
    for rule in rules {
        let mut matched = matches(rule, values)?;
        let Some(mapped) = matched.pop() else {
            continue;
        };
        if !matched.is_empty() {
            return Err(refused(&format!(
                "several of its {} names match one rule",
                rule.source.as_str()
            )));
        }
        let name = PrincipalName::new(&mapped.name).map_err(|why| {
            let detail = format!("{} cannot be a principal: {why}", quoted(&mapped.name));
            Reason::new(ReasonKind::Name, detail)
        })?;
        return Ok((name, mapped.captures));
    }
    Err(refused("no rule of identity gives it a name"))
}

/// Groups: what all the rules make of all the values, qualified, sorted, without
/// doubles.
///
/// # Errors
/// As [`principal`], and `ReasonKind::Claims` for a group that cannot be named or
/// more than 1,000 of them. Leaving one out would not be safe: a policy may restrict
/// by a group as well as grant by it.
pub(crate) fn groups(
    rules: &[Rule],
    values: &Values,
    authenticator: &AuthenticatorId,
) -> Result<Vec<String>, Reason> {
    let claims = |detail| Reason::new(ReasonKind::Claims, detail);
    let mut groups = Vec::new();
    for rule in rules {
        for mapped in matches(rule, values)? {
            let group = name::qualify(authenticator, &mapped.name)
                .map_err(|why| claims(format!("the group {}: {why}", quoted(&mapped.name))))?;
            groups.push(group);
        }
        if groups.len() > MAX_GROUPS {
            return Err(claims(format!(
                "the certificate has more than {MAX_GROUPS} groups"
            )));
        }
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

fn matches(rule: &Rule, values: &Values) -> Result<Vec<Mapped>, Reason> {
    let mut matched = Vec::new();
    for value in values.from(rule.source)? {
        let mapped = rule
            .apply(value)
            .map_err(|why| refused(&format!("a rule for {} {why}", rule.source.as_str())))?;
        matched.extend(mapped);
    }
    Ok(matched)
}
