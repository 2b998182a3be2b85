//! `warden policy inspect`: what each policy of a directory is, and the schema of its data.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use warden_policy::{Bundle, BundleError, Generation, Inputs, Unloaded};

use super::directory::{Directory, Release};
use super::reads::named;
use crate::error::Error;
use crate::output::Output;
use crate::style::{Paint, counted};

/// Which directory, and what of it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only this policy: `rbac` for `rbac.wasm`.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Show the JSON Schema of the policy's data, for editors: nothing is loaded.
    #[arg(long, requires = "name")]
    schema: bool,
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    release: Release,
}

/// Bytes of the schema that each policy carries.
type Schemas = BTreeMap<String, usize>;

/// Loads the directory and shows it; tests are counted and not run.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let directory = &arguments.directory;
    if arguments.schema {
        let name = arguments.name.as_deref().unwrap_or_default();
        return schema(directory, name);
    }
    let generation = match directory.load(&arguments.release, None)? {
        Ok(generation) => generation,
        Err(errors) => return directory.complain(&errors),
    };
    let wanted = |bundle: &&Bundle| arguments.name.iter().all(|name| name == bundle.name());
    let bundles: Vec<&Bundle> = generation
        .bundles()
        .iter()
        .map(|b| &**b)
        .filter(wanted)
        .collect();
    if let (Some(name), []) = (&arguments.name, bundles.as_slice()) {
        return directory.complain(&[no_policy(name)]);
    }
    let unloaded = Unloaded::read_all(&directory.dir, &directory.keys()?).unwrap_or_default();
    let carried = |bundle: Unloaded| Some((bundle.name, bundle.schema.ok()??.len()));
    let schemas: Schemas = unloaded.into_iter().filter_map(carried).collect();
    Ok(Output::good(if directory.json {
        let policies = bundles.iter();
        let policies: Vec<Value> = policies
            .map(|b| document(b, &generation, &schemas))
            .collect();
        let warnings = generation.warnings();
        format!(
            "{:#}\n",
            json!({ "policies": policies, "warnings": warnings })
        )
    } else {
        text(&bundles, &generation, &schemas, Paint::of_stdout())
    }))
}

fn no_policy(name: &str) -> String {
    format!("{:?}: is not in the directory", format!("{name}.wasm"))
}

/// The schema as its policy carries it, though its data may be wrong or not there yet.
fn schema(directory: &Directory, name: &str) -> Result<Output, Error> {
    let bundles = match Unloaded::read_all(&directory.dir, &directory.keys()?) {
        Ok(bundles) => bundles,
        Err(error) => return directory.complain(&error.lines()),
    };
    let found = bundles.into_iter().find(|bundle| bundle.name == name);
    let wasm = format!("{name}.wasm");
    let why = match found.map(|bundle| bundle.schema) {
        // What is JSON holds no control characters that a terminal would act on.
        Some(Ok(Some(schema))) => match serde_json::from_str::<IgnoredAny>(&schema) {
            Ok(_) => return Ok(Output::good(format!("{}\n", schema.trim_end()))),
            Err(error) => format!("{wasm:?}: its data schema is not JSON: {error}"),
        },
        Some(Ok(None)) => format!("{wasm:?}: carries no schema of its data"),
        Some(Err(fault)) => BundleError { file: wasm, fault }.to_string(),
        None => no_policy(name),
    };
    directory.complain(&[why])
}

fn document(bundle: &Bundle, generation: &Generation, schemas: &Schemas) -> Value {
    let inputs = bundle.inputs();
    let files = bundle.files();
    json!({
        "name": bundle.name(),
        "title": bundle.title(),
        "version": bundle.version(),
        "summary": bundle.summary(),
        "digest": bundle.digest().to_string(),
        "wasm_digest": bundle.wasm_digest().to_string(),
        "wasm_bytes": bundle.wasm_bytes(),
        "files": files
            .map(|file| json!({ "name": file.name, "bytes": file.bytes }))
            .collect::<Vec<_>>(),
        "all_claims": inputs.all_claims,
        "claims": inputs.claims,
        "inputs": named(inputs),
        "imports": bundle.imports(),
        "schema_bytes": schemas.get(bundle.name()),
        "tests": generation.tests_of(bundle.name()),
    })
}

fn text(bundles: &[&Bundle], generation: &Generation, schemas: &Schemas, paint: Paint) -> String {
    let mut text = String::new();
    for bundle in bundles {
        text.push_str(&paint.head(bundle.name()));
        text.push('\n');
        let mut field = |name: &str, value: String| {
            // Writing to a String never fails.
            let _ = writeln!(text, "  {name:8}  {value}");
        };
        let title = format!(
            "{:?} {:?}: {}",
            bundle.title(),
            bundle.version(),
            bundle.summary()
        );
        field("is", title);
        field("digest", bundle.digest().to_string());
        let (digest, bytes) = (bundle.wasm_digest(), bundle.wasm_bytes());
        field("wasm", format!("{digest}, {}", counted(bytes, "byte")));
        for file in bundle.files() {
            field(
                "data",
                format!("{}, {}", file.name, counted(file.bytes, "byte")),
            );
        }
        field("reads", reads(bundle.inputs()));
        let imports = bundle.imports();
        let imports = if imports.is_empty() {
            "nothing".to_owned()
        } else {
            imports.join(" ")
        };
        field("imports", imports);
        if let Some(&bytes) = schemas.get(bundle.name()) {
            field(
                "schema",
                format!("{}, for its data", counted(bytes, "byte")),
            );
        }
        field("tests", generation.tests_of(bundle.name()).to_string());
    }
    if bundles.is_empty() {
        text.push_str("no policies: nobody is granted anything\n");
    }
    for warning in generation.warnings() {
        let _ = writeln!(text, "{} {warning}", paint.doubtful("warning"));
    }
    text
}

/// What a policy is told of a request beyond name, groups and scopes.
fn reads(inputs: &Inputs) -> String {
    let mut words = vec!["name, groups, scopes".to_owned()];
    if inputs.all_claims {
        words.push("all claims".to_owned());
    }
    words.extend(
        inputs
            .claims
            .iter()
            .map(|pointer| format!("claim {pointer}")),
    );
    words.extend(named(inputs).into_iter().map(str::to_owned));
    words.join(", ")
}
