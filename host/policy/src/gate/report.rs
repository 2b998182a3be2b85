//! How a run of tests went, in words that say what to change.

use std::fmt;
use std::path::Path;

use warden_core::permissions::Permissions;

use crate::error::{BundleError, Fault, gist};

/// Failing expectations that are told one by one.
const SHOWN_FAILURES: usize = 20;

/// The most commands one message names.
const SHOWN_COMMANDS: usize = 8;

/// The outcome of all tests of a generation.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// Tests that were run and held.
    pub passed: usize,
    /// What did not hold, in the order of files and tests.
    pub failing: Vec<Failing>,
    /// Tests that were not run, because all together took too long.
    pub not_run: usize,
}

impl TestReport {
    /// Whether every test was run and held.
    pub fn is_good(&self) -> bool {
        self.failing.is_empty() && self.not_run == 0
    }

    /// What of it keeps the generation of a directory from coming into force.
    pub fn errors(self, dir: &Path) -> Vec<BundleError> {
        let more = self.failing.len().saturating_sub(SHOWN_FAILURES);
        let failing = self.failing.into_iter().take(SHOWN_FAILURES);
        let mut errors: Vec<_> = failing
            .map(|failing| {
                let file = failing.file.clone();
                Fault::Failing(Box::new(failing)).of(file)
            })
            .collect();
        let whole = |fault: Fault| fault.of(dir.display().to_string());
        errors.extend((more > 0).then(|| whole(Fault::MoreFailing(more))));
        errors.extend((self.not_run > 0).then(|| whole(Fault::TestsTooSlow(self.not_run))));
        errors
    }
}

/// One expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The test file.
    pub file: String,
    /// The test's name.
    pub test: String,
    /// The user of the test: `corp/alice`.
    pub user: String,
    /// What is otherwise than expected.
    pub problem: Problem,
}

/// What is otherwise than a test expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It should be able to, and is not.
    CanNot {
        /// As in the file.
        right: String,
        /// The commands it may not call so.
        commands: Vec<String>,
        /// What it may do.
        rights: String,
    },
    /// It should not be able to, and is.
    Can {
        /// As in the file.
        right: String,
        /// The commands it may call so.
        commands: Vec<String>,
        /// What it may do.
        rights: String,
    },
    /// The right names commands or categories that this server does not have.
    Unknown {
        /// As in the file.
        right: String,
        /// What is unknown.
        unknown: Vec<String>,
    },
    /// It should log in, and the policies refuse it.
    Refused {
        /// The operator's reason.
        reason: String,
    },
    /// It should be refused, and may log in.
    LogsIn {
        /// What it may do.
        rights: String,
    },
    /// It is refused, as it should, for another reason.
    OtherReason {
        /// The words that were expected.
        words: String,
        /// The operator's reason and the reply to the client.
        reason: String,
    },
    /// The policies could not decide: one failed, or the answer cannot be applied.
    Undecided {
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test {:?}: ", self.test)?;
        let user = &self.user;
        match &self.problem {
            Problem::CanNot {
                right,
                commands,
                rights,
            } => write!(
                f,
                "{user} should be able to {right:?} and may not call {}; its rights are {rights}",
                shown(commands)
            ),
            Problem::Can {
                right,
                commands,
                rights,
            } => write!(
                f,
                "{user} should not be able to {right:?} and may call {}; its rights are {rights}",
                shown(commands)
            ),
            Problem::Unknown { right, unknown } => write!(
                f,
                "{right:?} names what this server does not have: {}",
                unknown.join(", ")
            ),
            Problem::Refused { reason } => {
                write!(f, "{user} should log in and is refused: {reason}")
            }
            Problem::LogsIn { rights } => {
                write!(
                    f,
                    "{user} should be refused and may log in; its rights are {rights}"
                )
            }
            Problem::OtherReason { words, reason } => write!(
                f,
                "{user} is refused, but not with {words:?}; the reasons are {reason}"
            ),
            Problem::Undecided { reason } => {
                write!(f, "nothing was decided about {user}: {reason}")
            }
        }
    }
}

/// What permissions come to, on one line: the grants, and what is laid over them.
pub(super) fn rights(permissions: &Permissions) -> String {
    let grants: Vec<String> = permissions
        .grants()
        .map(|grant| format!("({grant})"))
        .collect();
    let limits = permissions.limits().to_string();
    let limits = if limits.is_empty() {
        limits
    } else {
        format!(" under {limits}")
    };
    let rights = format!("{}{limits}", grants.join(" "));
    gist(&rights)
}

fn shown(commands: &[String]) -> String {
    let more = commands.len().saturating_sub(SHOWN_COMMANDS);
    let mut text = commands
        .iter()
        .take(SHOWN_COMMANDS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
