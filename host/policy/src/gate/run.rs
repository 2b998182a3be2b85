//! Running the tests of a generation, each as a log-in that nobody makes.

use std::time::Duration;

use warden_core::permissions::{Held, Permissions, Right};
use warden_core::{Now, Reason, ReasonKind, Server};

use super::report::{Failing, Problem, TestReport, rights};
use super::{Expectation, Test, TestFile};
use crate::budget::Budget;
use crate::error::gist;
use crate::generation::Generation;
use crate::log::Ear;
use crate::verdict::Opinion;

/// How long all tests of a generation may take: the next one waits for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs every test of every file, until all have been run or the time is up. Whoever watches is
/// told what each bundle says.
pub(crate) fn run(
    generation: &Generation,
    now: Now,
    ear: Ear,
    watch: &mut dyn FnMut(&str, &Opinion),
) -> TestReport {
    let started = Budget::start(Duration::MAX);
    let mut report = TestReport::default();
    for file in generation.test_files() {
        for test in &file.tests {
            if started.wall() > PATIENCE {
                report.not_run += 1;
                continue;
            }
            let problems = test.problems(generation, now, ear, watch);
            report.passed += usize::from(problems.is_empty());
            report
                .failing
                .extend(problems.into_iter().map(|problem| Failing {
                    file: TestFile::name_of(&file.bundle),
                    test: test.name.clone(),
                    user: test.principal.user_name().to_string(),
                    problem,
                }));
        }
    }
    report
}

impl Test {
    fn problems(
        &self,
        generation: &Generation,
        loaded: Now,
        ear: Ear,
        watch: &mut dyn FnMut(&str, &Opinion),
    ) -> Vec<Problem> {
        let now = Now {
            wall: self.now.unwrap_or(loaded.wall),
            ..loaded
        };
        let answer = generation.rehearse(&self.principal, &self.client, (now, ear), watch);
        match (&self.expectation, answer) {
            (_, Err(reason)) if !is_refusal(&reason) => vec![Problem::Undecided {
                reason: reason.detail().to_owned(),
            }],
            (Expectation::LogIn { .. }, Err(reason)) => vec![Problem::Refused {
                reason: reason.detail().to_owned(),
            }],
            (Expectation::LogIn { can, cannot }, Ok(permissions)) => {
                let server = &generation.frame().server;
                let judge = Judge {
                    permissions: &permissions,
                    held: permissions.on(server),
                    server,
                };
                let lacking = can.iter().filter_map(|right| judge.can(right));
                let held = cannot.iter().filter_map(|right| judge.cannot(right));
                lacking.chain(held).collect()
            }
            (Expectation::Refused { .. }, Ok(permissions)) => vec![Problem::LogsIn {
                rights: rights(&permissions),
            }],
            (Expectation::Refused { words: None }, Err(_)) => Vec::new(),
            (Expectation::Refused { words: Some(words) }, Err(reason)) => {
                other_reason(words, &reason).into_iter().collect()
            }
        }
    }
}

/// Whether policies answered, and the answer was no. A policy that fails refuses
/// too, but no author means that.
fn is_refusal(reason: &Reason) -> bool {
    matches!(reason.kind(), ReasonKind::Denied | ReasonKind::NoGrant)
}

fn other_reason(words: &str, reason: &Reason) -> Option<Problem> {
    let reply = reason.reply();
    let (detail, reply) = (reason.detail(), reply.as_str());
    let other = !detail.contains(words) && !reply.contains(words);
    other.then(|| Problem::OtherReason {
        words: gist(words),
        reason: format!("{detail:?}, and {reply:?} to the client"),
    })
}

/// Compares rights with what was granted.
struct Judge<'a> {
    permissions: &'a Permissions,
    held: Held<'a>,
    server: &'a Server,
}

impl Judge<'_> {
    fn can(&self, right: &Right) -> Option<Problem> {
        let commands = self.held.lacking(right);
        self.unknown(right).or_else(|| {
            (!commands.is_empty()).then(|| Problem::CanNot {
                right: gist(&right.to_string()),
                commands: commands.into_iter().map(str::to_owned).collect(),
                rights: rights(self.permissions),
            })
        })
    }

    fn cannot(&self, right: &Right) -> Option<Problem> {
        let commands = self.held.having(right);
        self.unknown(right).or_else(|| {
            (!commands.is_empty()).then(|| Problem::Can {
                right: gist(&right.to_string()),
                commands: commands.into_iter().map(str::to_owned).collect(),
                rights: rights(self.permissions),
            })
        })
    }

    /// Nobody can call what is not there. But a misspelt `cannot` would hold for
    /// ever, so this is never what was meant.
    fn unknown(&self, right: &Right) -> Option<Problem> {
        let unknown = right.unknown_to(self.server);
        (!unknown.is_empty()).then(|| Problem::Unknown {
            right: gist(&right.to_string()),
            unknown,
        })
    }
}
