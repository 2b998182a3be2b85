//! From claims to a name, groups and scopes.
//!
//! In come verified claims; out go encoded, qualified names. What cannot be named
//! refuses the token: a policy may restrict by a group as well as grant by it, so
//! leaving one out is not safe.

use serde_json::Value;
use warden_core::{AuthenticatorId, PrincipalName, Reason, ReasonKind, name};
use warden_settings::quoted;

use super::selector::Selector;

/// Most groups, and most scopes, of one token. Over it the token is refused.
const MAX_NAMES: usize = 1000;

/// The principal's name: the first of the claims that is present.
///
/// # Errors
/// `ReasonKind::Claims` when none is present or it is not a string;
/// `ReasonKind::Name` when it is not a name.
pub(crate) fn principal(selectors: &[Selector], claims: &Value) -> Result<PrincipalName, Reason> {
    let (selector, value) = selectors
        .iter()
        .find_map(|selector| Some((selector, selector.find(claims)?)))
        .ok_or_else(|| {
            Reason::new(
                ReasonKind::Claims,
                "the token has no claim that names the principal",
            )
        })?;
    let Some(raw) = value.as_str() else {
        let detail = format!("the claim {} is not a string", quoted(selector.as_str()));
        return Err(Reason::new(ReasonKind::Claims, detail));
    };
    PrincipalName::new(raw).map_err(|why| {
        Reason::new(
            ReasonKind::Name,
            format!("{} cannot be a principal: {why}", quoted(raw)),
        )
    })
}

/// Groups or scopes: the union of all the claims that are present, qualified,
/// sorted, without doubles. A list gives its strings as they are; a string gives
/// its parts between separators, itself when there are none.
///
/// # Errors
/// `ReasonKind::Claims` for another type, an item that cannot be named, or more
/// than 1,000 items.
pub(crate) fn qualified(
    selectors: &[Selector],
    claims: &Value,
    separators: &[char],
    authenticator: &AuthenticatorId,
) -> Result<Vec<String>, Reason> {
    let mut all = Vec::new();
    for selector in selectors {
        let Some(value) = selector.find(claims) else {
            if is_elsewhere(selector, claims) {
                return Err(refused(
                    selector,
                    "is left out of the token because there are too many (group overage): name fewer at the provider",
                ));
            }
            continue;
        };
        for raw in items(value, separators)
            .ok_or_else(|| refused(selector, "is not a string or a list of strings"))?
        {
            let name = name::qualify(authenticator, raw)
                .map_err(|why| refused(selector, &format!("holds {}: {why}", quoted(raw))))?;
            all.push(name);
        }
        if all.len() > MAX_NAMES {
            return Err(refused(
                selector,
                &format!("holds more than {MAX_NAMES} names"),
            ));
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn items<'a>(value: &'a Value, separators: &[char]) -> Option<Vec<&'a str>> {
    match value {
        Value::String(text) => Some(
            text.split(separators)
                .filter(|part| !part.is_empty())
                .collect(),
        ),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a claim that is not in the token is said to be somewhere else: a distributed or
/// aggregated claim (OpenID Connect Core §5.6.2), as Entra ID sends for more than 200
/// groups, or its `hasgroups`. A policy may restrict by a group, so absence is not safe.
fn is_elsewhere(selector: &Selector, claims: &Value) -> bool {
    let Selector::Member(name) = selector else {
        return false;
    };
    let named = claims
        .get("_claim_names")
        .is_some_and(|names| names.get(name).is_some());
    let flagged = name == "groups"
        && claims
            .get("hasgroups")
            .is_some_and(|has| *has != Value::Bool(false));
    named || flagged
}

fn refused(selector: &Selector, what: &str) -> Reason {
    Reason::new(
        ReasonKind::Claims,
        format!("the claim {} {what}", quoted(selector.as_str())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn selectors(names: &[&str]) -> Vec<Selector> {
        names
            .iter()
            .map(|name| Selector::parse(name).unwrap())
            .collect()
    }

    fn groups(claims: &Value) -> Result<Vec<String>, Reason> {
        let id = AuthenticatorId::new("corp").unwrap();
        qualified(
            &selectors(&["groups", "/realm/roles"]),
            claims,
            &[' ', ','],
            &id,
        )
    }

    #[test]
    fn groups_come_from_lists_and_delimited_strings() {
        let claims = json!({ "groups": ["b", "a", "b", "x y"], "realm": { "roles": "r1, r2 r3" } });
        let all = [
            "corp/a",
            "corp/b",
            "corp/r1",
            "corp/r2",
            "corp/r3",
            "corp/x%20y",
        ];
        assert_eq!(groups(&claims).unwrap(), all);
        assert!(groups(&json!({})).unwrap().is_empty());
        assert!(groups(&json!({ "groups": "" })).unwrap().is_empty());
    }

    #[test]
    fn a_group_that_cannot_be_named_refuses_the_token() {
        for bad in [
            json!([""]),
            json!(["a\nb"]),
            json!(["a\u{0}"]),
            json!([1]),
            json!([["a"]]),
            json!(1),
            json!(null),
            json!({}),
            json!(true),
            json!(["x".repeat(257)]),
        ] {
            assert!(groups(&json!({ "groups": bad })).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_single_group_with_a_space_stays_whole_where_nothing_separates() {
        let id = AuthenticatorId::new("corp").unwrap();
        let claims = json!({ "groups": "Domain Users" });
        let all = qualified(&selectors(&["groups"]), &claims, &[], &id).unwrap();
        assert_eq!(all, ["corp/Domain%20Users"]);
    }

    /// Entra ID, for more than 200 groups.
    #[test]
    fn groups_that_were_left_out_of_the_token_refuse_it() {
        for overage in [
            json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": {} } }),
            json!({ "hasgroups": true }),
            json!({ "hasgroups": "true" }),
        ] {
            let reason = groups(&overage).unwrap_err();
            assert!(reason.detail().contains("group overage"), "{reason}");
        }
        assert!(groups(&json!({ "hasgroups": false })).unwrap().is_empty());
        assert!(
            groups(&json!({ "_claim_names": { "other": "x" } }))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn more_than_a_thousand_groups_are_refused_rather_than_cut() {
        let many = |count: usize| json!({ "groups": (0..count).map(|n| n.to_string()).collect::<Vec<_>>() });
        assert_eq!(groups(&many(1000)).unwrap().len(), 1000);
        assert!(groups(&many(1001)).is_err());
    }

    #[test]
    fn the_first_claim_present_names_the_principal() {
        let named = |claims: &Value| principal(&selectors(&["upn", "sub"]), claims);
        assert_eq!(named(&json!({ "sub": "s" })).unwrap().as_str(), "s");
        assert_eq!(
            named(&json!({ "sub": "s", "upn": "u" })).unwrap().as_str(),
            "u"
        );
        assert_eq!(named(&json!({})).unwrap_err().kind(), ReasonKind::Claims);
        for wrong in [json!(1), json!(null), json!(["u"]), json!({})] {
            let refused = named(&json!({ "sub": "s", "upn": wrong })).unwrap_err();
            assert_eq!(
                refused.kind(),
                ReasonKind::Claims,
                "no falling through a wrong type"
            );
        }
        for bad in ["", "default", "token", "certificate", "a\u{0}b", "a\nb"] {
            assert_eq!(
                named(&json!({ "sub": bad })).unwrap_err().kind(),
                ReasonKind::Name,
                "{bad:?}"
            );
        }
    }
}
