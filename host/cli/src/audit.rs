//! `warden audit`: what files of records prove, and what stands in them.
//!
//! In: files that a sink of `type = "file"` wrote, as they are. Out: whether they are whole; or
//! the records somebody asks for. It reads them once, line by line, whatever their size, and
//! changes nothing.

mod lines;
mod query;
mod verify;

use clap::{Subcommand, ValueEnum};
use warden_audit::Format;

use crate::error::Error;
use crate::output::Output;

/// The verbs of `warden audit`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Whether records are whole: none missing, changed, moved or cut off; exit status 0
    /// whole, 1 not.
    Verify(Box<verify::Arguments>),
    /// Show the records that somebody asks for.
    Query(query::Arguments),
}

/// Carries out a verb.
pub(crate) fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Query(arguments) => query::run(&arguments),
    }
}

/// How records are written.
#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    Text,
    Json,
    Csv,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Text => Self::Text,
            FormatName::Json => Self::Json,
            FormatName::Csv => Self::Csv,
        }
    }
}
