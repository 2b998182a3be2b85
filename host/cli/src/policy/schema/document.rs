//! A TOML file as JSON, and where each of its values stands.

use boon::InstanceToken;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use warden_core::line_at;

/// A step to a value of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Of a table.
    Key(String),
    /// Of a list, from 0.
    Item(usize),
}

impl From<&InstanceToken<'_>> for Step {
    fn from(token: &InstanceToken<'_>) -> Self {
        match token {
            InstanceToken::Prop(key) => Self::Key(key.clone().into_owned()),
            InstanceToken::Item(item) => Self::Item(*item),
        }
    }
}

/// One data file.
pub(super) struct Document<'t> {
    text: &'t str,
    root: Spanned<DeValue<'t>>,
    /// What a schema is held against: a date is its text.
    pub(super) json: Value,
}

impl<'t> Document<'t> {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not TOML, or holds what JSON cannot say.
    pub(super) fn read(bytes: &'t [u8]) -> Result<Self, Vec<String>> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = line_at(bytes, error.valid_up_to());
            vec![format!("line {line}: is not UTF-8")]
        })?;
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let message = super::one_line(error.message());
            vec![format!("line {}: {message}", line_at(bytes, start))]
        })?;
        let span = table.span();
        let root = Spanned::new(span, DeValue::Table(table.into_inner()));
        let mut mistakes = Vec::new();
        let json = json(&root, &mut Vec::new(), &mut |path, span, what| {
            mistakes.push(format!(
                "line {}: {}: {what}",
                line_at(bytes, span),
                written(path)
            ));
        });
        match mistakes.is_empty() {
            true => Ok(Self { text, root, json }),
            false => Err(mistakes),
        }
    }

    /// The line of a value, from 1: that of its key, where it has one.
    pub(super) fn line(&self, path: &[Step]) -> usize {
        let (mut value, mut start) = (&self.root, 0);
        for step in path {
            let next = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => {
                    let found = table.get_key_value(key.as_str());
                    found.map(|(key, value)| (value, key.span().start))
                }
                (Step::Item(item), DeValue::Array(list)) => {
                    list.get(*item).map(|value| (value, value.span().start))
                }
                _ => None,
            };
            let Some(next) = next else {
                break;
            };
            (value, start) = next;
        }
        line_at(self.text.as_bytes(), start)
    }
}

/// A path as authors write it: `roles.reader.rules[0]`.
pub(super) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(item) => text.push_str(&format!("[{item}]")),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                match !key.is_empty() && key.bytes().all(bare) {
                    true => text.push_str(key),
                    false => text.push_str(&format!("{key:?}")),
                }
            }
        }
    }
    text
}

/// The value as JSON; what JSON has no words for is told, and null.
fn json(
    value: &Spanned<DeValue<'_>>,
    path: &mut Vec<Step>,
    tell: &mut impl FnMut(&[Step], usize, &str),
) -> Value {
    let number = match value.get_ref() {
        DeValue::String(text) => return Value::String(text.clone().into_owned()),
        DeValue::Boolean(flag) => return Value::Bool(*flag),
        DeValue::Datetime(date) => return Value::String(date.to_string()),
        DeValue::Array(list) => {
            let mut values = Vec::with_capacity(list.len());
            for (item, value) in list.iter().enumerate() {
                path.push(Step::Item(item));
                values.push(json(value, path, tell));
                path.pop();
            }
            return Value::Array(values);
        }
        DeValue::Table(table) => {
            let mut members = Map::new();
            for (key, value) in table {
                let key = key.get_ref().clone().into_owned();
                path.push(Step::Key(key.clone()));
                members.insert(key, json(value, path, tell));
                path.pop();
            }
            return Value::Object(members);
        }
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map(Number::from)
            .map_err(|_| "is no integer of 64 bits"),
        DeValue::Float(digits) => digits
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .ok_or("is no finite number"),
    };
    number.map(Value::Number).unwrap_or_else(|what| {
        tell(path, value.span().start, what);
        Value::Null
    })
}
