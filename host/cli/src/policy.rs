//! `warden policy`: a policy author's tools, without a server.
//!
//! ```text
//! policy directory -> warden_policy::Engine -> Generation -> inspect | eval | check | test | bench
//! two of them + requests, as eval writes them down -> diff
//! policy directory + secret key -> sign -> MANIFEST, MANIFEST.minisig -> verify
//! name -> new -> a project -> build -> a policy beside its data
//! ```
//!
//! In: a directory as `policy_dir` has it, and what the module's configuration would
//! say. Out: what a server of a release line would answer, by the module's own code.
//! Nothing here decides or verifies anything itself, and nobody is logged in.

mod bench;
mod build;
mod check;
mod diff;
mod directory;
mod eval;
mod inspect;
mod keygen;
mod new;
mod principal;
mod project;
mod reads;
mod record;
mod report;
mod schema;
mod secret_key;
mod sign;
mod table;
mod test;
mod trust;
mod verify;

use clap::Subcommand;

use crate::error::Error;
use crate::output::Output;

/// The verbs of `warden policy`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Begin a policy: a directory that builds and passes its tests at once.
    New(Box<new::Arguments>),
    /// Build the policy in this directory, check that a server would take it, and put it
    /// beside its data.
    Build(Box<build::Arguments>),
    /// Load a policy directory, run its tests, hold its data to the schemas of its
    /// policies, and warn of what authors trip over; exit status 0 without errors.
    Check(Box<check::Arguments>),
    /// Show each policy: what it is, what it reads, how large it is; or the schema of its
    /// data.
    Inspect(Box<inspect::Arguments>),
    /// Show what somebody may do, and which policy says so; exit status 0 granted.
    Eval(Box<eval::Arguments>),
    /// Tell who of recorded requests would lose or gain what under another directory; exit
    /// status 0 when nobody would.
    Diff(Box<diff::Arguments>),
    /// Run the test files, one line a test, and tell what of the policies no test touches;
    /// exit status 0 when all hold.
    Test(Box<test::Arguments>),
    /// Make a key to sign policies with.
    Keygen(Box<keygen::Arguments>),
    /// List everything a policy directory holds, and sign the list.
    Sign(Box<sign::Arguments>),
    /// Say whether a policy directory is as it was signed; exit status 0 if it is.
    Verify(Box<verify::Arguments>),
    /// Measure how long a policy directory takes to load and its decisions to make.
    Bench(Box<bench::Arguments>),
}

/// Carries out a verb.
pub(crate) fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::New(arguments) => new::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
