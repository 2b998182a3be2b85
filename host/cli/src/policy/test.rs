//! `warden policy test`: the test files of a directory, run as a load runs them, and what
//! of the policies they do not touch.

mod coverage;
mod junit;

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use warden_core::clock::{Clock, SystemClock};
use warden_policy::{Ear, Generation, TestReport};

use self::coverage::{Coverage, Touched};
use self::junit::Suite;
use super::directory::{Directory, Release};
use crate::error::Error;
use crate::output::Output;
use crate::style::{Paint, counted};

/// Which directory, for which server.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    release: Release,
    /// Write the results as JUnit XML too, for CI systems.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Labels that no test touches make the exit status 1.
    #[arg(long)]
    strict: bool,
}

/// How one test went.
struct Ran {
    policy: String,
    file: String,
    test: String,
    outcome: Outcome,
    problems: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

/// Runs every test. A directory without any is no success: one whose test file is
/// misnamed has none either.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let directory = &arguments.directory;
    let write = |suites: Vec<Suite>| match &arguments.junit {
        Some(file) => junit::write(file, &suites),
        None => Ok(()),
    };
    let generation = match directory.load(&arguments.release, None)? {
        Ok(generation) => generation,
        Err(errors) => {
            write(junit::not_loaded(&directory.dir, &errors))?;
            return directory.complain(&errors);
        }
    };
    let now = SystemClock.now();
    let mut touched = Touched::default();
    let report = generation.run_tests_watched(now, Ear::Open, &mut |policy, opinion| {
        touched.note(policy, opinion);
    });
    let run = generation
        .rehearsals()
        .count()
        .saturating_sub(report.not_run);
    let coverage = coverage::of(&generation, &touched);
    let is_whole = coverage.iter().all(Coverage::is_whole);
    let is_valid = report.is_good() && report.passed > 0 && (is_whole || !arguments.strict);
    let tests = ran(&generation, run, &report);
    write(junit::suites(&tests, &coverage))?;
    let text = if directory.json {
        json(&tests, &coverage, &generation)
    } else {
        text(&tests, &coverage, &generation, Paint::of_stdout())
    };
    Ok(Output { text, is_valid })
}

/// Every test in the order it was run, with what did not hold. Those that were not
/// run are the last.
fn ran(generation: &Generation, run: usize, report: &TestReport) -> Vec<Ran> {
    let tests = generation.rehearsals().enumerate();
    tests
        .map(|(place, rehearsal)| {
            let file = rehearsal.file();
            let failing = report.failing.iter();
            let problems: Vec<_> = failing
                .filter(|failing| failing.file == file && failing.test == rehearsal.test)
                .map(ToString::to_string)
                .collect();
            Ran {
                policy: rehearsal.bundle.to_owned(),
                file,
                test: rehearsal.test.to_owned(),
                outcome: match problems.is_empty() {
                    _ if place >= run => Outcome::NotRun,
                    true => Outcome::Passed,
                    false => Outcome::Failed,
                },
                problems,
            }
        })
        .collect()
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not run",
        }
    }
}

fn count(tests: &[Ran], outcome: Outcome) -> usize {
    tests.iter().filter(|test| test.outcome == outcome).count()
}

fn json(tests: &[Ran], coverage: &[Coverage], generation: &Generation) -> String {
    let document = json!({
        "server": generation.frame().server.version,
        "passed": count(tests, Outcome::Passed),
        "failed": count(tests, Outcome::Failed),
        "not_run": count(tests, Outcome::NotRun),
        "tests": tests
            .iter()
            .map(|test| json!({
                "file": test.file,
                "test": test.test,
                "outcome": test.outcome.word(),
                "problems": test.problems,
            }))
            .collect::<Vec<_>>(),
        "labels": coverage.iter().map(Coverage::json).collect::<Vec<_>>(),
        "warnings": generation.warnings(),
    });
    format!("{document:#}\n")
}

fn text(tests: &[Ran], coverage: &[Coverage], generation: &Generation, paint: Paint) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        // Writing to a String never fails.
        let _ = writeln!(text, "{words}");
    };
    for test in tests {
        let word = format!("{:7}", test.outcome.word());
        let word = match test.outcome {
            Outcome::Passed => paint.good(&word),
            Outcome::Failed => paint.bad(&word),
            Outcome::NotRun => paint.doubtful(&word),
        };
        line(&format!("{word}  {}: {}", test.file, test.test));
        for problem in &test.problems {
            line(&format!("         {problem}"));
        }
    }
    // Without tests nothing is touched, and needs no list.
    for covered in coverage.iter().filter(|_| !tests.is_empty()) {
        if let Some(words) = covered.text() {
            let word = match covered.is_whole() {
                true => "labels ".to_owned(),
                false => paint.doubtful("labels "),
            };
            line(&format!("{word}  {words}"));
        }
    }
    for warning in generation.warnings() {
        line(&format!("{}  {warning}", paint.doubtful("warning")));
    }
    let not_run = match count(tests, Outcome::NotRun) {
        0 => String::new(),
        not_run => format!(", {not_run} not run, because all together took more than a minute"),
    };
    line(&format!(
        "{}: {} passed, {} failed{not_run}",
        counted(tests.len(), "test"),
        count(tests, Outcome::Passed),
        count(tests, Outcome::Failed),
    ));
    text
}
