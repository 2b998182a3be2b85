//! `warden policy check`: is this directory what its author means?
//!
//! ```text
//! directory × release lines -> errors of the load and of tests
//! data files × the schema their policy carries -> errors
//! principals of test files and of --principal -> verdicts -> warnings
//! ```
//!
//! In: a policy directory. Out: what would keep it from coming into force, and what
//! authors trip over, each with what to write instead. Rights are known only by asking
//! the policies, so warnings are about whom tests and `--principal` name.

mod danger;
mod data;
mod finding;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use warden_core::clock::{Clock, SystemClock};
use warden_core::{Now, Server};
use warden_policy::{Ear, Generation};

use self::finding::{Findings, Mistake, Warning};
use super::directory::{Directory, releases};
use super::principal::{self, Asked};
use crate::error::Error;
use crate::output::Output;
use crate::style::Paint;

/// Which directory, and how strictly.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Release line of the server; by default every one that is known.
    #[arg(long, value_name = "LINE", value_parser = releases())]
    server: Option<String>,
    /// Look at the rights of this one too: a JSON document as for `eval`. May be given
    /// several times.
    #[arg(long = "principal", value_name = "FILE")]
    principals: Vec<PathBuf>,
    /// Warnings make the exit status 1.
    #[arg(long)]
    strict: bool,
}

/// Checks the directory; what is wrong is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let principals = arguments.principals.iter();
    let principals = principals
        .map(|file| principal::read(file))
        .collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<&str> = match &arguments.server {
        Some(line) => vec![line.as_str()],
        None => Server::releases().collect(),
    };
    let directory = &arguments.directory;
    let engine = directory.engine()?;
    let now = SystemClock.now();
    let mut findings = Findings::of(&lines);
    let mut previous: Option<Arc<Generation>> = None;
    let mistakes = data::mistakes(&directory.dir, &directory.keys()?);
    for line in lines {
        let mistakes = mistakes.iter();
        mistakes.for_each(|mistake| findings.error(line, mistake.clone()));
        let frame = directory.frame(line)?;
        match engine.load_untested(&directory.dir, frame, previous.as_ref(), Ear::Open) {
            Ok(generation) => {
                look(
                    &generation,
                    &directory.dir,
                    &principals,
                    now,
                    line,
                    &mut findings,
                );
                previous = Some(generation);
            }
            Err(error) => {
                let errors = error.errors.iter();
                errors.for_each(|error| findings.error(line, Mistake::of_load(error)));
            }
        }
    }
    let text = if directory.json {
        findings.json()
    } else {
        findings.text(Paint::of_stdout())
    };
    Ok(Output {
        text,
        is_valid: findings.is_good(arguments.strict),
    })
}

/// Everything about the directory on one release line.
fn look(
    generation: &Generation,
    dir: &Path,
    principals: &[Asked],
    now: Now,
    line: &str,
    findings: &mut Findings,
) {
    for error in generation.run_tests(now, Ear::Open).errors(dir) {
        findings.error(line, Mistake::of_load(&error));
    }
    for bundle in generation.bundles() {
        let wasi = bundle.imports().into_iter();
        let wasi: Vec<String> = wasi.filter(|name| name.starts_with("wasi:")).collect();
        if !wasi.is_empty() {
            findings.warn(line, None, Warning::wasi(bundle.name(), &wasi));
        }
    }
    for warning in generation.warnings() {
        findings.warn(line, None, Warning::of_load(&warning));
    }
    if generation.rehearsals().next().is_none() && !generation.bundles().is_empty() {
        findings.warn(line, None, Warning::no_tests());
    }
    let clients: Vec<_> = principals.iter().map(Asked::client).collect();
    let asked = generation.rehearsals().map(|test| {
        let wall = test.now.unwrap_or(now.wall);
        (test.principal, test.client, Now { wall, ..now })
    });
    let given = principals.iter().zip(&clients).map(|(asked, client)| {
        let wall = asked.now.unwrap_or(now.wall);
        (&asked.principal, client, Now { wall, ..now })
    });
    for (principal, client, now) in asked.chain(given) {
        watch::look(generation, (principal, client, now), line, findings);
    }
    findings.counted(generation);
}
