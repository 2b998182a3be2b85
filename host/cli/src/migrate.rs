//! `warden migrate`: from what a server authenticates with today to files of warden's.
//!
//! In: a server's configuration file. Out: an authenticator's file and the files it names,
//! and for each setting what became of it. It starts nothing, asks nobody, changes nothing
//! that is there, and shows no password.

mod server_file;
mod valkey_ldap;
mod words;

use clap::Subcommand;

use crate::error::Error;
use crate::output::Output;

/// The verbs of `warden migrate`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Turn the settings of the module valkey-ldap into an authenticator file of
    /// `type = "ldap"`, and tell line by line what became of them.
    ValkeyLdap(Box<valkey_ldap::Arguments>),
}

/// Carries out a verb.
pub(crate) fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::ValkeyLdap(arguments) => valkey_ldap::run(&arguments),
    }
}
