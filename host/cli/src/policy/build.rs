//! `warden policy build`: from the sources here to a policy a server would take.
//!
//! ```text
//! sources -> cargo | clang, wasm-ld -> component or core module
//!   -> checked with its data, for every release line -> policies/NAME.wasm [-> --into DIR]
//! ```
//!
//! In: the project in the current directory. Out: its policy beside its data, and where it was
//! asked for, all of the bundle in a policy directory. What a server would not take is put
//! nowhere, and the policy of before stays.

mod c;
mod place;
mod rust;
mod tool;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use warden_core::Server;
use warden_core::permissions::{BaseRules, Restriction};
use warden_policy::{Ear, Engine, EngineSettings, Frame, Generation};

use super::directory::{Lines, complain};
use super::project::{Language, Project};
use crate::error::Error;
use crate::output::Output;

/// What is built, and where it goes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy's name; without it, that of the one test file in `policies`.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Put the policy, its data and its tests into this policy directory, too: each file whole
    /// or not at all.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Builds, checks and places; what a server would not take is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let project = Project::find(Path::new(""), arguments.name.as_deref())?;
    if let Some(directory) = &arguments.into {
        place::check(directory)?;
    }
    let wasm = match project.language {
        Language::Rust => rust::build(&project)?,
        Language::C => c::build(&project)?,
    };
    let companions = place::companions(&project)?;
    match check(&project, &wasm, &companions)? {
        Ok(generation) => {
            let mut places = vec![project.policies()];
            place::wasm(&project.policies(), &project.name, &wasm)?;
            if let Some(directory) = &arguments.into {
                place::bundle(directory, &project, &companions, &wasm)?;
                places.push(directory.clone());
            }
            Ok(told(&project, &wasm, &places, &generation, arguments.json))
        }
        Err(errors) => complain(&errors, arguments.json),
    }
}

/// Loads the policy with its data as a server of each release line would, without running
/// tests. `Err` in it: the lines a server would log.
fn check(
    project: &Project,
    wasm: &[u8],
    companions: &[PathBuf],
) -> Result<Result<Arc<Generation>, Vec<String>>, Error> {
    let aside = tempfile::tempdir()?;
    place::bundle(aside.path(), project, companions, wasm)?;
    let engine = Engine::new(EngineSettings {
        log: Arc::new(Lines),
        ..EngineSettings::default()
    })?;
    let mut previous: Option<Arc<Generation>> = None;
    let releases = Server::releases();
    for (line, server) in releases.filter_map(|line| Some((line, Server::of_release(line)?))) {
        let frame = Frame {
            base: BaseRules::default(),
            ceiling: Restriction::default(),
            server: Arc::new(server),
            required: BTreeSet::new(),
        };
        match engine.load_untested(aside.path(), frame, previous.as_ref(), Ear::Open) {
            Ok(generation) => previous = Some(generation),
            Err(error) => {
                let errors = error.errors.iter();
                return Ok(Err(errors
                    .map(|error| format!("{line}: {error}"))
                    .collect()));
            }
        }
    }
    previous
        .map(Ok)
        .ok_or_else(|| Error::Project("no release line is known".to_owned()))
}

/// What came of it.
fn told(
    project: &Project,
    wasm: &[u8],
    places: &[PathBuf],
    generation: &Generation,
    as_json: bool,
) -> Output {
    let files = places.iter();
    let files: Vec<String> = files
        .map(|place| {
            place
                .join(format!("{}.wasm", project.name))
                .display()
                .to_string()
        })
        .collect();
    let bundle = generation.bundles().first();
    let summary = bundle.map_or_else(String::new, |bundle| bundle.summary().to_owned());
    let version = bundle.map_or_else(String::new, |bundle| bundle.version().to_owned());
    if as_json {
        let document = json!({
            "name": project.name,
            "language": project.language.word(),
            "version": version,
            "summary": summary,
            "bytes": wasm.len(),
            "files": files,
        });
        return Output::good(format!("{document:#}\n"));
    }
    let lines = files.iter();
    let lines = lines.map(|file| format!("{file}  {version:?}, {} bytes: {summary}\n", wasm.len()));
    Output::good(lines.collect())
}

/// The bytes of a file that a tool has made.
fn made(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}
