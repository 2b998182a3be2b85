//! Three formats that say the same, whatever a record holds.

mod examples;
mod page;
mod python;
mod same;
mod samples;
mod schema;
mod shown;

use super::walk::{Pairs, walk};
use super::*;
use crate::event::Argument;

const NODE: &str = "0123456789abcdef0123456789abcdef01234567";

const ALL: [Format; 3] = [Format::Text, Format::Json, Format::Csv];

/// Everything of every argument.
const WHOLE: Payload = Payload {
    disabled: false,
    max_bytes: usize::MAX,
};

fn numbered<'a, 'r>(record: &'a Record<'r>) -> Numbered<'a, 'r> {
    Numbered {
        sequence: 42,
        node: NODE,
        record,
    }
}

fn line(format: Format, record: &Record<'_>, payload: Payload) -> Vec<u8> {
    let mut line = Vec::new();
    format.write(&mut line, numbered(record), payload);
    line
}

fn line_text(format: Format, record: &Record<'_>) -> String {
    String::from_utf8(line(format, record, WHOLE)).unwrap()
}

/// What a record says, without any format.
#[derive(Default)]
struct Said(Vec<(Field, read::Value)>);

impl Said {
    fn of(record: &Record<'_>, payload: Payload) -> Vec<(Field, read::Value)> {
        let mut said = Self::default();
        walk(&mut said, &numbered(record), payload);
        said.0
    }

    fn put(&mut self, field: Field, value: impl Into<Vec<u8>>) {
        self.0.push((field, read::Value::Bytes(value.into())));
    }
}

fn item(argument: Argument<'_>) -> Item {
    match argument {
        Argument::Plain(bytes) => Item::Plain(bytes.to_vec()),
        Argument::Cut(bytes, total) => Item::Cut(bytes.to_vec(), total),
        Argument::Redacted => Item::Redacted,
        Argument::Digest(digest) => Item::Digest(digest),
    }
}

impl Pairs for Said {
    fn time(&mut self, field: Field, at_us: u64) {
        self.put(field, timestamp(at_us));
    }

    fn number(&mut self, field: Field, number: u64) {
        self.put(field, number.to_string());
    }

    fn flag(&mut self, field: Field, is_so: bool) {
        self.put(field, is_so.to_string());
    }

    fn word(&mut self, field: Field, word: &str) {
        assert!(
            word.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{word:?} is no word"
        );
        self.put(field, word);
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        assert!(!value.is_empty(), "{field:?}");
        self.put(field, value);
    }

    fn argument(&mut self, field: Field, argument: Argument<'_>) {
        self.0.push((field, read::Value::Item(item(argument))));
    }

    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>) {
        let items: Vec<Item> = items.map(item).collect();
        assert!(!items.is_empty(), "{field:?}");
        self.0.push((field, read::Value::Items(items)));
    }
}
