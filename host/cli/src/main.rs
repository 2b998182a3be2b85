//! `warden`: the command line for policy authors and operators.
//!
//! In: arguments. Out: what was asked for on standard output, alone, so that it
//! can be piped; errors on standard error. Exit status: 0 done (or: valid, no
//! problem, nothing changes), 1 not valid, a problem, a change, or failed, 2 wrong
//! usage, no server, nothing compared for sure, or records that cannot be read. Only `doctor` talks to a running
//! server, and it changes nothing there.

mod audit;
mod completions;
mod doctor;
mod error;
mod man;
mod migrate;
mod moment;
mod network;
mod output;
mod password;
mod policy;
mod style;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use error::Error;
use output::Output;

/// The command line of valkey-warden.
#[derive(Parser)]
#[command(name = "warden", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make, show and check JSON Web Tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Make, build, check, show, try, test, measure, compare and sign policies, without a server.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Verify and search records of audit, without a server.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Turn what a server authenticates with today into files of warden's.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Look at a running server and say what is wrong with its set-up.
    Doctor(Box<doctor::Arguments>),
    /// Write the completion script of a shell.
    Completions(completions::Arguments),
    /// Write the manual pages.
    Man(man::Arguments),
}

fn main() -> ExitCode {
    let result = run(Arguments::parse().command).and_then(|output| {
        io::stdout().lock().write_all(output.shown().as_bytes())?;
        Ok(output.is_valid)
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "warden: {error}");
            ExitCode::from(error.status())
        }
    }
}

fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::Token(command) => token::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Migrate(command) => migrate::run(command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
    }
}
