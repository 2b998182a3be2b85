//! The client certificate as the server gives it.
//!
//! In comes one block of PEM; out go the certificate and what policies may ask of
//! it. Nothing is verified here: the server did that when the connection was made.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use warden_core::client::Certificate;

use super::contents::{self, Contents};
use crate::Error;

/// Largest certificate, in bytes of PEM: bounds what one log-in can cost.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Reads the certificate of a client: exactly one block of PEM (RFC 7468), white
/// space around it apart.
///
/// # Errors
/// When it is anything else, is larger than 64 KiB, or has a part that is
/// malformed, such as an alternative name with a control character: such a
/// certificate counts for nobody.
pub fn parse(pem: &str) -> Result<Certificate, Error> {
    let bytes = decode(pem)?;
    let contents = Contents::read(&bytes).map_err(Error::Certificate)?;
    let fingerprint = digest::digest(&digest::SHA256, &bytes);
    Ok(Certificate {
        subject: contents.subject.render(),
        issuer: contents.issuer.render(),
        serial: contents.serial,
        fingerprint: contents::hexadecimal(fingerprint.as_ref()),
        dns_names: contents.names.dns,
        emails: contents.names.emails,
        uris: contents.names.uris,
        der: Arc::from(bytes.as_slice()),
    })
}

fn decode(pem: &str) -> Result<Vec<u8>, Error> {
    if pem.len() > MAX_CERTIFICATE_BYTES {
        return Err(Error::Certificate("is larger than 65536 bytes"));
    }
    let body = pem
        .trim_ascii()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or(Error::Certificate("is not one PEM block"))?;
    let body: String = body.split_ascii_whitespace().collect();
    // A second block would leave dashes in it, which are no Base64.
    STANDARD
        .decode(body)
        .map_err(|_| Error::Certificate("is not one PEM block"))
}
