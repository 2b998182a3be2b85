//! `warden policy test`: the test files of a directory, run as a load runs them.

use std::fmt::Write;

use clap::Args;
use serde_json::json;
use warden_core::clock::{Clock, SystemClock};
use warden_policy::{Generation, TestReport};

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
}

/// How one test went.
struct Ran {
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
    let generation = match directory.load(&arguments.release, None)? {
        Ok(generation) => generation,
        Err(errors) => return directory.complain(&errors),
    };
    let report = generation.run_tests(SystemClock::new().now());
    let is_valid = report.is_good() && report.passed > 0;
    let tests = ran(&generation, report);
    let text = if directory.json {
        json(&tests, &generation)
    } else {
        text(&tests, &generation, Paint::of_stdout())
    };
    Ok(Output { text, is_valid })
}

/// Every test in the order it was run, with what did not hold. Those that were not
/// run are the last.
fn ran(generation: &Generation, report: TestReport) -> Vec<Ran> {
    let count = generation.rehearsals().count();
    let run = count.saturating_sub(report.not_run);
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

fn json(tests: &[Ran], generation: &Generation) -> String {
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
        "warnings": generation.warnings(),
    });
    format!("{document:#}\n")
}

fn text(tests: &[Ran], generation: &Generation, paint: Paint) -> String {
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
