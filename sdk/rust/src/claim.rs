//! A claim of the principal, found by JSON Pointer (RFC 6901).
//!
//! The accessors answer `None` alike for a claim that is absent and for one of
//! another type. That is right where a claim *gives* rights. Where its absence
//! would widen them ("unless suspended"), ask [`Request::claim_json`] or
//! [`Request::claim_value`] and refuse what you do not understand.

use crate::Request;

/// One claim as the host gave it: where it was found and its JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(crate) pointer: String,
    pub(crate) json: String,
}

impl Claim {
    /// A claim for a native test, by its JSON text: `Claim::new("/department", r#""sales""#)`.
    pub fn new(pointer: impl Into<String>, json: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            json: json.into(),
        }
    }

    /// A claim for a native test, by its value: `Claim::of("/department", "sales")`.
    #[cfg(feature = "json")]
    pub fn of(pointer: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        Self::new(pointer, value.into().to_string())
    }

    /// The pointer that was asked for; empty when all claims were.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The value as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// Longest pointer to a claim, in bytes, that the host takes.
const MAX_POINTER_BYTES: usize = 512;

/// Is this a JSON Pointer (RFC 6901) to one claim? For policies whose data names claims:
/// what is none would be no claim of anybody's.
///
/// ```
/// use warden_sdk::is_claim_pointer;
/// assert!(is_claim_pointer("/org/unit"));
/// assert!(is_claim_pointer("/https:~1~1example.com~1tenant"));
/// assert!(!is_claim_pointer("tenant"));
/// assert!(!is_claim_pointer(""), "that is every claim");
/// ```
pub fn is_claim_pointer(text: &str) -> bool {
    let mut parts = text.split('~');
    parts.next().is_some_and(|first| first.starts_with('/'))
        && text.len() <= MAX_POINTER_BYTES
        && !text.contains(char::is_control)
        && parts.all(|part| part.starts_with(['0', '1']))
}

impl Request {
    /// The JSON text of a claim that `#[policy]` names with exactly this pointer.
    pub fn claim_json(&self, pointer: &str) -> Option<&str> {
        self.claims
            .iter()
            .find(|claim| claim.pointer == pointer)
            .map(Claim::json)
    }
}

#[cfg(feature = "json")]
impl Request {
    /// A claim's value, also from inside a claim that was asked for.
    ///
    /// ```
    /// use warden_sdk::{Claim, Principal, Request};
    /// let alice = Request::new(Principal::new("corp", "alice"));
    /// let request = alice.with_claim(Claim::new("/org", r#"{"unit": ["eu", "sales"]}"#));
    /// assert_eq!(request.claim_value("/org/unit/1").unwrap(), "sales");
    /// assert_eq!(request.claim_value("/organisation"), None);
    /// ```
    pub fn claim_value(&self, pointer: &str) -> Option<serde_json::Value> {
        self.claim_inside(pointer)?.ok()?
    }

    /// The same, with what keeps it from being read: `None` where no claim that was asked for
    /// holds it, an error where that one is not JSON.
    pub(crate) fn claim_inside(
        &self,
        pointer: &str,
    ) -> Option<Result<Option<serde_json::Value>, serde_json::Error>> {
        let (claim, rest) = self.claims.iter().find_map(|claim| {
            let rest = pointer.strip_prefix(claim.pointer.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((claim, rest))
        })?;
        let value = serde_json::from_str::<serde_json::Value>(&claim.json);
        Some(value.map(|mut value| value.pointer_mut(rest).map(serde_json::Value::take)))
    }

    /// A claim that is a string.
    pub fn claim_str(&self, pointer: &str) -> Option<String> {
        match self.claim_value(pointer)? {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A claim that is a list of strings; a single string is a list of one.
    ///
    /// One element of another type and the whole is `None`.
    ///
    /// ```
    /// use warden_sdk::{Claim, Principal, Request};
    /// let alice = Request::new(Principal::new("corp", "alice"));
    /// let request = alice.with_claim(Claim::new("/teams", r#"["red", "blue"]"#));
    /// assert_eq!(request.claim_strings("/teams").unwrap(), ["red", "blue"]);
    /// ```
    pub fn claim_strings(&self, pointer: &str) -> Option<Vec<String>> {
        let text = |value| match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        };
        match self.claim_value(pointer)? {
            serde_json::Value::Array(values) => values.into_iter().map(text).collect(),
            single => text(single).map(|text| vec![text]),
        }
    }

    /// A claim that is a boolean.
    pub fn claim_bool(&self, pointer: &str) -> Option<bool> {
        self.claim_value(pointer)?.as_bool()
    }

    /// A claim that is a whole number.
    pub fn claim_i64(&self, pointer: &str) -> Option<i64> {
        self.claim_value(pointer)?.as_i64()
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;
    use crate::Principal;

    fn request(claims: &[(&str, &str)]) -> Request {
        let request = Request::new(Principal::new("corp", "alice"));
        claims.iter().fold(request, |r, (pointer, json)| {
            r.with_claim(Claim::new(*pointer, *json))
        })
    }

    #[test]
    fn every_claim_is_reached_by_its_pointer() {
        let all = request(&[("", r#"{"a/b": 1, "m~n": true, "org": {"unit": "eu"}}"#)]);
        assert_eq!(all.claim_i64("/a~1b"), Some(1));
        assert_eq!(all.claim_bool("/m~0n"), Some(true));
        assert_eq!(all.claim_str("/org/unit").as_deref(), Some("eu"));
        assert_eq!(all.claim_value("").unwrap()["org"]["unit"], "eu");
        assert_eq!(all.claim_value("/none"), None);
    }

    #[test]
    fn a_claim_of_another_type_is_not_converted() {
        let request = request(&[
            ("/n", "1"),
            ("/s", r#""1""#),
            ("/f", "1.5"),
            ("/null", "null"),
        ]);
        assert_eq!(request.claim_str("/n"), None);
        assert_eq!(request.claim_i64("/s"), None);
        assert_eq!(request.claim_i64("/f"), None);
        assert_eq!(request.claim_bool("/n"), None);
        assert_eq!(request.claim_str("/null"), None);
        assert_eq!(request.claim_json("/null"), Some("null"));
    }

    #[test]
    fn a_list_with_one_wrong_element_is_no_list() {
        let request = request(&[("/a", r#"["x", 1]"#), ("/b", "[]"), ("/c", r#""x""#)]);
        assert_eq!(request.claim_strings("/a"), None);
        assert_eq!(request.claim_strings("/b"), Some(vec![]));
        assert_eq!(request.claim_strings("/c"), Some(vec!["x".to_owned()]));
    }

    #[test]
    fn text_that_is_not_json_is_no_claim() {
        assert_eq!(request(&[("/a", "{")]).claim_value("/a"), None);
    }

    #[test]
    fn a_pointer_ends_at_a_step() {
        assert_eq!(
            request(&[("/dep", r#""x""#)]).claim_str("/department"),
            None
        );
    }
}
