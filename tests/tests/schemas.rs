//! The schemas of the standard policies' data, held against what the policies take.
//!
//! In: `policies/NAME/schema.json`, and data that is sound: golden data and the examples
//! of the documentation, as it is and with every value changed, removed or added to. Held:
//! what the policy takes satisfies the schema, and what has another shape does not. It
//! starts no server.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use std::fs;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};
use warden_policy_guardrails::Guardrails;
use warden_policy_rbac::Rbac;
use warden_policy_scopes::Scopes;
use warden_policy_tenant::Tenant;
use warden_sdk::{Describe, File, Policy};
use warden_tests::parts::workspace;

/// One standard policy.
struct Subject {
    name: &'static str,
    schemas: Schemas,
    whole: SchemaIndex,
    schema: Value,
    /// The policy's own answer to a data file.
    configure: fn(&str) -> Result<(), String>,
    /// Sound data.
    samples: Vec<Value>,
}

fn configure<P: Policy>(text: &str) -> Result<(), String> {
    P::configure(&[File::new("data.toml", text)]).map(|_| ())
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn from_toml(text: &str) -> Value {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every block of TOML in a document that the policy takes.
fn examples(path: &str, configure: fn(&str) -> Result<(), String>) -> Vec<String> {
    let document = read(path);
    let blocks = document.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks
        .filter(|block| configure(block).is_ok())
        .map(str::to_owned)
        .collect()
}

fn subject<P: Policy + Describe>(golden: &str, examples_at_least: usize) -> Subject {
    let name = P::DESCRIPTION.name;
    let schema: Value = serde_json::from_str(&read(&format!("policies/{name}/schema.json")))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler
        .add_resource("schema.json", schema.clone())
        .expect("a resource");
    let whole = compiler
        .compile("schema.json", &mut schemas)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let configure = configure::<P>;
    let mut samples = examples(&format!("docs/policies/{name}.md"), configure);
    assert!(samples.len() >= examples_at_least, "{name}: its examples");
    samples.push(read(&format!("policies/{name}/golden/{golden}.toml")));
    Subject {
        name,
        schemas,
        whole,
        schema,
        configure,
        samples: samples.iter().map(|text| from_toml(text)).collect(),
    }
}

fn subjects() -> [Subject; 4] {
    [
        subject::<Rbac>("roles", 2),
        subject::<Tenant>("tenant", 2),
        subject::<Guardrails>("guardrails", 1),
        subject::<Scopes>("scopes", 2),
    ]
}

impl Subject {
    fn accepts(&self, data: &Value) -> bool {
        self.schemas.validate(data, self.whole).is_ok()
    }

    /// Whether the policy takes it, and if not, whether its shape is why.
    fn policy_takes(&self, data: &Value) -> Result<(), Option<String>> {
        // What is no TOML, such as a list of lists of tables, is nobody's data.
        let Ok(text) = toml::to_string(data) else {
            return Err(None);
        };
        let shape = ["unknown field", "missing field", "invalid type", "empty"];
        (self.configure)(&text).map_err(|error| {
            let is_shape = shape.iter().any(|part| error.contains(part));
            is_shape.then_some(error)
        })
    }
}

/// Every document that differs from this in one place.
fn variants(data: &Value) -> Vec<Value> {
    let mut variants = vec![
        json!(1),
        json!("x"),
        json!(true),
        json!([]),
        json!({}),
        json!(["x"]),
        json!(-1),
        json!(""),
        json!([1]),
    ];
    match data {
        Value::Object(object) => {
            let with = |key: &str, value: Option<Value>| {
                let mut other: Map<String, Value> = object.clone();
                match value {
                    Some(value) => drop(other.insert(key.to_owned(), value)),
                    None => drop(other.remove(key)),
                }
                Value::Object(other)
            };
            variants.extend(["unknown", "a b", ""].map(|key| with(key, Some(json!("x")))));
            for (key, value) in object {
                variants.push(with(key, None));
                variants.extend(
                    self::variants(value)
                        .into_iter()
                        .map(|v| with(key, Some(v))),
                );
                // The same under another name: names of roles, words and scopes are keys.
                let mut renamed = object.clone();
                let value = renamed.remove(key).expect("it is there");
                renamed.insert(format!("{key} x"), value);
                variants.push(Value::Object(renamed));
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let with = |value: Value| {
                    let mut other = list.clone();
                    other[index] = value;
                    Value::Array(other)
                };
                variants.extend(self::variants(value).into_iter().map(with));
            }
            if let Some(first) = list.first() {
                variants.extend([33, 1001].map(|many| Value::Array(vec![first.clone(); many])));
            }
        }
        Value::String(text) => {
            let texts = [
                text.to_uppercase(),
                format!("{text} x"),
                format!("{text}*"),
                "x".repeat(300),
            ];
            variants.extend(texts.map(Value::String));
        }
        Value::Number(_) => variants.extend([json!(0), json!(u32::MAX), json!(1.5)]),
        Value::Bool(_) | Value::Null => {}
    }
    variants
}

#[test]
fn sound_data_satisfies_its_schema() {
    for subject in subjects() {
        for sample in &subject.samples {
            let told = subject.schemas.validate(sample, subject.whole);
            told.unwrap_or_else(|error| panic!("{}: {error:#}", subject.name));
            assert_eq!(subject.policy_takes(sample), Ok(()));
        }
    }
}

#[test]
fn what_a_policy_takes_satisfies_its_schema_and_another_shape_does_not() {
    for subject in subjects() {
        let name = subject.name;
        let (mut taken, mut refused, mut shapes) = (0, 0, 0);
        for data in subject.samples.iter().flat_map(variants) {
            let accepted = subject.accepts(&data);
            match subject.policy_takes(&data) {
                Ok(()) => {
                    taken += 1;
                    assert!(accepted, "{name} takes what its schema refuses: {data}");
                }
                Err(Some(error)) => {
                    shapes += 1;
                    assert!(
                        !accepted,
                        "{name}'s schema takes {data}, the policy says {error}"
                    );
                }
                Err(None) => refused += usize::from(!accepted),
            }
        }
        // The schema says more than shapes: names, bounds, patterns.
        assert!(
            taken > 10 && shapes > 100 && refused > 50,
            "{name}: {taken} {shapes} {refused}"
        );
    }
}

/// What is told of a key or a table in editors and by `warden policy check`.
#[test]
fn every_key_is_described() {
    fn undescribed(part: &Value, path: &str, found: &mut Vec<String>) {
        let properties = part.get("properties").and_then(Value::as_object);
        for (key, part) in properties.into_iter().flatten() {
            let path = format!("{path}.{key}");
            if part.get("description").is_none() && part.get("patternProperties").is_none() {
                found.push(path.clone());
            }
            undescribed(part, &path, found);
        }
        if path.is_empty() {
            let parts = part.get("$defs").and_then(Value::as_object);
            for (name, part) in parts.into_iter().flatten() {
                undescribed(part, name, found);
            }
        }
    }
    for subject in subjects() {
        let mut found = Vec::new();
        undescribed(&subject.schema, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{}", subject.name);
    }
}
