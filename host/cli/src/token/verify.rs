//! `warden token verify`: the module's own verification, for one token.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use warden_authn::KeySet;
use warden_core::clock::{Clock, SystemClock};

use super::inspect;
use crate::error::Error;
use crate::output::Output;

/// Largest key file read, in bytes; the bound of the module.
const MAX_KEY_BYTES: u64 = 1 << 20;

/// Which token, against which keys.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("keys").required(true))]
pub(crate) struct Arguments {
    /// The token; `-` reads it from standard input.
    token: String,
    /// JSON Web Key Set (RFC 7517).
    #[arg(long, value_name = "FILE", group = "keys")]
    jwks: Option<PathBuf>,
    /// Public key or X.509 certificate, in PEM.
    #[arg(long, value_name = "FILE", group = "keys")]
    key: Option<PathBuf>,
    /// Shared secret of HS256, HS384, HS512.
    #[arg(long, value_name = "FILE", group = "keys")]
    secret: Option<PathBuf>,
    /// Check the signature and nothing else; without it, dates are checked too.
    /// Issuer and audience are for the server to check.
    #[arg(long)]
    signature_only: bool,
    /// How far clocks may disagree, in seconds.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=300))]
    leeway_seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Verifies the token; an invalid one is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let token = super::read_token(&arguments.token)?;
    let keys = read_keys(arguments)?;
    let result = if arguments.signature_only {
        warden_authn::verify_signature(token.as_bytes(), &keys)
    } else {
        let leeway = Duration::from_secs(arguments.leeway_seconds);
        warden_authn::verify_token(token.as_bytes(), &keys, leeway, SystemClock.now())
    };
    let text = match (&result, arguments.json) {
        (Ok(token), true) => {
            let mut document = inspect::document(token);
            if let Some(fields) = document.as_object_mut() {
                fields.insert("valid".to_owned(), json!(true));
            }
            format!("{document:#}\n")
        }
        (Err(reason), true) => format!(
            "{:#}\n",
            json!({ "valid": false, "reason": reason.detail() })
        ),
        (Ok(_), false) => "valid\n".to_owned(),
        (Err(reason), false) => format!("invalid: {}\n", reason.detail()),
    };
    Ok(Output {
        text,
        is_valid: result.is_ok(),
    })
}

fn read_keys(arguments: &Arguments) -> Result<KeySet, Error> {
    type Parse = fn(&[u8]) -> Result<KeySet, warden_authn::Error>;
    let (path, parse): (&PathBuf, Parse) =
        match (&arguments.jwks, &arguments.key, &arguments.secret) {
            (Some(path), _, _) => (path, KeySet::from_jwks),
            (_, Some(path), _) => (path, KeySet::from_pem),
            (_, _, Some(path)) => (path, KeySet::from_secret),
            (None, None, None) => {
                return Err(Error::Usage("give --jwks, --key or --secret".to_owned()));
            }
        };
    if fs::metadata(path).map_err(Error::file(path))?.len() > MAX_KEY_BYTES {
        return Err(Error::Key {
            path: path.clone(),
            why: "is larger than 1 MiB".to_owned(),
        });
    }
    let bytes = fs::read(path).map_err(Error::file(path))?;
    parse(&bytes).map_err(|error| Error::Key {
        path: path.clone(),
        why: error.to_string(),
    })
}
