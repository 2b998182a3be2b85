//! `type = "introspection"`: the issuer is asked whether a token is active (RFC 7662).
//!
//! In comes a token, opaque or not; out goes the principal that the issuer says it stands
//! for. Never: a yes from anything but `"active": true` in a strict JSON object of an
//! answer with status 200; a token sent anywhere but to the configured endpoint.

mod client;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method as HttpMethod, StatusCode, Url};
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;
use warden_core::{AuthenticatorId, Method, Now, Principal, Reason, ReasonKind};
use warden_settings::Section;

use crate::asking::{self, Address, Asking, Question, refused};
use crate::directory::Built;
use crate::endpoint::{Request, Response};
use crate::json;
use crate::mapping::Mapping;
use crate::registered::{self, Dates};
use crate::services::Services;
use client::ClientAuthentication;

/// Asks one issuer about tokens.
pub(crate) type IntrospectionAuthenticator = Asking<Introspection>;

/// Whether a token is active.
pub(crate) struct Introspection {
    issuer: Option<String>,
    /// One of these is in `aud`; `None`: any will do.
    audience: Option<Vec<String>>,
    leeway: Duration,
    mapping: Mapping,
    client: ClientAuthentication,
}

impl IntrospectionAuthenticator {
    /// Takes the settings of a file. `is_bound`: `users` says whose they are.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        is_bound: bool,
        services: &Services,
    ) -> Built {
        let issuer: Option<String> = file.optional("issuer", "a string");
        let address = Address::read(
            file,
            "introspection_url",
            "introspection_endpoint",
            issuer.as_deref(),
        );
        let audience = audience(file);
        let mut built = Built::default();
        let client = ClientAuthentication::read(file, &mut built, directory);
        let (mapping, ()) = Mapping::read(file, |_| ());
        let leeway = registered::leeway(file);
        let draft = asking::Draft::read(file, built, directory, address, is_bound, services);
        if client.needs_certificate() && !draft.has_certificate() {
            file.fault(
                "client_authentication",
                "tls_client_auth needs endpoint.client_certificate_file",
            );
        }
        let question = Introspection {
            issuer,
            audience,
            leeway,
            mapping,
            client,
        };
        draft.build(file, id, Some(question), services)
    }
}

/// Takes `audience`, or `any_audience`.
fn audience(file: &mut Section) -> Option<Vec<String>> {
    let any_audience = file
        .optional("any_audience", "true or false")
        .unwrap_or(false);
    if !any_audience {
        return file.mandatory_strings("audience");
    }
    if file.has("audience") {
        file.fault("any_audience", "contradicts audience");
    }
    None
}

impl Question for Introspection {
    const METHOD: Method = Method::Introspection;

    fn leeway(&self) -> Option<Duration> {
        Some(self.leeway)
    }

    /// The question about a token (RFC 7662 §2.1).
    fn request(&self, url: Url, _user: &str, token: &str) -> Result<Request, Reason> {
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token)
            .append_pair("token_type_hint", "access_token");
        let mut request = Request {
            method: HttpMethod::POST,
            ..Request::get(url)
        };
        self.client.add_to(&mut request, &mut form);
        request.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.body = Some(form.finish().into_bytes());
        Ok(request)
    }

    fn principal(
        &self,
        id: &AuthenticatorId,
        response: &Response,
        now: Now,
    ) -> Result<Principal, Reason> {
        let claims = active(response)?;
        let dates = Dates::read(&claims)?;
        match (&self.issuer, claims.get("iss")) {
            (Some(ours), Some(Value::String(stated))) if ours == stated => {}
            (_, None) => {}
            (None, Some(Value::String(_))) => {}
            _ => {
                return Err(Reason::new(
                    ReasonKind::Claims,
                    "the token is active, but of another issuer",
                ));
            }
        }
        if let Some(audience) = &self.audience {
            registered::check_audience(&claims, audience)?;
        }
        dates.check(self.leeway, now.wall)?;
        let expires = dates.expires.map(|expires| expires.plus(self.leeway));
        let mapped = self.mapping.apply(claims, id)?;
        Ok(mapped.principal(id, Self::METHOD, expires))
    }
}

/// The claims of an answer that says yes.
///
/// # Errors
/// `ReasonKind::Credential` for `"active": false`; `ReasonKind::Unavailable` for whatever
/// is not an answer of RFC 7662 §2.2.
fn active(response: &Response) -> Result<Map<String, Value>, Reason> {
    if response.status != StatusCode::OK {
        return Err(asking::unavailable(format!(
            "the introspection endpoint answered {}",
            response.status
        )));
    }
    let claims = json::object(&response.body).map_err(|why| {
        asking::unavailable(format!(
            "the introspection endpoint's answer is not strict JSON: {why}"
        ))
    })?;
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(claims),
        Some(Value::Bool(false)) => Err(refused("the issuer says that the token is not active")),
        _ => Err(asking::unavailable(
            "the introspection endpoint does not say whether the token is active",
        )),
    }
}
