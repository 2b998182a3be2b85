//! OpenID Provider metadata (OpenID Connect Discovery 1.0).
//!
//! In: an issuer that a file configures. Out: the provider's own statement of its
//! addresses, once it has proved to be about that issuer. Never: an issuer learnt from
//! a token or a document.

use reqwest::{StatusCode, Url};
use serde_json::{Map, Value};
use warden_settings::{Section, quoted};

use crate::endpoint::{self, Endpoint, Request, Response};
use crate::json;

/// Where an issuer's document is, and what it must say.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    issuer: String,
    /// The `iss` of its access tokens, where that is another one (AD FS).
    access_token_issuer: Option<String>,
    /// The document's address.
    pub(crate) url: Url,
}

/// A document of the configured issuer.
pub(crate) struct Metadata(Map<String, Value>);

impl Discovery {
    /// Takes `discovery_url` out of a file; by default the document is below the issuer
    /// (§4 of the specification).
    pub(crate) fn read(
        file: &mut Section,
        issuer: Option<&str>,
        access_token_issuer: Option<&str>,
    ) -> Option<Self> {
        let given = file.has("discovery_url");
        let named = endpoint::address(file, "discovery_url");
        let issuer = issuer?;
        let url = if given {
            named?
        } else {
            let text = format!(
                "{}/.well-known/openid-configuration",
                issuer.trim_end_matches('/')
            );
            let url = endpoint::parse(&text);
            if url.is_none() {
                file.fault(
                    "issuer",
                    "is not an https address, so its keys cannot be discovered: name jwks_url, \
                     discovery_url or a file of keys",
                );
            }
            url?
        };
        Some(Self {
            issuer: issuer.to_owned(),
            access_token_issuer: access_token_issuer.map(str::to_owned),
            url,
        })
    }

    /// What tells one from another.
    pub(crate) fn text(&self) -> String {
        format!("issuer {} at {}", self.issuer, self.url)
    }

    /// Fetches the document and checks whose it is.
    ///
    /// # Errors
    /// Words for the operator: no answer, or not what it must be.
    pub(crate) async fn metadata(&self, endpoint: &Endpoint) -> Result<Metadata, String> {
        let response = endpoint
            .call(Request::get(self.url.clone()))
            .await
            .map_err(|error| error.to_string())?;
        self.check(&response)
    }

    /// Checks whose document an answer is.
    ///
    /// # Errors
    /// Words for the operator: not status 200, not JSON, another issuer.
    pub(crate) fn check(&self, response: &Response) -> Result<Metadata, String> {
        if response.status != StatusCode::OK {
            return Err(format!(
                "the discovery document: status {}",
                response.status
            ));
        }
        let document = json::object(&response.body)
            .map_err(|why| format!("the discovery document is not strict JSON: {why}"))?;
        let stated = |name: &str| document.get(name).and_then(Value::as_str);
        if stated("issuer") != Some(&self.issuer) {
            return Err(format!(
                "the discovery document is of the issuer {}, not of the configured one",
                quoted(stated("issuer").unwrap_or_default())
            ));
        }
        if let Some(expected) = &self.access_token_issuer
            && stated("access_token_issuer") != Some(expected)
        {
            return Err(format!(
                "the discovery document names the access token issuer {}, not the configured one",
                quoted(stated("access_token_issuer").unwrap_or_default())
            ));
        }
        Ok(Metadata(document))
    }
}

impl Metadata {
    /// One of the provider's addresses, where calls may go to it.
    ///
    /// # Errors
    /// Words for the operator: absent, not an address, or on a host that is not allowed.
    pub(crate) fn address(&self, name: &str, endpoint: &Endpoint) -> Result<Url, String> {
        let text = self
            .0
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the discovery document names no {name}"))?;
        let url = endpoint::parse(text).ok_or_else(|| {
            format!(
                "{name} of the discovery document is no address: {}",
                quoted(text)
            )
        })?;
        endpoint
            .check(&url)
            .map_err(|error| format!("{name} of the discovery document: {error}"))?;
        Ok(url)
    }
}
