//! The names a claim holds, for the places of a [`Template`](crate::Template).
//!
//! In: a claim. Out: at least one name, or why there is none. A name is the outside
//! world's text: its length is bounded here, its characters where it is put into a rule.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Request;

/// Names of one claim: bounds what one session's rules cost the server.
pub const MAX_NAMES: usize = 32;
/// Longest name of a claim, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Why a claim gives no names. Never holds the value: it is the user's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The token has no such claim.
    #[error("is missing")]
    Missing,
    /// It is of another type, or one of its elements is.
    #[error("is neither a string, nor a whole number, nor a list of them")]
    Kind,
    /// It holds nothing, or one of its elements does.
    #[error("is empty")]
    Empty,
    /// It holds more than [`MAX_NAMES`].
    #[error("holds more than {MAX_NAMES} values")]
    TooMany,
    /// It holds one of more than [`MAX_NAME_BYTES`].
    #[error("holds a value of more than {MAX_NAME_BYTES} bytes")]
    TooLong,
}

impl Request {
    /// The names in a claim: a string, a whole number, or a list of them. All of it can be
    /// used, or nothing. Also from inside a claim that was asked for.
    ///
    /// ```
    /// use warden_sdk::{Claim, ClaimError, Principal, Request};
    /// let alice = Request::new(Principal::new("corp", "alice"));
    /// let names = |json| alice.clone().with_claim(Claim::new("/org", json)).claim_names("/org");
    /// assert_eq!(names(r#""acme""#).unwrap(), ["acme".to_owned()].into());
    /// assert_eq!(names(r#"["b", "a"]"#).unwrap().len(), 2);
    /// assert_eq!(names("true"), Err(ClaimError::Kind));
    /// let inside = alice.with_claim(Claim::new("/org", r#"{"unit": "eu"}"#));
    /// assert_eq!(inside.claim_names("/org/unit").unwrap(), ["eu".to_owned()].into());
    /// assert_eq!(inside.claim_names("/org/role"), Err(ClaimError::Missing));
    /// ```
    ///
    /// # Errors
    /// When the claim is absent, empty, of another type, too long, or one of its elements is.
    pub fn claim_names(&self, pointer: &str) -> Result<BTreeSet<String>, ClaimError> {
        let inside = self.claim_inside(pointer).ok_or(ClaimError::Missing)?;
        let value = inside.map_err(|_| ClaimError::Kind)?;
        match value.ok_or(ClaimError::Missing)? {
            Value::Array(values) if values.is_empty() => Err(ClaimError::Empty),
            Value::Array(values) if values.len() > MAX_NAMES => Err(ClaimError::TooMany),
            Value::Array(values) => values.into_iter().map(name).collect(),
            single => name(single).map(|name| BTreeSet::from([name])),
        }
    }
}

fn name(value: Value) -> Result<String, ClaimError> {
    let name = match value {
        Value::String(text) => text,
        Value::Number(number) => number.as_u64().ok_or(ClaimError::Kind)?.to_string(),
        _ => return Err(ClaimError::Kind),
    };
    match name.len() {
        0 => Err(ClaimError::Empty),
        length if length > MAX_NAME_BYTES => Err(ClaimError::TooLong),
        _ => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Principal};

    fn read(json: &str) -> Result<Vec<String>, ClaimError> {
        let request = Request::new(Principal::new("corp", "alice"));
        let request = request.with_claim(Claim::new("/tenant", json));
        request
            .claim_names("/tenant")
            .map(|names| names.into_iter().collect())
    }

    #[test]
    fn one_and_several_are_read() {
        assert_eq!(read(r#""acme""#).unwrap(), ["acme"]);
        assert_eq!(read("42").unwrap(), ["42"]);
        assert_eq!(read(r#"["b", "a", "b", 7]"#).unwrap(), ["7", "a", "b"]);
    }

    #[test]
    fn what_is_no_name_is_refused_whole() {
        for json in [
            "null",
            "true",
            "{}",
            "1.5",
            "-1",
            "1e400",
            "18446744073709551616",
            "{",
        ] {
            assert_eq!(read(json), Err(ClaimError::Kind), "{json}");
        }
        for json in [r#"["a", null]"#, r#"[["a"]]"#, r#"[{"a": 1}]"#] {
            assert_eq!(read(json), Err(ClaimError::Kind), "{json}");
        }
        for json in ["[]", r#""""#, r#"["a", ""]"#] {
            assert_eq!(read(json), Err(ClaimError::Empty), "{json}");
        }
        let other = Request::new(Principal::new("corp", "alice"));
        assert_eq!(other.claim_names("/tenant"), Err(ClaimError::Missing));
    }

    #[test]
    fn size_is_bounded_rather_than_cut() {
        let text = |length: usize| format!("{:?}", "a".repeat(length));
        assert!(read(&text(MAX_NAME_BYTES)).is_ok());
        assert_eq!(read(&text(MAX_NAME_BYTES + 1)), Err(ClaimError::TooLong));
        let list = |length: usize| serde_json::to_string(&vec!["a"; length]).unwrap();
        assert!(read(&list(MAX_NAMES)).is_ok());
        assert_eq!(read(&list(MAX_NAMES + 1)), Err(ClaimError::TooMany));
    }
}
