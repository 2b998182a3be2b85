//! `warden migrate valkey-ldap`: a file of `type = "ldap"` from the settings of valkey-ldap.
//!
//! ```text
//! FILE and what it includes -> lines -> carry -> entries, password -> ID.password, ID.toml
//!                                          └──→ findings           -> text or JSON
//! ```
//!
//! In: a `valkey.conf` that configures the module valkey-ldap. Out: two files, whole or not at
//! all, the password's with mode 0600 and first, so that no server reads a file that names one
//! which is not there; and a line for each setting. Never: the password anywhere else.

mod carry;
mod settings;
mod toml_file;
mod value;

use std::path::PathBuf;

use clap::Args;
use warden_core::AuthenticatorId;
use warden_state::Existing;

use super::{report, server_file, writing};
use crate::error::Error;
use crate::output::{Output, complain};
use crate::style::Paint;
use carry::Migration;

/// What to read, where to write.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server's configuration file, with the password in it: after CONFIG REWRITE, if
    /// settings were changed with CONFIG SET.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Directory to write into, which must be there; by default the `authenticator_dir` that
    /// FILE gives warden. A running server takes up what is written there at once.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Id of the authenticator, and name of its files: `ID.toml`, `ID.password`.
    #[arg(long, value_name = "ID", default_value = "ldap", value_parser = id)]
    id: AuthenticatorId,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    /// Write nothing; show what would be written, without the password.
    #[arg(long)]
    dry_run: bool,
    /// Answer as JSON: `settings`, a list of objects with `setting`, `place`, `outcome` (taken,
    /// changed, left, note) and `says`; `files`, the paths that were written; `toml`.
    #[arg(long)]
    json: bool,
}

fn id(text: &str) -> Result<AuthenticatorId, String> {
    AuthenticatorId::new(text).map_err(|error| error.to_string())
}

/// Reads, writes and tells; what is wrong with the file is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let file = server_file::read(&arguments.file).map_err(Error::file(&arguments.file))?;
    let migration = carry::carry(&file);
    if !migration.errors.is_empty() {
        return complain(&migration.errors, arguments.json);
    }
    let secret = format!("{}.password", arguments.id);
    let text = toml_file::render(&migration, &arguments.file, &secret);
    let files = if arguments.dry_run {
        Vec::new()
    } else {
        write(arguments, &migration, &secret, &text)?
    };
    let shown = if arguments.json {
        report::json(&migration.findings, &files, &text)
    } else {
        let shown = arguments.dry_run.then_some(text.as_str());
        report::text(&migration.findings, &files, shown, Paint::of_stdout())
    };
    Ok(Output::good(shown))
}

/// Writes both files and tells their paths.
fn write(
    arguments: &Arguments,
    migration: &Migration,
    secret: &str,
    text: &str,
) -> Result<Vec<PathBuf>, Error> {
    let directory = arguments
        .out
        .as_ref()
        .or(migration.authenticator_dir.as_ref())
        .ok_or_else(|| {
            Error::Usage(
                "the file gives warden no authenticator_dir: say with --out where to write"
                    .to_owned(),
            )
        })?;
    let authenticator = directory.join(format!("{}.toml", arguments.id));
    let password = migration
        .password
        .as_ref()
        .map(|password| (directory.join(secret), password));
    let existing = if arguments.force {
        Existing::Replaced
    } else {
        Existing::Kept
    };
    if existing == Existing::Kept {
        // Before anything is written; the writing itself does not replace either.
        let secret = password.as_ref().map(|(path, _)| path);
        for path in secret.into_iter().chain([&authenticator]) {
            writing::refuse_existing(path)?;
        }
    }
    let mut written = Vec::new();
    if let Some((path, password)) = password {
        writing::place(&path, 0o600, existing, password.as_bytes())?;
        written.push(path);
    }
    writing::place(&authenticator, 0o644, existing, text.as_bytes())?;
    written.push(authenticator);
    Ok(written)
}
