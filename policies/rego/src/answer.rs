//! The document as a verdict.
//!
//! In: the value of the query. Out: a verdict of parsed rules, or what about the value is
//! not of the documented shape. It is taken whole or not at all.

use std::time::Duration;

use regorus::Value;
use warden_rules::Databases;
use warden_sdk::{AclRule, Restriction, Verdict};

use crate::error::Refusal;

/// A year: longer is surely a mistake of unit.
const MAX_SESSION_SECONDS: u64 = 31_536_000;

/// What an object takes.
const PARTS: &str = "grants, restrictions, denial, session_seconds and labels";
const BOUNDS: &str = "denials, keys, channels and databases";

/// Reads a document.
///
/// # Errors
/// When a part of it is not what it must be.
pub(crate) fn verdict(document: &Value) -> Result<Verdict, Refusal> {
    match document {
        Value::Undefined => Ok(Verdict::new()),
        Value::Object(parts) => {
            let mut verdict = Verdict::new();
            for (key, part) in parts.iter() {
                verdict = self::part(verdict, key, part)?;
            }
            Ok(verdict)
        }
        _ => grants(Verdict::new(), document, "the whole"),
    }
}

fn part(verdict: Verdict, key: &Value, part: &Value) -> Result<Verdict, Refusal> {
    match text(key) {
        Some("grants") => grants(verdict, part, "grants"),
        Some("restrictions") => {
            let list = items(part, "restrictions", "a list of objects")?;
            list.enumerate().try_fold(verdict, |verdict, (n, item)| {
                Ok(verdict.restrict(restriction(item, &format!("restrictions[{n}]"))?))
            })
        }
        Some("denial") => denial(verdict, part),
        Some("session_seconds") => {
            let seconds = part.as_u64().ok();
            let seconds = seconds.filter(|n| (1..=MAX_SESSION_SECONDS).contains(n));
            seconds
                .map(|n| verdict.session_ttl(Duration::from_secs(n)))
                .ok_or_else(|| shape(part, "session_seconds", "1 to 31536000 seconds"))
        }
        Some("labels") => {
            let takes = "an object of texts";
            let Value::Object(labels) = part else {
                return Err(shape(part, "labels", takes));
            };
            labels.iter().try_fold(verdict, |verdict, (key, value)| {
                let pair = text(key).zip(text(value));
                let (key, value) = pair.ok_or_else(|| shape(value, "labels", takes))?;
                Ok(verdict.label(key, value))
            })
        }
        _ => Err(Refusal::Key {
            at: "it".to_owned(),
            key: shown(key),
            takes: PARTS,
        }),
    }
}

/// A list of rules is one grant; a list of anything else is a list of grants.
fn grants(verdict: Verdict, value: &Value, at: &str) -> Result<Verdict, Refusal> {
    let takes = "a list of rules, or a list of lists of rules or of {\"rules\": …}";
    if items(value, at, takes)?.any(|item| text(item).is_some()) {
        return Ok(verdict.grant(rules(value, at)?));
    }
    let list = items(value, at, takes)?;
    list.enumerate().try_fold(verdict, |verdict, (n, item)| {
        let at = format!("{at}[{n}]");
        let list = match item {
            Value::Object(_) => {
                let mut rules = None;
                for (key, part) in fields(item, &at, "rules", takes)? {
                    match key {
                        "rules" => rules = Some(part),
                        _ => return Err(unknown(&at, key, "rules")),
                    }
                }
                rules.ok_or_else(|| shape(item, &at, takes))?
            }
            list => list,
        };
        let rules = rules(list, &at)?;
        // A grant of nothing is nothing.
        match rules.is_empty() {
            true => Ok(verdict),
            false => Ok(verdict.grant(rules)),
        }
    })
}

fn rules(value: &Value, at: &str) -> Result<Vec<AclRule>, Refusal> {
    let takes = "a list of rules";
    let rule = |(n, item): (usize, &Value)| {
        let at = format!("{at}[{n}]");
        let text = text(item).ok_or_else(|| shape(item, &at, "a rule"))?;
        AclRule::parse(text).map_err(|error| Refusal::Rule {
            at,
            said: error.to_string(),
        })
    };
    items(value, at, takes)?.enumerate().map(rule).collect()
}

fn restriction(value: &Value, within: &str) -> Result<Restriction, Refusal> {
    let mut restriction = Restriction::new();
    let mut bounds = 0;
    for (key, part) in fields(value, within, BOUNDS, "an object")? {
        bounds += 1;
        let at = format!("{within}.{key}");
        let rules = match key {
            "databases" => databases(part, &at)?,
            "denials" | "keys" | "channels" => rules(part, &at)?,
            _ => return Err(unknown(within, key, BOUNDS)),
        };
        let kind = |rule: &AclRule| match rule {
            AclRule::Keys(..) => "keys",
            AclRule::Channels(..) => "channels",
            AclRule::Databases(..) => "databases",
            AclRule::Category(..) | AclRule::Command(..) => "denials",
        };
        // A bound with nothing in it is a bound too: none at all.
        restriction = match key {
            "keys" => restriction.no_keys(),
            "channels" => restriction.no_channels(),
            "databases" if rules.is_empty() => {
                return Err(shape(part, &at, "at least one number"));
            }
            _ => restriction,
        };
        for rule in rules {
            let said = || format!("{:?} is not of these", rule.to_string());
            let other = kind(&rule) != key;
            let refused = |said: String| Refusal::Rule {
                at: at.clone(),
                said,
            };
            if other {
                return Err(refused(said()));
            }
            restriction = restriction
                .and(rule)
                .map_err(|error| refused(error.to_string()))?;
        }
    }
    match bounds {
        0 => Err(shape(value, within, BOUNDS)),
        _ => Ok(restriction),
    }
}

fn databases(value: &Value, at: &str) -> Result<Vec<AclRule>, Refusal> {
    let takes = "a list of numbers of databases";
    let database = |item: &Value| {
        let number = item.as_u32().ok();
        let only = number.and_then(|number| Databases::only([number]));
        only.map(AclRule::Databases)
            .ok_or_else(|| shape(item, at, takes))
    };
    items(value, at, takes)?.map(database).collect()
}

fn denial(verdict: Verdict, value: &Value) -> Result<Verdict, Refusal> {
    let takes = "a text, or an object of public and internal";
    if let Some(public) = text(value) {
        return Ok(verdict.deny(public));
    }
    let mut denied = verdict;
    let mut texts = 0;
    for (key, part) in fields(value, "denial", "public and internal", takes)? {
        let said = text(part).ok_or_else(|| shape(part, &format!("denial.{key}"), "a text"))?;
        denied = match key {
            "public" => denied.deny(said),
            "internal" => denied.deny_internally(said),
            _ => return Err(unknown("denial", key, "public and internal")),
        };
        texts += 1;
    }
    match texts {
        0 => Err(shape(value, "denial", takes)),
        _ => Ok(denied),
    }
}

/// The elements of a list or a set.
fn items<'a>(
    value: &'a Value,
    at: &str,
    takes: &'static str,
) -> Result<Box<dyn Iterator<Item = &'a Value> + 'a>, Refusal> {
    match value {
        Value::Array(items) => Ok(Box::new(items.iter())),
        Value::Set(items) => Ok(Box::new(items.iter())),
        _ => Err(shape(value, at, takes)),
    }
}

/// The fields of an object whose keys are texts.
fn fields<'a>(
    value: &'a Value,
    at: &str,
    keys: &'static str,
    takes: &'static str,
) -> Result<Vec<(&'a str, &'a Value)>, Refusal> {
    let Value::Object(object) = value else {
        return Err(shape(value, at, takes));
    };
    let field = |(key, part): (&'a Value, &'a Value)| match text(key) {
        Some(key) => Ok((key, part)),
        None => Err(unknown(at, &shown(key), keys)),
    };
    object.iter().map(field).collect()
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        _ => kind(value).to_owned(),
    }
}

fn unknown(at: &str, key: &str, takes: &'static str) -> Refusal {
    Refusal::Key {
        at: at.to_owned(),
        key: key.to_owned(),
        takes,
    }
}

fn shape(value: &Value, at: &str, takes: &'static str) -> Refusal {
    Refusal::Shape {
        at: at.to_owned(),
        found: kind(value),
        takes,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Set(_) => "a set",
        Value::Object(_) => "an object",
        Value::Undefined => "undefined",
    }
}

#[cfg(test)]
mod tests;
