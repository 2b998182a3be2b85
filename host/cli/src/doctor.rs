//! `warden doctor`: is this server set up safely?
//!
//! ```text
//! arguments -> connection -> server (asked once) -> facts -> checks -> findings -> text or JSON
//! ```
//!
//! In: a running server, and its files, identity providers and directories where it runs on this machine. Out: one
//! finding for each check, always all of them and in the same order; exit status 1
//! when one is a problem. It asks only what reads, changes nothing, and shows no
//! password. What it may not see it says, and never takes for good.

mod checks;
mod connection;
mod facts;
mod finding;
mod machine;
mod place;
mod providers;
mod report;
mod server;
mod user;

use clap::Args;

use crate::error::Error;
use crate::output::Output;

/// Which server, and how to answer.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: connection::Destination,
    /// Answer as JSON: one object with `checks`, a list of objects with `name`,
    /// `result` (ok, warning, problem), `seen`, `why` and `advice`.
    #[arg(long)]
    json: bool,
}

/// Looks at the server; problems are an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let mut server = connection::open(&arguments.connection)?;
    let facts = facts::gather(&mut server)?;
    let findings = checks::all(&facts);
    let text = if arguments.json {
        report::json(&findings)
    } else {
        report::text(&findings, report::wants_colours())
    };
    Ok(Output {
        text,
        is_valid: !report::has_problem(&findings),
    })
}
