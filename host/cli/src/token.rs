//! `warden token`: mint, inspect, verify.
//!
//! Minting is for tests and first steps: a real deployment has an issuer.
//! Verification is the module's own, from `warden-authn`.

mod inspect;
mod keys;
mod mint;
mod verify;

use std::io::Read;

use clap::Subcommand;

use crate::error::Error;
use crate::output::Output;

/// The verbs of `warden token`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a signed token; creates a key and a JWKS when there are none.
    Mint(Box<mint::Arguments>),
    /// Show a token's header and claims, without verifying anything.
    Inspect(inspect::Arguments),
    /// Verify a token; exit status 0 valid, 1 invalid.
    Verify(verify::Arguments),
}

/// Carries out a verb.
pub(crate) fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::Mint(arguments) => mint::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

/// Longest token read from standard input, in bytes: twice what AUTH can carry.
const MAX_TOKEN_BYTES: u64 = 32_768;

/// The token given as argument, or read from standard input for `-`.
pub(crate) fn read_token(argument: &str) -> Result<String, Error> {
    if argument != "-" {
        return Ok(argument.trim().to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}
