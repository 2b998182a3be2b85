//! What is known of a principal beside its name, in little room.
//!
//! In: the claims of a token, the parts of a certificate, attributes of a directory, as a
//! map. Out: the same, or one of them. They are kept as one JSON text: a hundred thousand
//! remembered credentials have a hundred thousand of these, and a map of values takes five
//! times as much. Reading claims is a walk over the text that makes nothing of what is passed by.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Room for claims as they are written down: those of most tokens take less.
const USUAL_BYTES: usize = 1024;

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
        let mut json = Vec::with_capacity(USUAL_BYTES);
        // INVARIANT: a map of JSON values always has a JSON text, and that is UTF-8.
        let written = serde_json::to_writer(&mut json, claims).ok();
        let text = written.and_then(|()| String::from_utf8(json).ok());
        Self {
            text: text.unwrap_or_default().into(),
        }
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

    /// One of them.
    pub fn get(&self, name: &str) -> Option<Value> {
        member(self.as_json(), name).and_then(|json| serde_json::from_str(json).ok())
    }

    /// One of them that is a text.
    pub fn text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        let json = member(self.as_json(), name)?;
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
    /// assert_eq!(claims.at("/sub"), Some("\"alice\""));
    /// assert_eq!(claims.at("/realm/roles/1"), Some("\"b\""));
    /// assert_eq!(claims.at("/realm/name"), None);
    /// ```
    pub fn at(&self, pointer: &str) -> Option<&str> {
        self.at_each([pointer]).pop()?
    }

    /// The same of several, in their order: one walk over all claims, and for each pointer
    /// that leads further one over the claim it leads into.
    pub fn at_each<'a, 'p>(
        &'a self,
        pointers: impl IntoIterator<Item = &'p str>,
    ) -> Vec<Option<&'a str>> {
        let paths = pointers
            .into_iter()
            .map(|pointer| pointer_steps(pointer).collect());
        let paths: Vec<Vec<String>> = paths.collect();
        if paths.is_empty() {
            return Vec::new();
        }
        let names = paths.iter().filter_map(|path| path.first());
        let claims = members(self.as_json(), names);
        let lead = |path: &Vec<String>| {
            let (name, rest) = path.split_first()?;
            let claim = claims.get(name.as_str()).copied()??;
            rest.iter().try_fold(claim, |json, step| inner(json, step))
        };
        paths.iter().map(lead).collect()
    }
}

/// The names that a JSON Pointer (RFC 6901) leads through.
pub fn pointer_steps(pointer: &str) -> impl Iterator<Item = String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// What one step of a JSON Pointer leads to.
fn inner<'a>(json: &'a str, step: &str) -> Option<&'a str> {
    if json.starts_with('[') {
        let is_number = step == "0" || !step.starts_with(['0', '+']);
        let place: usize = step.parse().ok().filter(|_| is_number)?;
        let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        return elements.get(place).map(|element| element.get());
    }
    member(json, step)
}

/// The value of one name of an object.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    members(json, [name]).into_values().next()?
}

/// The values of these names of an object.
fn members<'a, 'n>(
    json: &'a str,
    names: impl IntoIterator<Item = &'n (impl AsRef<str> + ?Sized + 'n)>,
) -> BTreeMap<&'n str, Option<&'a str>> {
    let names = names.into_iter().map(|name| (name.as_ref(), None));
    let mut wanted = names.collect();
    // What is no object has no names.
    let _ = serde_json::Deserializer::from_str(json).deserialize_map(Walk(&mut wanted));
    wanted
}

/// A walk over an object that takes what is wanted of it.
struct Walk<'w, 'n, 'a>(&'w mut BTreeMap<&'n str, Option<&'a str>>);

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(PlaceOf(&mut *self.0))? {
            match place {
                Some(place) => *place = Some(map.next_value::<&RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Where the value of a name belongs; nowhere if it is not wanted.
struct PlaceOf<'w, 'n, 'a>(&'w mut BTreeMap<&'n str, Option<&'a str>>);

impl<'w, 'a, 'd> DeserializeSeed<'d> for PlaceOf<'w, '_, 'a> {
    type Value = Option<&'w mut Option<&'a str>>;

    fn deserialize<D: Deserializer<'d>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'w, 'a> Visitor<'_> for PlaceOf<'w, '_, 'a> {
    type Value = Option<&'w mut Option<&'a str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get_mut(name))
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
        assert_eq!(claims.at("/a~1b/~0/1/x"), Some("1"));
        assert_eq!(claims.at("/a~1b/~0/0"), Some("null"));
        assert_eq!(claims.at("/quote\"d"), Some("true"));
        assert_eq!(claims.at("/"), Some("\"empty\""));
        for nowhere in [
            "",
            "a",
            "/a~1b/x",
            "/a",
            "//x",
            "/a~1b/~0/00",
            "/a~1b/~0/+1",
            "/a~1b/~0/2",
        ] {
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
            any::<f64>().prop_map(Value::from),
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
