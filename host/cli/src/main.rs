//! `warden`: the command line for policy authors and operators.
//!
//! In: arguments. Out: what was asked for on standard output, alone, so that it
//! can be piped; errors on standard error. Exit status: 0 done (or: valid), 1 not
//! valid or failed, 2 wrong usage. It never talks to a running server.

mod error;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let Command::Token(command) = Arguments::parse().command;
    let result = token::run(command).and_then(|output| {
        io::stdout().lock().write_all(output.text.as_bytes())?;
        Ok(output.is_valid)
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "warden: {error}");
            match error {
                error::Error::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
