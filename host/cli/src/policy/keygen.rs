//! `warden policy keygen`: a key to sign policies with.
//!
//! In: a name. Out: `NAME.key`, which stays where policies are signed, and `NAME.pub`, whose
//! second line goes into `policy_keys`. No file is overwritten.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use warden_state::{Existing, write_whole};

use super::secret_key::{self, Password};
use crate::error::Error;
use crate::output::Output;

/// What to call it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Path and name of the two files, without their endings: `keys/ann` for `keys/ann.key`
    /// and `keys/ann.pub`.
    #[arg(value_name = "NAME")]
    name: PathBuf,
    #[command(flatten)]
    password: Password,
    /// Keep the secret key readable: whoever reads the file can sign.
    #[arg(long, conflicts_with = "password_file")]
    without_password: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes the key.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let named = |ending: &str| {
        let mut name = arguments.name.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let (secret, public) = (named(".key"), named(".pub"));
    // Before anybody thinks of a password.
    for path in [&secret, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Key {
                path: path.clone(),
                why: "is there already, and is not overwritten".to_owned(),
            });
        }
    }
    let password = (!arguments.without_password).then_some(&arguments.password);
    let written = secret_key::make(password)?;
    for (path, mode, text) in [
        (&secret, 0o600, written.secret.as_bytes()),
        (&public, 0o644, written.public.as_bytes()),
    ] {
        write_whole(path, mode, Existing::Kept, &[text]).map_err(Error::file(path))?;
    }
    let id = written.key.id().to_string();
    Ok(Output::good(if arguments.json {
        let document = json!({
            "key": id,
            "public_key": written.letters,
            "secret_file": secret.to_string_lossy(),
            "public_file": public.to_string_lossy(),
        });
        format!("{document:#}\n")
    } else {
        format!(
            "key {id}\nsecret  {}\npublic  {}\n\nwarden.policy_keys {}\n",
            secret.display(),
            public.display(),
            written.letters
        )
    }))
}
