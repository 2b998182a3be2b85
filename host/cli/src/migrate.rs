//! `warden migrate`: from what a server authenticates and audits with today to files of warden's.
//!
//! In: a server's configuration file. Out: an authenticator's file and the files it names, or
//! a sink's file, and for each setting what became of it. It starts nothing, asks nobody, changes nothing
//! that is there, and shows no password.

mod report;
mod server_file;
mod valkey_audit;
mod valkey_ldap;
mod words;
mod writing;

use clap::Subcommand;

use crate::error::Error;
use crate::output::Output;

/// The verbs of `warden migrate`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Turn the settings of the module valkey-ldap into an authenticator file of
    /// `type = "ldap"`, and tell line by line what became of them.
    ValkeyLdap(Box<valkey_ldap::Arguments>),
    /// Turn the settings of the module ValkeyAudit into a file of a sink for `audit_dir`, and
    /// tell setting by setting what became of them.
    ValkeyAudit(Box<valkey_audit::Arguments>),
}

/// Carries out a verb.
pub(crate) fn run(command: Command) -> Result<Output, Error> {
    match command {
        Command::ValkeyLdap(arguments) => valkey_ldap::run(&arguments),
        Command::ValkeyAudit(arguments) => valkey_audit::run(&arguments),
    }
}
