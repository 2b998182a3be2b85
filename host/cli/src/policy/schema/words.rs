//! What a schema's refusal says, in an author's words.
//!
//! In: an error of the library. Out: the path of the value, what is wrong with it and
//! what is accepted: names that are known, or the `description` of that part of the schema.

use boon::{ErrorKind, Type, Types, ValidationError};
use serde_json::Value;

use super::Schema;
use super::document::Step;

/// The most alternatives and known keys a message lists.
const MAX_LISTED: usize = 20;

/// One mistake.
pub(super) struct Leaf {
    pub(super) path: Vec<Step>,
    pub(super) says: String,
}

/// Whether an error only holds those that say something.
pub(super) fn is_frame(kind: &ErrorKind<'_, '_>) -> bool {
    matches!(
        kind,
        ErrorKind::Group
            | ErrorKind::Schema { .. }
            | ErrorKind::Reference { .. }
            | ErrorKind::AllOf
            | ErrorKind::ContentSchema
    )
}

/// What it says, one mistake for each key it is about.
pub(super) fn told(error: &ValidationError<'_, '_>, schema: &Schema) -> Vec<Leaf> {
    let part = schema.part(error.schema_url);
    let tokens = error.instance_location.tokens.iter();
    let path: Vec<Step> = tokens.map(Step::from).collect();
    let one = |says: String| {
        let says = match describes(part) {
            Some(description) => format!("{says}; it is: {description}"),
            None => says,
        };
        vec![Leaf {
            path: path.clone(),
            says,
        }]
    };
    match &error.kind {
        ErrorKind::AdditionalProperties { got } => {
            let known = known(part);
            let keys = got.iter().map(|key| Leaf {
                path: [path.as_slice(), &[Step::Key(key.clone().into_owned())]].concat(),
                says: format!("is unknown{known}"),
            });
            keys.collect()
        }
        ErrorKind::Required { want } => {
            let missing = want.iter().map(|key| {
                let property = part.and_then(|part| part.get("properties")?.get(key));
                let is = describes(property).map_or(String::new(), |is| format!("; it is: {is}"));
                Leaf {
                    path: path.clone(),
                    says: format!("lacks {key:?}{is}"),
                }
            });
            missing.collect()
        }
        ErrorKind::PropertyName { prop } => {
            let causes = alternatives(error, schema);
            one(format!("the key {prop:?} {}", causes.join(", ")))
        }
        // Where the schema says what it wants, that is told; otherwise each alternative.
        ErrorKind::AnyOf | ErrorKind::OneOf(None) if describes(part).is_some() => {
            one("is none of what is accepted".to_owned())
        }
        ErrorKind::AnyOf | ErrorKind::OneOf(None) => one(alternatives(error, schema).join(", or ")),
        kind => one(alone(kind)),
    }
}

/// The first thing each cause says.
fn alternatives(error: &ValidationError<'_, '_>, schema: &Schema) -> Vec<String> {
    let causes = error.causes.iter().take(MAX_LISTED);
    let mut said: Vec<String> = causes
        .filter_map(|cause| {
            let mut leaves = Vec::new();
            schema.gather(cause, &mut leaves);
            leaves.into_iter().next().map(|leaf| leaf.says)
        })
        .collect();
    said.dedup();
    said
}

/// A mistake that is not about other keys, nor about other mistakes.
fn alone(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Type { got, want } => format!("is {}, not {}", noun(*got), nouns(*want)),
        ErrorKind::Enum { want } => {
            let values: Vec<String> = want.iter().take(MAX_LISTED).map(Value::to_string).collect();
            format!("must be one of {}", values.join(", "))
        }
        ErrorKind::Const { want } => format!("must be {want}"),
        ErrorKind::FalseSchema => "is not accepted".to_owned(),
        ErrorKind::Not => "is just what is not accepted".to_owned(),
        ErrorKind::Pattern { got, want } => format!("{got:?} does not match {want:?}"),
        ErrorKind::Format { got, want, .. } => format!("{got} is no {want}"),
        ErrorKind::Minimum { got, want } => format!("{got} is less than {want}"),
        ErrorKind::Maximum { got, want } => format!("{got} is more than {want}"),
        ErrorKind::MinLength { got, want } => format!("has {got} characters, at least {want}"),
        ErrorKind::MaxLength { got, want } => format!("has {got} characters, at most {want}"),
        ErrorKind::MinItems { got, want } => format!("holds {got}, at least {want}"),
        ErrorKind::MaxItems { got, want } => format!("holds {got}, at most {want}"),
        ErrorKind::MinProperties { got, want } => format!("has {got} keys, at least {want}"),
        ErrorKind::MaxProperties { got, want } => format!("has {got} keys, at most {want}"),
        ErrorKind::UniqueItems { got: [one, other] } => {
            format!("holds the same at [{one}] and [{other}]")
        }
        ErrorKind::OneOf(Some(_)) => "is two of what is accepted, and may be one".to_owned(),
        other => other.to_string(),
    }
}

/// What a part of the schema says about itself.
fn describes(part: Option<&Value>) -> Option<&str> {
    let part = part?;
    let text = part.get("description").or_else(|| part.get("title"))?;
    text.as_str().filter(|text| !text.is_empty())
}

/// The keys a table takes.
fn known(part: Option<&Value>) -> String {
    let named = part.and_then(|part| part.get("properties")?.as_object());
    let patterns = part.and_then(|part| part.get("patternProperties")?.as_object());
    let named = named.into_iter().flatten().map(|(key, _)| key.clone());
    let patterns = patterns.into_iter().flatten();
    let patterns = patterns.map(|(pattern, _)| format!("keys like {pattern:?}"));
    let known: Vec<String> = named.chain(patterns).take(MAX_LISTED).collect();
    match known.is_empty() {
        true => String::new(),
        false => format!("; known are {}", known.join(", ")),
    }
}

/// The words of TOML.
fn noun(of: Type) -> &'static str {
    match of {
        Type::Null => "nothing",
        Type::Boolean => "a boolean",
        Type::Number => "a number",
        Type::Integer => "an integer",
        Type::String => "text",
        Type::Array => "a list",
        Type::Object => "a table",
    }
}

fn nouns(of: Types) -> String {
    let nouns: Vec<&str> = of.iter().map(noun).collect();
    nouns.join(" or ")
}
