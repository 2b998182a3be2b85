//! One record, for people and for machines.

use serde_json::{Map, Value as Json, json};
use warden_audit::format::read::{Fields, Value};
use warden_audit::format::{Field, Item, Kind};

/// The columns, each at least so wide; what is longer pushes the others.
const COLUMNS: [(&str, Field, usize); 7] = [
    ("time", Field::Time, 27),
    ("sequence", Field::Sequence, 8),
    ("user", Field::User, 16),
    ("session", Field::Session, 7),
    ("category", Field::Category, 11),
    ("action", Field::Action, 16),
    ("outcome", Field::Outcome, 7),
];

/// What says nothing to whoever asks: the same in each record, said in a column, or proof.
const PASSED_OVER: [Field; 5] = [
    Field::Node,
    Field::Command,
    Field::Chain,
    Field::Signature,
    Field::PublicKey,
];

/// The names of the columns.
pub(super) fn head() -> String {
    let names = COLUMNS.map(|(name, _, width)| format!("{name:width$}"));
    format!("{}  details", names.join("  "))
}

/// A record as a row: its columns, and everything else as `name=value`.
pub(super) fn row(fields: &Fields) -> String {
    let mut cells: Vec<String> = COLUMNS
        .iter()
        .map(|(_, field, width)| {
            let value = fields.get(field.name()).map(Value::shown);
            format!("{:width$}", value.unwrap_or_else(|| "-".to_owned()))
        })
        .collect();
    let others = fields.iter().filter(|(name, _)| {
        let field = Field::named(name);
        field.is_none_or(|field| {
            !PASSED_OVER.contains(&field) && COLUMNS.iter().all(|(_, column, _)| *column != field)
        })
    });
    let details = others.map(|(name, value)| detail(name, value));
    cells.push(details.collect::<Vec<String>>().join(" "));
    cells.join("  ").trim_end().to_owned()
}

/// In quotation marks where it would be taken for several.
fn detail(name: &str, value: &Value) -> String {
    let shown = value.shown();
    if shown.contains([' ', '"', '=']) {
        format!("{name}=\"{}\"", shown.replace('"', "\\x22"))
    } else {
        format!("{name}={shown}")
    }
}

/// A record as one JSON object, with the names and values of the format JSON.
pub(super) fn object(fields: &Fields) -> String {
    let mut object = Map::new();
    for (name, value) in fields.iter() {
        let field = Field::named(name);
        let known = field.map_or_else(|| name.to_owned(), |field| field.json_name().to_owned());
        let kind = field.map_or(Kind::Bytes, Field::kind);
        object.insert(known, json_value(kind, value));
    }
    Json::Object(object).to_string()
}

fn json_value(kind: Kind, value: &Value) -> Json {
    let shown = value.shown();
    match (kind, value) {
        (Kind::Number, _) => shown
            .parse::<u64>()
            .map_or(json!(shown), |number| json!(number)),
        (Kind::Flag, _) => shown
            .parse::<bool>()
            .map_or(json!(shown), |flag| json!(flag)),
        (_, Value::Items(items)) => items.iter().map(item).collect(),
        _ => json!(shown),
    }
}

fn item(item: &Item) -> Json {
    json!(Value::Item(item.clone()).shown())
}
