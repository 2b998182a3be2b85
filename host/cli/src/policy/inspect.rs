//! `warden policy inspect`: what each policy of a directory is.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};
use warden_policy::{Bundle, Generation, Inputs};

use super::directory::{Directory, Release};
use crate::error::Error;
use crate::output::Output;
use crate::style::{Paint, counted};

/// Which directory.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    release: Release,
}

/// Loads the directory and shows it; tests are counted and not run.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let directory = &arguments.directory;
    let generation = match directory.load(&arguments.release, None)? {
        Ok(generation) => generation,
        Err(errors) => return directory.complain(&errors),
    };
    Ok(Output::good(if directory.json {
        let policies = generation.bundles().iter();
        let policies: Vec<Value> = policies.map(|b| document(b, &generation)).collect();
        let warnings = generation.warnings();
        format!(
            "{:#}\n",
            json!({ "policies": policies, "warnings": warnings })
        )
    } else {
        text(&generation, Paint::of_stdout())
    }))
}

fn document(bundle: &Bundle, generation: &Generation) -> Value {
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
        "tests": generation.tests_of(bundle.name()),
    })
}

fn text(generation: &Generation, paint: Paint) -> String {
    let mut text = String::new();
    for bundle in generation.bundles() {
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
        field("tests", generation.tests_of(bundle.name()).to_string());
    }
    if generation.bundles().is_empty() {
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

/// The inputs of the contract, by its words.
fn named(inputs: &Inputs) -> Vec<&'static str> {
    [
        (inputs.client_address, "client-address"),
        (inputs.client_tls, "client-tls"),
        (inputs.client_certificate, "client-certificate"),
        (inputs.clock, "clock"),
        (inputs.server_role, "server-role"),
        (inputs.server_version, "server-version"),
    ]
    .into_iter()
    .filter_map(|(is_read, name)| is_read.then_some(name))
    .collect()
}
