//! JSON objects read strictly.
//!
//! In come bytes of a token or a key set; out goes an object in which no member
//! name occurs twice at any depth, or whether bytes look like an object at all. Parsers that disagree about which of two equal
//! names counts have let attackers show one value to the check and another to
//! the use (RFC 8725 §2.4).

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects: bounds the stack a token can use.
const MAX_DEPTH: usize = 32;

/// Parses one object; nothing but white space may follow it.
///
/// # Errors
/// The reason in words, without any of the content.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match value(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err("not an object".to_owned()),
    }
}

/// Parses one value; nothing but white space may follow it.
///
/// # Errors
/// The reason in words, without any of the content.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, String> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value))
        .map_err(|error| error.to_string())
}

/// A value at a depth.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.deeper()?)?;
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a member name is given twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// Whether these bytes are a JSON object with a member of this name. It makes nothing of what is
/// passed by, and is as content with one that is given twice: for looking at the shape of
/// something, not for believing it.
pub(crate) fn has_member(bytes: &[u8], name: &str) -> bool {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let found = parser.deserialize_map(Search(name));
    found.is_ok_and(|found| found && parser.end().is_ok())
}

/// A walk over an object that looks for a name.
struct Search<'n>(&'n str);

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(is_it) = members.next_key_seed(Is(self.0))? {
            found |= is_it;
            members.next_value::<IgnoredAny>()?;
        }
        Ok(found)
    }
}

/// Whether a name is this one.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_name_given_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"exp":1,"exp":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
            r#"{"exp":1,"\u0065xp":2}"#,
        ] {
            assert!(
                object(text.as_bytes()).unwrap_err().contains("twice"),
                "{text}"
            );
        }
    }

    #[test]
    fn only_one_whole_object_is_accepted() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{}{}",
            "{} x",
            "{,}",
            "{'a':1}",
            r#"{"a":NaN}"#,
            r#"{"a":1e400}"#,
        ] {
            assert!(object(text.as_bytes()).is_err(), "{text}");
        }
        assert!(object(b"\xff{}").is_err());
        assert!(object(b" {} \n").is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested =
            |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(31).as_bytes()).is_ok());
        assert!(object(nested(33).as_bytes()).unwrap_err().contains("deep"));
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_member_is_found_in_a_whole_object_alone() {
        for text in [
            r#"{"alg":"none"}"#,
            r#"{"typ":"JWT","alg":1}"#,
            r#"{"alg":"x","alg":"y"}"#,
            r#" {"\u0061lg":{"a":[1]}} "#,
        ] {
            assert!(has_member(text.as_bytes(), "alg"), "{text}");
        }
        for text in [
            "",
            "{}",
            "[]",
            r#""alg""#,
            r#"["alg"]"#,
            r#"{"a":{"alg":1}}"#,
            r#"{"alg":"x""#,
            r#"{"alg":"x"}x"#,
            r#"{"alg"}"#,
        ] {
            assert!(!has_member(text.as_bytes(), "alg"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = object(&bytes);
            let _ = has_member(&bytes, "alg");
        }

        #[test]
        fn what_is_read_strictly_has_the_members_that_it_seems_to_have(names in proptest::collection::btree_set("[a-c\"]{0,2}", 0..4)) {
            let members: Map<String, Value> = names.iter().map(|name| (name.clone(), Value::Null)).collect();
            let text = Value::Object(members).to_string();
            let object = object(text.as_bytes()).unwrap();
            for name in ["", "a", "\"", "ab"] {
                prop_assert_eq!(has_member(text.as_bytes(), name), object.contains_key(name));
            }
        }
    }
}
