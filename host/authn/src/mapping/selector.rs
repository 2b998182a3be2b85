//! Where a claim is: a member's name, or a JSON Pointer (RFC 6901).

use serde_json::Value;
use warden_settings::quoted;

/// Which claim is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// A member of the payload, by its exact name.
    Member(String),
    /// A path into the payload; starts with a slash.
    Pointer(String),
}

impl Selector {
    /// Text that starts with `/` is a pointer, other text a name.
    ///
    /// # Errors
    /// Words for the operator when it is empty or a pointer with a bad escape.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a claim's name is not empty".to_owned());
        }
        if !text.starts_with('/') {
            return Ok(Self::Member(text.to_owned()));
        }
        let escapes_are_good = text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']));
        if !escapes_are_good {
            return Err(format!(
                "{} is not a JSON Pointer: ~ is followed by 0 or 1",
                quoted(text)
            ));
        }
        Ok(Self::Pointer(text.to_owned()))
    }

    /// The claim, if the payload has it.
    pub(crate) fn find<'a>(&self, claims: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Member(name) => claims.get(name.as_str()),
            Self::Pointer(path) => claims.pointer(path),
        }
    }

    /// As configured.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Member(text) | Self::Pointer(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_exact_and_a_pointer_is_a_path() {
        let claims = json!({ "a.b": 1, "https://x/roles": 2, "a": { "b/c": [3, 4] }, "/d": 5 });
        let find = |text: &str| Selector::parse(text).unwrap().find(&claims).cloned();
        assert_eq!(find("a.b"), Some(json!(1)));
        assert_eq!(find("https://x/roles"), Some(json!(2)));
        assert_eq!(find("/a/b~1c/1"), Some(json!(4)));
        assert_eq!(find("/~1d"), Some(json!(5)));
        assert_eq!(find("/d"), None);
        assert_eq!(find("b"), None);
    }

    #[test]
    fn a_malformed_pointer_is_an_error() {
        for bad in ["", "/a~", "/a~2", "/~"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
