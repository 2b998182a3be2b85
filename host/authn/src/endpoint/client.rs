//! The HTTP client of an endpoint.
//!
//! In come certificates as PEM and a time-out; out goes a client that trusts exactly
//! those, follows nothing and knows no proxy.

use std::error::Error;
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, redirect};
use zeroize::Zeroizing;

/// What a client is made of.
pub(super) struct Parts<'a> {
    /// `ca_file`; without one the system's authorities are trusted.
    pub(super) authorities: Option<&'a [u8]>,
    /// Client certificate and key.
    pub(super) identity: Option<(&'a [u8], &'a [u8])>,
    pub(super) connect_timeout: Duration,
    /// Connections kept open.
    pub(super) idle: usize,
}

/// Makes the client.
///
/// # Errors
/// The key of the table at fault, and words for the operator.
pub(super) fn build(parts: &Parts<'_>) -> Result<Client, (&'static str, String)> {
    let mut builder = Client::builder()
        .user_agent(concat!("valkey-warden/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(parts.connect_timeout)
        .pool_max_idle_per_host(parts.idle);
    if let Some(pem) = parts.authorities {
        let authorities = Certificate::from_pem_bundle(pem).map_err(|error| {
            (
                "ca_file",
                format!("holds no certificates: {}", words(&error)),
            )
        })?;
        if authorities.is_empty() {
            return Err(("ca_file", "holds no certificate".to_owned()));
        }
        builder = builder.tls_certs_only(authorities);
    }
    if let Some((certificate, key)) = parts.identity {
        let pem = Zeroizing::new([certificate, b"\n", key].concat());
        let identity = Identity::from_pem(&pem).map_err(|_| {
            (
                "client_certificate_file",
                "with client_key_file makes no certificate and key in PEM".to_owned(),
            )
        })?;
        builder = builder.identity(identity);
    }
    builder
        .build()
        .map_err(|error| ("", format!("no client can be made: {}", words(&error))))
}

/// An error and its causes in one line, without the address, which may hold a secret.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    let text = match causes.last() {
        Some(last) => last.clone(),
        None if error.is_timeout() => "it took too long".to_owned(),
        None => "no further words".to_owned(),
    };
    text.escape_debug().take(300).collect()
}
