//! `warden policy verify`: whether a directory is as somebody signed it.
//!
//! In: a directory and public keys. Out: revision, key and files, or everything that is not
//! as it was signed. Nothing is compiled or run.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use warden_policy::{BundleError, verify_directory};

use super::trust::Trust;
use crate::error::Error;
use crate::output::{Output, complain};
use crate::style::counted;

/// What to verify, and for whom.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy directory, as `policy_dir`.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Verifies the directory; no is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let keys = arguments.trust.keys()?;
    if keys.is_empty() {
        return Err(Error::Usage(
            "give --policy-keys, or set WARDEN_POLICY_KEYS: without a key nothing can be verified"
                .to_owned(),
        ));
    }
    let signed = match verify_directory(&arguments.dir, &keys) {
        Ok(signed) => signed,
        Err(errors) => return complain(&lines(&errors), arguments.json),
    };
    let manifest = signed.manifest();
    let (revision, id) = (manifest.revision(), signed.key().id().to_string());
    Ok(Output::good(if arguments.json {
        let files = manifest.files();
        let files: Map<String, Value> = files
            .map(|(name, digest)| (name.to_owned(), json!(digest.to_string())))
            .collect();
        let document = json!({
            "revision": revision,
            "key": id,
            "digest": signed.digest().to_string(),
            "created": manifest.created(),
            "files": files,
        });
        format!("{document:#}\n")
    } else {
        let created = manifest.created().map(|at| format!(" on {at}"));
        format!(
            "revision {revision} of {}, signed by key {id}{}\n",
            counted(manifest.files().len(), "file"),
            created.unwrap_or_default()
        )
    }))
}

/// Each error as a line.
pub(super) fn lines(errors: &[BundleError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
