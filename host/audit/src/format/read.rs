//! Lines read back.
//!
//! In: one line of a sink, without its end. Out: its fields, named as in text and CSV whatever
//! the format, in their order, with the bytes that the record had; or why it is no such line.
//! Names that this version does not know are kept as they are. A field that is there twice
//! makes a line unreadable, for nobody could tell which of them counts.

mod csv;
mod json;
mod text;

use std::borrow::Cow;

pub use csv::csv;
pub use json::json;
pub use text::text;

use super::argument::{read, read_list};
use super::escape::unescape;
use super::{Field, Item, Kind};

/// Fields that a line may have: several times what this version writes. Bounds the time that a
/// line of somebody else's takes.
const MOST_FIELDS: usize = 256;

/// Characters of a line that an error tells at most.
const TOLD_CHARACTERS: usize = 200;

/// What one record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Cow<'static, str>, Value)>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes; numbers, times and flags as text has them: `42`, `true`.
    Bytes(Vec<u8>),
    /// An argument, or another value that may have been redacted.
    Item(Item),
    /// Several.
    Items(Vec<Item>),
}

/// A line is not what a sink writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// It is not what the format asks for.
    #[error("not a line of {format}: {why}")]
    Syntax {
        /// `text`, `JSON` or `CSV`.
        format: &'static str,
        /// What is wrong, and where.
        why: String,
    },
    /// More fields than a record can have.
    #[error("more than {MOST_FIELDS} fields")]
    TooMany,
    /// A value is not what the field has.
    #[error("field {name:?} has a value that warden does not write")]
    Value {
        /// The field.
        name: String,
    },
    /// A field is there twice.
    #[error("field {name:?} is there twice")]
    Twice {
        /// The field.
        name: String,
    },
}

impl Fields {
    /// The value of the field of that name; `None` where it is absent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut all = self.iter();
        all.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The bytes of a field that is no argument and no list; `None` where it is absent.
    pub fn bytes(&self, field: Field) -> Option<&[u8]> {
        match self.get(field.name())? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Item(_) | Value::Items(_) => None,
        }
    }

    /// All names and values, in the order of the line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Adds a field whose value was escaped.
    fn add(&mut self, name: Cow<'static, str>, escaped: &str) -> Result<(), Unreadable> {
        let kind = Field::named(&name).map_or(Kind::Bytes, Field::kind);
        let value = match kind {
            Kind::Argument => read(escaped).map(Value::Item),
            Kind::List => read_list(escaped).map(Value::Items),
            _ => unescape(escaped).map(Value::Bytes),
        };
        match value {
            Some(value) => self.put(name, value),
            None => Err(Unreadable::value(&name)),
        }
    }

    fn put(&mut self, name: Cow<'static, str>, value: Value) -> Result<(), Unreadable> {
        if self.0.len() >= MOST_FIELDS {
            return Err(Unreadable::TooMany);
        }
        if self.get(&name).is_some() {
            return Err(Unreadable::Twice {
                name: beginning(&name),
            });
        }
        self.0.push((name, value));
        Ok(())
    }
}

impl Unreadable {
    fn syntax(format: &'static str, why: &str) -> Self {
        let why = beginning(why);
        Self::Syntax { format, why }
    }

    fn value(name: &str) -> Self {
        let name = beginning(name);
        Self::Value { name }
    }
}

/// Lines may be anybody's: what is told of them is no longer than people read.
fn beginning(text: &str) -> String {
    text.chars().take(TOLD_CHARACTERS).collect()
}

impl Value {
    /// On one printable line, as text shows it without its quotation marks.
    pub fn shown(&self) -> String {
        let mut text = Vec::new();
        match self {
            Self::Bytes(bytes) => super::escape::escape(&mut text, bytes, 0),
            Self::Item(item) => super::argument::write(&mut text, &item.as_argument(), 0),
            Self::Items(items) => {
                let items = items.iter().map(Item::as_argument);
                super::argument::write_list(&mut text, items, 0)
            }
        };
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A name as this version knows it, or as it stands there.
fn name(name: &str) -> Cow<'static, str> {
    match Field::named(name) {
        Some(field) => Cow::Borrowed(field.name()),
        None => Cow::Owned(name.to_owned()),
    }
}
