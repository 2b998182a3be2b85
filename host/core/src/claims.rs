//! What is known of a principal beside its name, in little room.
//!
//! In: the claims of a token, the parts of a certificate, attributes of a directory, as a
//! map. Out: the same, or one of them. They are kept as one JSON text: a hundred thousand
//! remembered credentials have a hundred thousand of these, and a map of values takes five
//! times as much. Reading one claim walks over the text and allocates nothing before it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Claims by name. Equal where their names and values are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// A JSON object, its names sorted; empty where there is no claim.
    text: Box<str>,
}

impl Claims {
    /// These claims.
    pub fn new(claims: &Map<String, Value>) -> Self {
        if claims.is_empty() {
            return Self::default();
        }
        // INVARIANT: a map of JSON values always has a JSON text.
        let text = serde_json::to_string(claims).unwrap_or_default();
        Self { text: text.into() }
    }

    /// All of them as a JSON object.
    pub fn as_json(&self) -> &str {
        if self.text.is_empty() {
            "{}"
        } else {
            &self.text
        }
    }

    /// All of them as they were given.
    pub fn to_map(&self) -> Map<String, Value> {
        // INVARIANT: the text was made of such a map.
        serde_json::from_str(self.as_json()).unwrap_or_default()
    }

    /// One of them as JSON.
    pub fn json_of(&self, name: &str) -> Option<&str> {
        let mut reader = serde_json::Deserializer::from_str(self.as_json());
        // The error is that of a walk that has found what it looked for.
        let mut found = None;
        let _ = reader.deserialize_map(Search {
            name,
            found: &mut found,
        });
        found
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.json_of(name)
            .and_then(|json| serde_json::from_str(json).ok())
    }

    /// One of them that is a text.
    pub fn text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        let json = self.json_of(name)?;
        let plain: Result<&str, _> = serde_json::from_str(json);
        plain
            .map(Cow::Borrowed)
            .or_else(|_| serde_json::from_str(json).map(Cow::Owned))
            .ok()
    }

    /// What a JSON Pointer (RFC 6901) that begins with `/` leads to, as JSON.
    ///
    /// ```
    /// use serde_json::{Value, json};
    /// use warden_core::Claims;
    ///
    /// let Value::Object(map) = json!({ "realm": { "roles": ["a", "b"] }, "sub": "alice" }) else {
    ///     panic!("an object");
    /// };
    /// let claims = Claims::new(&map);
    /// assert_eq!(claims.at("/sub").as_deref(), Some("\"alice\""));
    /// assert_eq!(claims.at("/realm/roles/1").as_deref(), Some("\"b\""));
    /// assert_eq!(claims.at("/realm/name"), None);
    /// ```
    pub fn at(&self, pointer: &str) -> Option<String> {
        let path = pointer.strip_prefix('/')?;
        let claim = self.json_of(&pointer_steps(pointer).next()?)?;
        let Some(rest) = path.find('/').and_then(|end| path.get(end..)) else {
            return Some(claim.to_owned());
        };
        let claim: Value = serde_json::from_str(claim).ok()?;
        claim.pointer(rest).map(Value::to_string)
    }
}

/// The names that a JSON Pointer (RFC 6901) leads through.
pub fn pointer_steps(pointer: &str) -> impl Iterator<Item = String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// A walk over an object that ends with the value of one name.
struct Search<'n, 'f, 'a> {
    name: &'n str,
    found: &'f mut Option<&'a str>,
}

impl<'a> Visitor<'a> for Search<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_it) = map.next_key_seed(Is(self.name))? {
            if is_it {
                let value: &RawValue = map.next_value()?;
                *self.found = Some(value.get());
                return Err(A::Error::custom("found"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Whether a name is this one.
struct Is<'n>(&'n str);

impl<'a> DeserializeSeed<'a> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        match value {
            Value::Object(map) => Claims::new(&map),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn without_any_there_is_an_empty_object() {
        let none = Claims::new(&Map::new());
        assert_eq!(none, Claims::default());
        assert_eq!(none.as_json(), "{}");
        assert_eq!(none.to_map(), Map::new());
        assert_eq!(none.at("/sub"), None);
    }

    #[test]
    fn a_pointer_leads_through_names_that_are_escaped() {
        let claims = claims(json!({
            "a/b": { "~": [null, { "x": 1 }] }, "quote\"d": true, "": "empty",
        }));
        assert_eq!(claims.at("/a~1b/~0/1/x").as_deref(), Some("1"));
        assert_eq!(claims.at("/a~1b/~0/0").as_deref(), Some("null"));
        assert_eq!(claims.at("/quote\"d").as_deref(), Some("true"));
        assert_eq!(claims.at("/").as_deref(), Some("\"empty\""));
        for nowhere in ["", "a", "/a~1b/x", "/a", "//x"] {
            assert_eq!(claims.at(nowhere), None, "{nowhere:?}");
        }
    }

    #[test]
    fn a_text_is_read_with_and_without_escapes() {
        let claims = claims(json!({ "iss": "https://a", "line": "a\nb", "sub": 7 }));
        let text_of = |name| claims.text_of(name);
        assert!(matches!(text_of("iss"), Some(Cow::Borrowed("https://a"))));
        assert_eq!(text_of("line").as_deref(), Some("a\nb"));
        assert_eq!(text_of("sub"), None);
        assert_eq!(text_of("aud"), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn they_come_back_as_they_were(map in prop::collection::btree_map(any::<String>(), value(), 0..6)) {
            let map: Map<String, Value> = map.into_iter().collect();
            let claims = Claims::new(&map);
            prop_assert_eq!(&claims.to_map(), &map);
            for (name, value) in &map {
                let found = claims.get(name);
                prop_assert_eq!(found.as_ref(), Some(value));
            }
            prop_assert_eq!(claims.get("a name that nobody has"), None);
        }
    }
}
