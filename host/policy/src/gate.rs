//! Test files: what a bundle's author expects of the whole generation.
//!
//! In comes `NAME.tests.toml`, out goes a [`TestReport`]. A generation whose
//! tests fail is not activated. A test makes up a principal that nobody verified,
//! so nothing of it leaves this room but words: no decision, no session.
//! [`Rehearsal`]s show tools whom the tests are about.

mod file;
mod moment;
mod report;
mod run;

pub use moment::read_moment;
pub use report::{Failing, Problem, TestReport};
pub(crate) use run::run;

use std::sync::Arc;

use warden_core::permissions::Right;
use warden_core::{ClientFacts, Principal, Timestamp};

use crate::digest::Digest;

/// The most one test file may hold: bounds what reading it costs.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;
/// Tests of one file: bounds what a load costs.
const MAX_TESTS: usize = 256;
/// Rights in one list of a test.
const MAX_RIGHTS: usize = 256;
/// Longest name of a test, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// The tests of one bundle, checked.
#[derive(Debug)]
pub(crate) struct TestFile {
    pub(crate) bundle: Arc<str>,
    /// Of the file's bytes.
    pub(crate) digest: Digest,
    pub(crate) tests: Vec<Test>,
}

/// One test.
#[derive(Debug)]
pub(crate) struct Test {
    name: String,
    principal: Principal,
    client: ClientFacts,
    /// The time of the load when absent.
    now: Option<Timestamp>,
    expectation: Expectation,
}

/// A test, as tools see it: about whom it is, and when.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal<'a> {
    /// The bundle whose test file it stands in.
    pub bundle: &'a str,
    /// The test's name.
    pub test: &'a str,
    /// Whom it makes up.
    pub principal: &'a Principal,
    /// How that principal would be connected.
    pub client: &'a ClientFacts,
    /// The time it names; that of the load when absent.
    pub now: Option<Timestamp>,
}

impl Rehearsal<'_> {
    /// The test file's name.
    pub fn file(&self) -> String {
        TestFile::name_of(self.bundle)
    }
}

/// What a test expects of the answer.
#[derive(Debug)]
enum Expectation {
    /// A log-in, with all of these rights and none of those.
    LogIn { can: Vec<Right>, cannot: Vec<Right> },
    /// A refusal by the policies, with these words in one of its reasons.
    Refused { words: Option<String> },
}

impl TestFile {
    /// Its name in the policy directory.
    pub(crate) fn name_of(bundle: &str) -> String {
        format!("{bundle}.tests.toml")
    }

    /// Reads a test file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its key.
    pub(crate) fn parse(bundle: &str, bytes: &[u8]) -> Result<Self, Vec<String>> {
        Ok(Self {
            bundle: bundle.into(),
            digest: Digest::of(bytes),
            tests: file::parse(bytes)?,
        })
    }

    /// Whom its tests are about, in their order.
    pub(crate) fn rehearsals(&self) -> impl Iterator<Item = Rehearsal<'_>> {
        self.tests.iter().map(|test| Rehearsal {
            bundle: &self.bundle,
            test: &test.name,
            principal: &test.principal,
            client: &test.client,
            now: test.now,
        })
    }
}

#[cfg(test)]
mod tests;
