//! docs/audit/record.schema.json, held against the table of fields and what is really written.

use std::collections::BTreeMap;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::examples::examples;
use super::page::file;
use super::samples::{Stuff, USUAL, every, worst};
use super::*;

struct Schema {
    schemas: Schemas,
    whole: SchemaIndex,
}

impl Schema {
    fn committed() -> Self {
        let schema = document();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("record.json", schema).unwrap();
        let whole = compiler.compile("record.json", &mut schemas).unwrap();
        Self { schemas, whole }
    }

    fn accepts(&self, record: &Value) -> bool {
        self.schemas.validate(record, self.whole).is_ok()
    }
}

fn document() -> Value {
    serde_json::from_str(&file("docs/audit/record.schema.json")).unwrap()
}

fn parsed(record: &Record<'_>) -> Value {
    serde_json::from_slice(&line(Format::Json, record, WHOLE)).unwrap()
}

#[test]
fn every_kind_of_record_satisfies_the_schema() {
    let schema = Schema::committed();
    let worst = worst();
    let text = String::from_utf8_lossy(&worst);
    let stuff = Stuff {
        bytes: &worst,
        text: &text,
    };
    let mut records: Vec<Value> = every(USUAL).iter().map(parsed).collect();
    records.extend(every(stuff).iter().map(parsed));
    records.extend(examples().iter().map(|example| parsed(&example.record)));
    for record in records {
        if let Err(error) = schema.schemas.validate(&record, schema.whole) {
            panic!("{error:#}\n{record}");
        }
    }
}

#[test]
fn the_schema_has_every_field_with_its_meaning_and_no_other() {
    let fields = Field::ALL
        .iter()
        .map(|field| (field.json_name(), field.meaning()));
    let expected: BTreeMap<&str, &str> = fields.chain(ECS_FIELDS).collect();
    let document = document();
    let properties = document["properties"].as_object().unwrap();
    let told: BTreeMap<&str, &str> = properties
        .iter()
        .map(|(name, part)| (name.as_str(), part["description"].as_str().unwrap()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_value_of_another_kind_does_not_satisfy_the_schema() {
    let schema = Schema::committed();
    let wrong = [
        json!(-1),
        json!(1.5),
        json!({}),
        json!([]),
        json!([1]),
        json!(null),
        json!("a\nb"),
        json!("a\\b"),
        json!("(a)"),
    ];
    let mut changed = 0;
    for record in every(USUAL) {
        let record = parsed(&record);
        assert!(schema.accepts(&record));
        for name in record.as_object().unwrap().keys() {
            for value in &wrong {
                // In parentheses may be any bytes, but not any argument.
                let kind = Field::json_named(name).map(Field::kind);
                if kind == Some(Kind::Bytes) && *value == "(a)" {
                    continue;
                }
                let mut other = record.clone();
                other[name] = value.clone();
                assert!(!schema.accepts(&other), "{name}: {value}");
                changed += 1;
            }
        }
    }
    assert!(changed > 5000, "{changed}");
}

#[test]
fn a_record_without_what_each_has_or_with_more_does_not_satisfy_the_schema() {
    let schema = Schema::committed();
    let record = parsed(&every(USUAL)[0]);
    let each = [
        "@timestamp",
        "ecs.version",
        "event.category",
        "event.type",
        "event.action",
        "event.outcome",
        "warden.sequence",
        "warden.node",
        "warden.category",
    ];
    for name in each {
        let mut other = record.clone();
        other.as_object_mut().unwrap().remove(name);
        assert!(!schema.accepts(&other), "{name}");
    }
    let more = [
        ("warden.moon", json!("full")),
        ("warden.command", json!("get")),
        ("warden.lost", json!(1)),
        ("warden.failure", json!("denied")),
        ("source.address", json!("/run/valkey.sock")),
    ];
    for (name, value) in more {
        let mut other = record.clone();
        other[name] = value;
        assert!(!schema.accepts(&other), "{name}");
    }
}
