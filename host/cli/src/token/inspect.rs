//! `warden token inspect`: a token's header and claims, unverified.

use clap::Args;
use serde_json::{Value, json};
use warden_authn::Inspected;

use crate::error::Error;
use crate::output::Output;

/// Which token.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The token; `-` reads it from standard input.
    token: String,
}

/// Shows the token as one JSON document.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let token = super::read_token(&arguments.token)?;
    let inspected = warden_authn::inspect(token.as_bytes())
        .map_err(|reason| Error::NotAToken(reason.detail().to_owned()))?;
    let mut document = document(&inspected);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("verified".to_owned(), json!(false));
    }
    Ok(Output::good(format!("{document:#}\n")))
}

/// Header and claims; a payload that is not a JSON object as text.
pub(super) fn document(inspected: &Inspected) -> Value {
    let claims = match &inspected.claims {
        Some(claims) => Value::Object(claims.clone()),
        None => json!(String::from_utf8_lossy(&inspected.payload)),
    };
    json!({ "header": inspected.header, "claims": claims })
}
