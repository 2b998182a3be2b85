//! `warden token mint`: a signed token for tests and first steps.

use std::path::PathBuf;

use clap::Args;
use jsonwebtoken::Header;
use serde_json::{Map, Value, json};
use warden_core::clock::{Clock, SystemClock};

use super::keys::{self, Signature};
use crate::error::Error;
use crate::output::Output;

/// What goes into the token.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory with key.pem and jwks.json; both are made when missing.
    #[arg(long, value_name = "DIR", required_unless_present = "key")]
    key_dir: Option<PathBuf>,
    /// Private key (PEM), or shared secret for HS256, HS384, HS512.
    #[arg(long, value_name = "FILE", conflicts_with = "key_dir")]
    key: Option<PathBuf>,
    /// Key id for the header; by default the key's RFC 7638 thumbprint.
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
    /// How to sign.
    #[arg(long, value_enum, default_value = "RS256")]
    algorithm: Signature,
    /// The `iss` claim.
    #[arg(long)]
    issuer: String,
    /// The `aud` claim; may be given several times.
    #[arg(long, required = true)]
    audience: Vec<String>,
    /// The `sub` claim.
    #[arg(long)]
    subject: String,
    /// A member of the `groups` claim; may be given several times.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A word of the `scope` claim; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Another claim; the value is JSON, or a string when it is not.
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// Lifetime in seconds from now; negative for a token that has expired.
    #[arg(long, default_value_t = 3600, allow_negative_numbers = true)]
    expires_in: i64,
}

/// Makes the token.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let signing = match (&arguments.key_dir, &arguments.key) {
        (Some(directory), _) => keys::read_or_make(directory, arguments.algorithm)?,
        (None, Some(file)) => keys::read(file, arguments.algorithm)?,
        (None, None) => return Err(Error::Usage("give --key-dir or --key".to_owned())),
    };
    let mut header = Header::new(arguments.algorithm.algorithm());
    header.kid = arguments.kid.clone().or(signing.id);
    let now = SystemClock.now().wall.as_unix_seconds();
    let claims = claims(arguments, i64::try_from(now).unwrap_or(i64::MAX))?;
    let token = jsonwebtoken::encode(&header, &claims, &signing.key)
        .map_err(|error| Error::Crypto(error.to_string()))?;
    Ok(Output::good(format!("{token}\n")))
}

/// The payload; claims given by name replace those made here.
fn claims(arguments: &Arguments, now: i64) -> Result<Map<String, Value>, Error> {
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(arguments.issuer));
    claims.insert("sub".to_owned(), json!(arguments.subject));
    claims.insert("aud".to_owned(), json!(arguments.audience));
    claims.insert(
        "iat".to_owned(),
        json!(now.min(now.saturating_add(arguments.expires_in))),
    );
    claims.insert(
        "exp".to_owned(),
        json!(now.saturating_add(arguments.expires_in)),
    );
    if !arguments.groups.is_empty() {
        claims.insert("groups".to_owned(), json!(arguments.groups));
    }
    if !arguments.scopes.is_empty() {
        claims.insert("scope".to_owned(), json!(arguments.scopes.join(" ")));
    }
    for claim in &arguments.claims {
        let (name, value) = claim
            .split_once('=')
            .ok_or_else(|| Error::Usage(format!("--claim {claim:?}: use NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        claims.insert(name.to_owned(), value);
    }
    Ok(claims)
}
