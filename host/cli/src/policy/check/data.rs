//! Data files, held to the schema that their policy carries.
//!
//! In: a policy directory, loaded or refused. Out: each mistake with its file, line, key
//! and what is accepted. `configure` has the last word: it may refuse more.
//!
//! A schema comes with a policy, of whoever made it, and a small one can ask for more
//! steps than anybody waits for: each policy's data has a time in which it is looked at.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use warden_policy::{Fault, PolicyKeys, Unloaded};

use super::super::schema::Schema;
use super::finding::Mistake;

/// How long the data of one policy is looked at; a thousand lines take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// What that thread has: as much as a program's first.
const STACK_BYTES: usize = 8 << 20;

/// What is wrong with schemas and with data; nothing where the directory cannot be read or
/// is not as it was signed, for the load tells of that.
pub(super) fn mistakes(dir: &Path, keys: &PolicyKeys) -> Vec<Mistake> {
    let bundles = Unloaded::read_all(dir, keys).unwrap_or_default();
    bundles.into_iter().flat_map(in_time).collect()
}

/// [`of_bundle`], or that it takes too long: then it goes on until the program ends.
fn in_time(bundle: Unloaded) -> Vec<Mistake> {
    let name = bundle.name.clone();
    let (tell, told) = channel();
    let looking = Builder::new().stack_size(STACK_BYTES);
    let looking = looking.spawn(move || {
        // Nobody listens any more where it took too long.
        let _ = tell.send(of_bundle(&bundle));
    });
    let told = match looking {
        Ok(_) => told.recv_timeout(PATIENCE),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    told.unwrap_or_else(|_| {
        let what = format!("its data is not held to its schema within {PATIENCE:?}");
        let instead = "simplify the schema, and build the policy again";
        of_wasm(&name, &what, instead)
    })
}

fn of_wasm(name: &str, what: &str, instead: &str) -> Vec<Mistake> {
    let wasm = format!("{name}.wasm");
    vec![Mistake::new(format!("{wasm:?}: {what}"), Some(instead))]
}

fn of_bundle(bundle: &Unloaded) -> Vec<Mistake> {
    let of_wasm = |what: String, instead: &str| of_wasm(&bundle.name, &what, instead);
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
