//! `warden policy diff`: who of recorded requests would lose or gain what under another
//! directory.
//!
//! ```text
//! requests × (directory before, directory after) -> answers -> changes, by what they come to
//! ```
//!
//! In: two policy directories and requests as `warden policy eval --record` writes them.
//! Out: what `WARDEN.POLICIES PREVIEW` tells of live sessions, by the same comparison.
//! Exit status as that of diff(1): 0 nothing changes, 1 something does, 2 not compared, or
//! not for sure, because requests do not say what a directory reads.

mod memory;
mod report;
mod unsaid;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use warden_core::clock::{Clock, SystemClock};
use warden_core::{Now, Reason, UserName};
use warden_policy::{Change, Ear, Engine, Generation, Outcome};

use self::memory::{Answer, Memory};
use self::report::Report;
use super::directory::{Configuration, Release};
use super::principal::{self, Request};
use crate::error::Error;
use crate::output::{Output, complain};
use crate::style::Paint;

/// Which directories, and about whom they are asked.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy directory as it is.
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The one that would take its place.
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Whom to ask about: a JSON document a line, as `eval --record` writes and
    /// `eval --principal` takes them; `-` reads them from standard input.
    #[arg(long, value_name = "FILE")]
    requests: PathBuf,
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    release: Release,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What becomes of requests of one user.
struct Told {
    user: UserName,
    authenticator: String,
    /// Where they stand in the file.
    lines: Vec<usize>,
    change: Change,
    /// The rules before, and after.
    rules: [Option<String>; 2],
}

/// Compares; a change is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    // Whatever goes wrong, nothing is known of what changes: that is not status 1.
    compare(arguments).map_err(|error| match error {
        Error::Usage(_) | Error::NotCompared(_) => error,
        error => Error::NotCompared(error.to_string()),
    })
}

fn compare(arguments: &Arguments) -> Result<Output, Error> {
    let requests = principal::requests(&arguments.requests)?;
    let engine = arguments.configuration.engine()?;
    let before = load(arguments, &engine, &arguments.before, None);
    let before_loaded = before.as_ref().ok();
    let after = load(arguments, &engine, &arguments.after, before_loaded);
    let (before, after) = match (before, after) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => {
            let errors = [before.err(), after.err()].into_iter().flatten();
            return Err(not_compared(arguments, errors.collect())?);
        }
    };
    let real = SystemClock.now();
    let mut told: BTreeMap<_, Told> = BTreeMap::new();
    let mut memory = Memory::of(&before, &after);
    for request in &requests {
        let wall = request.asked.now.unwrap_or(real.wall);
        let answers = memory.answers(&request.asked, Now { wall, ..real });
        if let Some(change) = memory.change(&answers) {
            note(request, &answers, change, &mut told);
        }
    }
    let report = Report {
        server: &after.frame().server,
        requests: requests.len(),
        told: told.into_values().collect(),
        warnings: unsaid::warnings(&requests, before.inputs(), after.inputs()),
    };
    let text = if arguments.json {
        format!("{:#}\n", report.json())
    } else {
        report.text(Paint::of_stdout())
    };
    let output = Output {
        text,
        is_valid: report.told.is_empty(),
    };
    match report.warnings.is_empty() {
        true => Ok(output),
        false => Err(doubtful(
            &output,
            "requests do not say all that is read, so that servers may answer otherwise: the \
             warnings say what to do",
        )?),
    }
}

/// Loads a directory, without its tests. `Err`: the lines the module would log.
fn load(
    arguments: &Arguments,
    engine: &Engine,
    dir: &Path,
    beside: Option<&Arc<Generation>>,
) -> Result<Arc<Generation>, Vec<String>> {
    let place = |line: String| format!("{}: {line}", dir.display());
    let frame = arguments.configuration.frame(&arguments.release.server);
    let frame = frame.map_err(|error| vec![error.to_string()])?;
    let loaded = engine.load_untested(dir, frame, beside, Ear::Open);
    loaded.map_err(|error| error.lines().into_iter().map(place).collect())
}

/// Directories that cannot be loaded, told; the error says that nothing was compared.
fn not_compared(arguments: &Arguments, errors: Vec<Vec<String>>) -> Result<Error, Error> {
    let told = complain(&errors.concat(), arguments.json)?;
    doubtful(&told, "the policies were not compared")
}

/// What was found, written down though it is no answer; the error says why it is none.
fn doubtful(told: &Output, why: &str) -> Result<Error, Error> {
    io::stdout().lock().write_all(told.shown().as_bytes())?;
    Ok(Error::NotCompared(why.to_owned()))
}

fn note(
    request: &Request,
    answers: &[Answer; 2],
    change: Change,
    told: &mut BTreeMap<(Outcome, UserName, String), Told>,
) {
    let principal = &request.asked.principal;
    let user = principal.user_name();
    let rules = answers.each_ref().map(|answer| {
        let decision = answer.as_ref().ok();
        decision.map(|decision| decision.rendered.rules.clone())
    });
    let reason = change.reason.as_ref().map(Reason::detail);
    let alike = format!("{rules:?} {reason:?}");
    let entry = told.entry((change.outcome, user.clone(), alike));
    let entry = entry.or_insert_with(|| Told {
        user,
        authenticator: principal.authenticator.as_str().to_owned(),
        lines: Vec::new(),
        change,
        rules,
    });
    entry.lines.push(request.line);
}
