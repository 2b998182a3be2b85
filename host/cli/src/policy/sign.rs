//! `warden policy sign`: lists everything a policy directory holds, and signs the list.
//!
//! In: a directory and a secret key. Out: `MANIFEST` and `MANIFEST.minisig` in it, with a
//! revision above that of the list before; neither is written before the signature is known
//! to verify. Nothing is compiled or run: `warden policy check`
//! says whether a directory is any good.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use warden_core::clock::{Clock, SystemClock};
use warden_policy::{MANIFEST, Manifest, PolicyKeys, SIGNATURE, read_manifest};
use warden_state::{Existing, write_whole};

use super::secret_key::{Password, SigningKey};
use super::trust::Trust;
use super::verify::lines;
use crate::error::Error;
use crate::moment;
use crate::output::{Output, complain};
use crate::style::counted;

/// What to sign, and with which key.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy directory, as `policy_dir`.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The secret key: a file that `keygen` or minisign has made.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    password: Password,
    /// The revision; by default one more than that of the list that is there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=Manifest::MAX_REVISION))]
    revision: Option<u64>,
    #[command(flatten)]
    trust: Trust,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Signs the directory; what cannot be signed is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let trusted = arguments.trust.keys()?;
    let key = SigningKey::read(&arguments.key, &arguments.password)?;
    let revision = match revision(arguments, &key, &trusted)? {
        Ok(revision) => revision,
        Err(why) => return complain(&[why], arguments.json),
    };
    let now = SystemClock.now().wall;
    let created = moment::shown(now);
    let manifest = match Manifest::of_directory(&arguments.dir, revision, Some(&created)) {
        Ok(manifest) => manifest,
        Err(errors) => return complain(&lines(&errors), arguments.json),
    };
    let text = manifest.text().map_err(Error::Crypto)?;
    // What minisign itself writes there.
    let comment = format!(
        "timestamp:{}\tfile:{MANIFEST}\thashed",
        now.as_unix_seconds()
    );
    let signature = key.sign(text.as_bytes(), &comment)?;
    // Between the two renames a server that looks sees the new list under the signature of the
    // old one: it refuses that, keeps what it has, and looks again when the second is there.
    for (name, text) in [(MANIFEST, &text), (SIGNATURE, &signature)] {
        let path = arguments.dir.join(name);
        write_whole(&path, 0o644, Existing::Replaced, &[text.as_bytes()])
            .map_err(Error::file(&path))?;
    }
    let (id, files) = (key.public.id().to_string(), manifest.files().len());
    Ok(Output::good(if arguments.json {
        let document = json!({ "revision": revision, "key": id, "files": files });
        format!("{document:#}\n")
    } else {
        let files = counted(files, "file");
        format!("revision {revision} of {files}, signed by key {id}\n")
    }))
}

/// The revision to sign. Only a list of somebody trusted says which came before: a planted
/// one with the highest number would leave none for the next.
fn revision(
    arguments: &Arguments,
    key: &SigningKey,
    trusted: &PolicyKeys,
) -> Result<Result<u64, String>, Error> {
    let mut signers = vec![key.public.clone()];
    signers.extend(trusted.keys().cloned());
    let signers = PolicyKeys::new(signers).map_err(Error::Usage)?;
    let before = match (read_manifest(&arguments.dir, &signers), arguments.revision) {
        (Ok(before), _) => before.map_or(0, |signed| signed.manifest().revision()),
        (Err(_), Some(revision)) => return Ok(Ok(revision)),
        (Err(error), None) => {
            return Ok(Err(format!(
                "{}; so the revision before is not known: give --revision, or whoever signed it with --policy-keys",
                error.what()
            )));
        }
    };
    let next = arguments.revision.unwrap_or(before.saturating_add(1));
    if next <= before {
        return Ok(Err(format!(
            "{MANIFEST:?} has revision {before}, and servers take no older one: --revision must be above it"
        )));
    }
    if next > Manifest::MAX_REVISION {
        return Ok(Err(format!("there is no revision above {before}")));
    }
    Ok(Ok(next))
}
