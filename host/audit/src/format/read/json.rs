//! A line of JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use super::{Fields, Unreadable, Value, read, unescape};
use crate::format::{ECS_FIELDS, Field, Item, Kind};

/// The members of an object, in their order, those that are there twice too.
struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Reads a line of JSON. What only JSON has ([`ECS_FIELDS`]) is not among its fields.
///
/// # Errors
/// When it is not one.
pub fn json(line: &[u8]) -> Result<Fields, Unreadable> {
    let wrong = |error: serde_json::Error| Unreadable::syntax("JSON", &error.to_string());
    let Members(members) = serde_json::from_slice(line).map_err(wrong)?;
    let mut fields = Fields::default();
    for (name, value) in members {
        if ECS_FIELDS.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let field = Field::json_named(&name);
        let value = match (field.map_or(Kind::Bytes, Field::kind), &value) {
            (Kind::Argument, Json::String(text)) => read(text).map(Value::Item),
            (Kind::List, Json::Array(items)) => list(items).map(Value::Items),
            (Kind::Argument | Kind::List, _) => None,
            (_, Json::String(text)) => unescape(text).map(Value::Bytes),
            (_, Json::Number(_) | Json::Bool(_)) => {
                Some(Value::Bytes(value.to_string().into_bytes()))
            }
            _ => None,
        };
        let Some(value) = value else {
            return Err(Unreadable::value(&name));
        };
        let name = field.map_or(Cow::Owned(name), |field| Cow::Borrowed(field.name()));
        fields.put(name, value)?;
    }
    Ok(fields)
}

fn list(items: &[Json]) -> Option<Vec<Item>> {
    let items = items.iter().map(|item| read(item.as_str()?));
    items.collect()
}
