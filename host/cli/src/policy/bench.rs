//! `warden policy bench`: how long a directory takes to load, and its decisions to make.
//!
//! ```text
//! directory -> load, timed -> snapshots, timed -> decisions about each principal in turn
//! ```
//!
//! In: a policy directory, and whom its tests, `--principal` and `--requests` name. Out: times and memory
//! of each policy and of all together, beside the bounds a server sets. Nobody waits in a
//! queue here, and nothing else runs: it compares policies, and promises nothing of a server.

mod figures;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use warden_core::clock::{Clock, SystemClock};
use warden_core::{ClientFacts, Now, Principal};
use warden_policy::{Ear, Generation, SnapshotState, Unloaded};

use self::figures::Figures;
use self::report::{Bench, Policy};
use super::directory::{Directory, Release};
use super::principal;
use crate::error::Error;
use crate::output::Output;
use crate::style::Paint;

/// The longest that decisions are measured for; the last one is ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which directory, and about whom.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    release: Release,
    /// Decide about this one too: a JSON document as for `eval`. May be given several times.
    #[arg(long = "principal", value_name = "FILE")]
    principals: Vec<PathBuf>,
    /// Decide about these too: a JSON document a line, as `eval --record` writes them; `-`
    /// reads them from standard input.
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    /// How many decisions to measure, about each principal in turn; a minute at most.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    decisions: u32,
}

/// Measures a directory. A policy that fails makes the exit status 1.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let principals = arguments.principals.iter();
    let mut principals = principals
        .map(|file| principal::read(file))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(file) = &arguments.requests {
        principals.extend(principal::requests(file)?.into_iter().map(|r| r.asked));
    }
    let directory = &arguments.directory;
    if principals.is_empty() && has_no_tests(directory)? {
        return Err(nobody());
    }
    let (engine, frame) = (
        directory.engine()?,
        directory.frame(&arguments.release.server)?,
    );
    let clock = SystemClock;
    let started = clock.now().monotonic;
    let generation = match engine.load_untested(&directory.dir, frame, None, Ear::Open) {
        Ok(generation) => generation,
        Err(error) => {
            return directory.complain(&error.lines());
        }
    };
    let load = clock.now().monotonic.saturating_sub(started);
    let compilations = engine.compilations();
    let mut policies: Vec<Policy> = generation.bundles().iter().map(|b| Policy::of(b)).collect();
    snapshots(&generation, &clock, &mut policies);
    let asked = asked(&generation, &principals);
    // A test file may have gone meanwhile.
    if asked.is_empty() {
        return Err(nobody());
    }
    let whole = decisions(
        &generation,
        &clock,
        &asked,
        arguments.decisions,
        &mut policies,
    );
    let bench = Bench {
        server: generation.frame().server.version.clone(),
        load,
        compilations,
        principals: asked.len(),
        limits: directory.limits(),
        policies,
        whole,
    };
    let text = if directory.json {
        bench.json()
    } else {
        bench.text(Paint::of_stdout())
    };
    Ok(Output {
        text,
        is_valid: bench.policies.iter().all(|policy| policy.failure.is_none()),
    })
}

/// Whether no bundle has a test file, without compiling any. Of a directory that cannot be
/// read, the load tells.
fn has_no_tests(directory: &Directory) -> Result<bool, Error> {
    let bundles = Unloaded::read_all(&directory.dir, &directory.keys()?);
    Ok(bundles.is_ok_and(|bundles| bundles.iter().all(|bundle| !bundle.has_tests)))
}

fn nobody() -> Error {
    let why =
        "there is nobody to decide about: write a test file, or give --principal or --requests";
    Error::Usage(why.to_owned())
}

/// Takes every snapshot, so that decisions start as a server's do after two seconds.
fn snapshots(generation: &Generation, clock: &SystemClock, policies: &mut [Policy]) {
    loop {
        let started = clock.now().monotonic;
        let Some(bundle) = generation.take_snapshot() else {
            break;
        };
        let took = clock.now().monotonic.saturating_sub(started);
        let of_bundle = policies.iter_mut().find(|p| p.name == bundle.name());
        if let Some(policy) = of_bundle {
            policy.snapshot_took = took;
        }
    }
    for (policy, bundle) in policies.iter_mut().zip(generation.bundles()) {
        policy.no_snapshot = match bundle.snapshot() {
            SnapshotState::Taken => None,
            SnapshotState::Pending => Some("it was not taken".to_owned()),
            SnapshotState::Impossible(why) => Some(why.to_owned()),
        };
    }
}

/// Whom to decide about, how connected and at which time.
type Asked<'a> = (&'a Principal, ClientFacts, Option<warden_core::Timestamp>);

fn asked<'a>(generation: &'a Generation, principals: &'a [principal::Asked]) -> Vec<Asked<'a>> {
    let tests = generation.rehearsals();
    let tests = tests.map(|test| (test.principal, test.client.clone(), test.now));
    let given = principals.iter();
    tests
        .chain(given.map(|given| (&given.principal, given.client(), given.now)))
        .collect()
}

/// Decides about each in turn. The first decision about each is not counted: it finds
/// nothing of the processor's caches.
fn decisions(
    generation: &Generation,
    clock: &SystemClock,
    asked: &[Asked<'_>],
    count: u32,
    policies: &mut [Policy],
) -> Figures {
    let mut whole = Figures::default();
    let started = clock.now().monotonic;
    let warm_up = asked.iter().map(|asked| (asked, false));
    let counted = asked.iter().cycle().map(|asked| (asked, true));
    let counted = counted.take(usize::try_from(count).unwrap_or(usize::MAX));
    for ((principal, client, at), counts) in warm_up.chain(counted) {
        let now = clock.now();
        if now.monotonic.saturating_sub(started) > PATIENCE {
            break;
        }
        let wall = at.unwrap_or(now.wall);
        let measured = generation.measure(principal, client, Now { wall, ..now });
        for (policy, effort) in policies.iter_mut().zip(&measured.policies) {
            policy.add(effort, counts);
        }
        if counts {
            whole.add(measured.whole);
        }
    }
    whole
}
