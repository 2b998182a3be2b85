//! One reply of the server, with the questions tests ask of it.

use std::fmt;

use redis::Value;

/// A reply in either protocol version.
#[derive(Clone, PartialEq)]
pub struct Reply(pub Value);

impl Reply {
    /// The text of an error reply as it was on the wire, without the leading `-`.
    pub fn error(&self) -> Option<String> {
        let Value::ServerError(error) = &self.0 else {
            return None;
        };
        Some(match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        })
    }

    /// Whether it is an error that begins with these words.
    pub fn is_error(&self, prefix: &str) -> bool {
        self.error().is_some_and(|text| text.starts_with(prefix))
    }

    /// Whether it is `+OK`.
    pub fn is_ok(&self) -> bool {
        self.0 == Value::Okay
    }

    /// Whether it is nil of either protocol version.
    pub fn is_nil(&self) -> bool {
        self.0 == Value::Nil
    }

    /// The text of a simple, bulk or verbatim string, or of a number.
    pub fn as_text(&self) -> Option<String> {
        match &self.0 {
            Value::Okay => Some("OK".to_owned()),
            Value::SimpleString(text) => Some(text.clone()),
            Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::VerbatimString { text, .. } => Some(text.clone()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The text; panics when the reply has none.
    #[track_caller]
    pub fn text(&self) -> String {
        self.as_text()
            .unwrap_or_else(|| panic!("not a text: {self}"))
    }

    /// The number, also when it came as text.
    #[track_caller]
    pub fn number(&self) -> i64 {
        self.text()
            .parse()
            .unwrap_or_else(|_| panic!("not a number: {self}"))
    }

    /// The elements of an array or set.
    #[track_caller]
    pub fn items(&self) -> Vec<Reply> {
        match &self.0 {
            Value::Array(items) | Value::Set(items) => items.iter().cloned().map(Reply).collect(),
            Value::Push { data, .. } => data.iter().cloned().map(Reply).collect(),
            _ => panic!("not an array: {self}"),
        }
    }

    /// The texts of an array.
    #[track_caller]
    pub fn texts(&self) -> Vec<String> {
        self.items().iter().map(Reply::text).collect()
    }

    /// Whether it is a map of RESP3 (in RESP2 maps arrive flattened).
    pub fn is_map(&self) -> bool {
        matches!(self.0, Value::Map(_))
    }

    /// The fields of a map, or of the flat array it is in RESP2.
    #[track_caller]
    pub fn fields(&self) -> Vec<(String, Reply)> {
        match &self.0 {
            Value::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (Reply(key.clone()).text(), Reply(value.clone())))
                .collect(),
            Value::Array(items) if items.len() % 2 == 0 => items
                .chunks_exact(2)
                .map(|pair| (Reply(pair[0].clone()).text(), Reply(pair[1].clone())))
                .collect(),
            _ => panic!("not a map: {self}"),
        }
    }

    /// One field of a map; panics when it is missing.
    #[track_caller]
    pub fn field(&self, name: &str) -> Reply {
        self.find(name)
            .unwrap_or_else(|| panic!("no field {name:?} in {self}"))
    }

    /// One field of a map.
    #[track_caller]
    pub fn find(&self, name: &str) -> Option<Reply> {
        self.fields()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// Passes when the reply is `+OK`.
    #[track_caller]
    pub fn expect_ok(&self) {
        assert!(self.is_ok(), "expected +OK, got {self}");
    }

    /// Passes when the reply is an error that begins with `prefix`; gives its whole text.
    #[track_caller]
    pub fn expect_error(&self, prefix: &str) -> String {
        match self.error() {
            Some(text) if text.starts_with(prefix) => text,
            _ => panic!("expected an error beginning with {prefix:?}, got {self}"),
        }
    }

    /// Passes when the reply is this text.
    #[track_caller]
    pub fn expect_text(&self, text: &str) {
        assert_eq!(self.as_text().as_deref(), Some(text), "got {self}");
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.error(), self.as_text()) {
            (Some(error), _) => write!(f, "-{error}"),
            (None, Some(text)) => write!(f, "{text:?}"),
            (None, None) => fmt::Debug::fmt(&self.0, f),
        }
    }
}
