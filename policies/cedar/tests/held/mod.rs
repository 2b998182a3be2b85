//! A schema held against what its policy takes, as `tests/tests/schemas.rs` does for the
//! policies of the product's workspace. The tests of `policies/rego` read this file, too.
//!
//! In: a schema, sound data, of a folder for example, and the policy's own answer to data. Held: what the policy takes
//! satisfies the schema, as it is and with every value changed or left out; a key that
//! nobody knows satisfies neither.

use boon::{Compiler, Schemas};
use serde_json::{Map, Value, json};

/// The tables (`*.toml`) of a folder of a policy's crate: at least one.
pub(crate) fn tables(manifest_dir: &str, folder: &str) -> Vec<String> {
    let folder = std::path::Path::new(manifest_dir).join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let tables: Vec<String> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| std::fs::read_to_string(path).expect("a table"))
        .collect();
    assert!(!tables.is_empty(), "{}", folder.display());
    tables
}

/// What stands in place of each value in turn.
fn others() -> [Value; 9] {
    [
        json!(""),
        json!("x"),
        json!("/x"),
        json!(0),
        json!(true),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": 1}),
    ]
}

/// Holds a schema to a policy; answers how much of the data it tried the policy took.
pub(crate) fn hold(schema: &str, samples: &[String], takes: impl Fn(&str) -> bool) -> usize {
    let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    let added = compiler.add_resource("schema.json", schema);
    added.expect("a resource");
    let whole = compiler.compile("schema.json", &mut schemas);
    let whole = whole.expect("a schema");
    let mut taken = 0;
    for sample in samples {
        let sample: Value = toml::from_str(sample).expect("a sample is TOML");
        let as_toml = |value: &Value| toml::to_string(value).ok();
        assert!(
            as_toml(&sample).is_some_and(|text| takes(&text)),
            "{sample}"
        );
        for changed in changes(&sample).into_iter().chain([sample]) {
            let Some(text) = as_toml(&changed) else {
                continue;
            };
            if takes(&text) {
                taken += 1;
                let held = schemas.validate(&changed, whole);
                held.unwrap_or_else(|error| panic!("{error}\n{text}"));
            } else if text.contains("nobody-knows") {
                assert!(schemas.validate(&changed, whole).is_err(), "{text}");
            }
        }
    }
    taken
}

/// A value with each thing in it changed or left out, and with a key more.
fn changes(value: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = others().into();
    match value {
        Value::Object(object) => {
            let with = |change: &dyn Fn(&mut Map<String, Value>)| {
                let mut changed = object.clone();
                change(&mut changed);
                Value::Object(changed)
            };
            all.push(with(&|object| {
                object.insert("nobody-knows".to_owned(), json!(1));
            }));
            for (key, inner) in object {
                all.push(with(&|object| {
                    object.remove(key);
                }));
                all.extend(changes(inner).into_iter().map(|inner| {
                    with(&|object| {
                        object.insert(key.clone(), inner.clone());
                    })
                }));
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                all.extend(changes(inner).into_iter().map(|inner| {
                    let mut changed = list.clone();
                    changed[at] = inner;
                    Value::Array(changed)
                }));
            }
        }
        _ => {}
    }
    all
}
