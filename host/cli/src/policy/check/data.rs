//! Data files, held to the schema that their policy carries.
//!
//! In: a policy directory, loaded or refused. Out: each mistake with its file, line, key
//! and what is accepted. `configure` has the last word: it may refuse more.

use std::path::Path;

use warden_policy::{Fault, PolicyKeys, Unloaded};

use super::super::schema::Schema;
use super::finding::Mistake;

/// What is wrong with schemas and with data; nothing where the directory cannot be read or
/// is not as it was signed, for the load tells of that.
pub(super) fn mistakes(dir: &Path, keys: &PolicyKeys) -> Vec<Mistake> {
    let bundles = Unloaded::read_all(dir, keys).unwrap_or_default();
    bundles.iter().flat_map(of_bundle).collect()
}

fn of_bundle(bundle: &Unloaded) -> Vec<Mistake> {
    let of_wasm = |what: String, instead: &str| {
        let wasm = format!("{}.wasm", bundle.name);
        vec![Mistake::new(format!("{wasm:?}: {what}"), Some(instead))]
    };
    let text = match &bundle.schema {
        Ok(Some(text)) => text,
        // The load tells that it is none.
        Ok(None) | Err(Fault::NotComponent(_)) => return Vec::new(),
        Err(fault) => {
            let instead = fault.remedy().unwrap_or_default();
            return of_wasm(fault.to_string(), instead);
        }
    };
    let schema = match Schema::read(text) {
        Ok(schema) => schema,
        Err(why) => {
            let instead = "correct the schema and build the policy again";
            return of_wasm(format!("its data schema {why}"), instead);
        }
    };
    let data = bundle.data.iter();
    let toml = data.filter(|data| data.file.ends_with(".toml"));
    toml.flat_map(|data| {
        let mistakes = schema.mistakes(&data.bytes).into_iter();
        mistakes.map(|mistake| Mistake::new(format!("{:?}: {mistake}", data.file), None))
    })
    .collect()
}
