//! `warden policy build`: from the sources here to a policy a server would take.
//!
//! ```text
//! sources -> cargo | clang, wasm-ld -> component or core module
//!   -> checked with its data, for every release line -> policies/NAME.wasm [-> --into DIR]
//! ```
//!
//! In: the project in the current directory. Out: its policy beside its data, and where it was
//! asked for, all of the bundle in a policy directory: the very bytes that were checked, and
//! no file beside them that was not. What a server would not take is put nowhere, and the
//! policy of before stays.

mod c;
mod place;
mod rust;
mod tool;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use warden_core::Server;
use warden_core::permissions::{BaseRules, Restriction};
use warden_policy::{Ear, Engine, EngineSettings, Frame, Generation, MANIFEST};

use super::directory::Lines;
use super::project::{Language, Project};
use crate::error::Error;
use crate::output::{Output, complain};
use crate::style::Paint;

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
    if let Some(directory) = &arguments.into {
        let others = place::others(directory, &project, &companions)?;
        if !others.is_empty() {
            return complain(&others, arguments.json);
        }
    }
    let generation = match check(&project, &wasm, &companions)? {
        Ok(generation) => generation,
        Err(errors) => return complain(&errors, arguments.json),
    };
    let mut places = vec![project.policies()];
    place::wasm(&project.policies(), &project.name, &wasm)?;
    if let Some(directory) = &arguments.into {
        place::bundle(directory, &project.name, &companions, &wasm)?;
        places.push(directory.clone());
    }
    let signed = places.iter().filter(|place| place::is_signed(place));
    let warnings: Vec<String> = signed.map(|place| to_sign(place)).collect();
    let built = Built {
        project: &project,
        wasm: &wasm,
        places: &places,
        generation: &generation,
        warnings: &warnings,
    };
    Ok(Output::good(if arguments.json {
        format!("{:#}\n", built.json())
    } else {
        built.text(Paint::of_stdout())
    }))
}

/// What is left to do in a directory that was signed before these files were in it.
fn to_sign(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "{directory} has a {MANIFEST}: sign it again (warden policy sign --dir {directory} --key \
         FILE), for until then a server with policy_keys keeps the policies it has"
    )
}

/// Loads the policy with its data as a server of each release line would, without running
/// tests. `Err` in it: the lines a server would log.
fn check(
    project: &Project,
    wasm: &[u8],
    companions: &place::Companions,
) -> Result<Result<Arc<Generation>, Vec<String>>, Error> {
    let aside = tempfile::tempdir()?;
    place::bundle(aside.path(), &project.name, companions, wasm)?;
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
                let errors = error.lines().into_iter();
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
struct Built<'a> {
    project: &'a Project,
    wasm: &'a [u8],
    /// The directories it was put into.
    places: &'a [PathBuf],
    generation: &'a Generation,
    warnings: &'a [String],
}

impl Built<'_> {
    fn files(&self) -> impl Iterator<Item = String> {
        let file = format!("{}.wasm", self.project.name);
        let places = self.places.iter();
        places.map(move |place| place.join(&file).display().to_string())
    }

    /// What the policy says of itself: its version and a summary.
    fn described(&self) -> (&str, &str) {
        let bundle = self.generation.bundles().first();
        bundle.map_or(("", ""), |bundle| (bundle.version(), bundle.summary()))
    }

    fn json(&self) -> Value {
        let (version, summary) = self.described();
        json!({
            "name": self.project.name,
            "language": self.project.language.word(),
            "version": version,
            "summary": summary,
            "bytes": self.wasm.len(),
            "files": self.files().collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }

    fn text(&self, paint: Paint) -> String {
        let ((version, summary), bytes) = (self.described(), self.wasm.len());
        let mut text = String::new();
        for file in self.files() {
            // Writing to a String never fails.
            let _ = writeln!(text, "{file}  {version:?}, {bytes} bytes: {summary}");
        }
        for warning in self.warnings {
            let _ = writeln!(text, "{}  {warning}", paint.doubtful("warning"));
        }
        text
    }
}

/// The bytes of a file that a tool has made.
fn made(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}
