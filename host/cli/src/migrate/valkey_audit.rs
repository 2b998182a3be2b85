//! `warden migrate valkey-audit`: a sink's file from the settings of ValkeyAudit.
//!
//! ```text
//! FILE and what it includes -> lines -> given -> carry -> entries  -> ID.toml
//!                                                  └───→ findings -> text or JSON
//! ```
//!
//! In: a `valkey.conf` that configures the module ValkeyAudit. Out: one file, whole or not at
//! all, which warden takes: it is read back before it is written. And a line for each setting.
//! Never: a file that ValkeyAudit writes, touched.

mod carry;
mod given;
mod settings;
mod toml_file;

use std::path::{Path, PathBuf};

use clap::Args;
use warden_audit::SinkSettings;
use warden_state::Existing;

use super::{report, server_file, writing};
use crate::error::Error;
use crate::output::{Output, complain};
use crate::style::Paint;

/// What to read, where to write.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server's configuration file: after CONFIG REWRITE, if settings were changed with
    /// CONFIG SET.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Directory to write into, which must be there; by default the `audit_dir` that FILE gives
    /// warden. A running server takes up what is written there at once.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Name of the sink and of its file, `ID.toml`.
    #[arg(long, value_name = "ID", default_value = "audit")]
    id: String,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    /// Write nothing; show what would be written.
    #[arg(long)]
    dry_run: bool,
    /// Answer as JSON: `settings`, a list of objects with `setting`, `place`, `outcome` (taken,
    /// changed, left, note) and `says`; `files`, the path that was written; `toml`.
    #[arg(long)]
    json: bool,
}

/// Reads, writes and tells; what is wrong with the file is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let file = server_file::read(&arguments.file).map_err(Error::file(&arguments.file))?;
    let given = given::collect(&file, carry::is_known);
    let migration = carry::carry(&file, given);
    if !migration.errors.is_empty() {
        return complain(&migration.errors, arguments.json);
    }
    let text = toml_file::render(&migration, &arguments.file);
    let name = format!("{}.toml", arguments.id);
    if let Err(errors) = check(Path::new(&name), &text) {
        return complain(&errors, arguments.json);
    }
    let files = if arguments.dry_run {
        Vec::new()
    } else {
        let directory = arguments
            .out
            .clone()
            .or_else(|| file.of_warden("audit_dir"));
        vec![write(arguments, directory, &name, &text)?]
    };
    let shown = if arguments.json {
        report::json(&migration.findings, &files, &text)
    } else {
        let shown = arguments.dry_run.then_some(text.as_str());
        report::text(&migration.findings, &files, shown, Paint::of_stdout())
    };
    Ok(Output::good(shown))
}

/// Whether warden takes it.
fn check(name: &Path, text: &str) -> Result<(), Vec<String>> {
    let faults = match SinkSettings::parse(name, text.as_bytes()) {
        Ok(_) => return Ok(()),
        Err(faults) => faults,
    };
    let tell = |fault: warden_settings::Fault| {
        let error = fault.in_file(name);
        format!("{}: warden would not take it: {}", error.key, error.message)
    };
    Err(faults.into_iter().map(tell).collect())
}

fn write(
    arguments: &Arguments,
    directory: Option<PathBuf>,
    name: &str,
    text: &str,
) -> Result<PathBuf, Error> {
    let directory = directory.ok_or_else(|| {
        let why = "the file gives warden no audit_dir: say with --out where to write";
        Error::Usage(why.to_owned())
    })?;
    let path = directory.join(name);
    let existing = if arguments.force {
        Existing::Replaced
    } else {
        Existing::Kept
    };
    writing::place(&path, 0o644, existing, text.as_bytes())?;
    Ok(path)
}
