//! Properties as one object of the asked shape.
//!
//! In: names with JSON texts. Out: what serde makes of them, and for a value that does
//! not fit the name it stands under.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use warden_guest::one_line;

use crate::{Error, Property};

/// Reads all properties.
///
/// # Errors
/// The first that is at fault.
pub(crate) fn read<T: DeserializeOwned>(properties: &[Property]) -> Result<T, Error> {
    T::deserialize(Object(properties)).map_err(|fault| match fault.name {
        Some(name) => Error::Property {
            name,
            detail: fault.detail,
        },
        None => Error::Properties {
            detail: fault.detail,
        },
    })
}

/// What serde reports, and about which property.
#[derive(Debug)]
struct Fault {
    name: Option<String>,
    detail: String,
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            name: None,
            detail: one_line(&message.to_string()),
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// All properties: a map, whatever is asked for.
struct Object<'a>(&'a [Property]);

impl<'de> Deserializer<'de> for Object<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries {
            rest: self.0,
            value: None,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

/// Those not yet read, and the one whose name was.
struct Entries<'a> {
    rest: &'a [Property],
    value: Option<&'a Property>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        self.value = Some(first);
        seed.deserialize(StrDeserializer::new(&first.name))
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let property = self.value.take();
        let property = property.ok_or_else(|| de::Error::custom("a value without a name"))?;
        value(seed, &property.json).map_err(|error| Fault {
            name: Some(property.name.clone()),
            detail: one_line(&unplaced(&error)),
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// One value. Nothing may stand behind it.
fn value<'de, S: DeserializeSeed<'de>>(seed: S, json: &str) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_reader(json.as_bytes());
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The words without the place: the operator did not write this JSON.
fn unplaced(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use crate::Properties;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        realm: String,
        limits: Option<Limits>,
        #[serde(default)]
        tenants: Vec<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        calls: u32,
    }

    fn error(properties: &Properties) -> String {
        properties.parse::<Settings>().unwrap_err().to_string()
    }

    #[test]
    fn every_property_arrives_in_its_shape() {
        let properties = Properties::new()
            .with("tenants", vec!["a", "b"])
            .with("limits", json!({"calls": 3}))
            .with("realm", "say \"hi\"");
        assert_eq!(
            properties.parse(),
            Ok(Settings {
                realm: "say \"hi\"".into(),
                limits: Some(Limits { calls: 3 }),
                tenants: vec!["a".into(), "b".into()],
            })
        );
        let all: BTreeMap<String, Value> = properties.parse().unwrap();
        assert_eq!(all["limits"], json!({"calls": 3}));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn an_error_names_the_property() {
        let realm = || Properties::new().with("realm", "eu");
        assert_eq!(
            error(&realm().with("limits", json!({"calls": -1}))),
            r#"property "limits": invalid value: integer `-1`, expected u32"#
        );
        assert_eq!(
            error(&realm().with("limits", json!({"call": 1}))),
            r#"property "limits": unknown field `call`, expected `calls`"#
        );
        assert_eq!(
            error(&Properties::new().with("realm", 1)),
            r#"property "realm": invalid type: integer `1`, expected a string"#
        );
    }

    #[test]
    fn a_missing_or_unknown_property_is_an_error() {
        let properties = Properties::new();
        assert_eq!(error(&properties), "properties: missing field `realm`");
        let properties = properties.with("re\talm", 1);
        assert_eq!(
            error(&properties),
            "properties: unknown field `re\u{fffd}alm`, expected one of `realm`, `limits`, `tenants`"
        );
    }

    #[test]
    fn text_that_is_not_json_is_no_property() {
        for json in ["", "{", "\"eu\" 1", "nul"] {
            let mut properties = Properties::new().with("realm", "eu");
            properties.values[0].json = json.to_owned();
            assert!(
                error(&properties).starts_with("property \"realm\": "),
                "{json}"
            );
        }
    }
}
