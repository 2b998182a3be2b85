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
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, Reason, ReasonKind, Recheck,
};

use crate::asking::{self, Address};
use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::configuration::Section;
use crate::directory::Built;
use crate::endpoint::{self, Endpoint, Request, Response};
use crate::json;
use crate::mapping::Mapping;
use crate::offer::{Offer, Opaque};
use crate::registered::{self, Dates};
use crate::services::Services;
use crate::throttle::{Attempt, Throttle};
use client::ClientAuthentication;

/// Asks one issuer about tokens.
pub(crate) struct IntrospectionAuthenticator {
    id: AuthenticatorId,
    endpoint: Endpoint,
    address: Address,
    client: ClientAuthentication,
    settings: Settings,
    throttle: Throttle,
}

struct Settings {
    issuer: Option<String>,
    /// One of these is in `aud`; `None`: any will do.
    audience: Option<Vec<String>>,
    leeway: Duration,
    mapping: Mapping,
    remembered_for: Duration,
    recheck: Option<Recheck>,
    offer: Offer,
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
        let any_audience = file
            .optional("any_audience", "true or false")
            .unwrap_or(false);
        let audience = if any_audience {
            if file.has("audience") {
                file.fault("any_audience", "contradicts audience");
            }
            None
        } else {
            file.mandatory_strings("audience")
        };
        let client = ClientAuthentication::read(file, directory);
        let (mapping, ()) = Mapping::read(file, |_| ());
        let opaque = if is_bound {
            Opaque::AnyName
        } else {
            Opaque::AsToken
        };
        let settings = Settings {
            issuer,
            leeway: Duration::from_secs(file.whole("leeway_seconds", 30, 0..=300)),
            mapping,
            remembered_for: asking::remembered_for(file),
            recheck: asking::recheck(file),
            offer: Offer::read(file, opaque),
            audience,
        };
        let urls: Vec<Url> = address
            .iter()
            .map(|address| address.url().clone())
            .collect();
        let throttle = Throttle::read(file, services);
        let draft = endpoint::read(file, directory, &urls);
        if client.needs_certificate() && !draft.has_certificate {
            file.fault(
                "client_authentication",
                "tls_client_auth needs endpoint.client_certificate_file",
            );
        }
        let mut built = Built {
            watched: draft.watched,
            content: draft.content,
            ..Built::default()
        };
        client.files(&mut built);
        if let (Some(id), Some(address), Some((calls, http)), Some(throttle)) =
            (id, address, draft.parts, throttle)
            && file.is_good()
        {
            built.authenticator = Some(Box::new(Self {
                id: id.clone(),
                endpoint: Endpoint::new(calls, http, services.clone()),
                address,
                client,
                settings,
                throttle,
            }));
        }
        built
    }

    /// Asks about a token.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when it could not be decided.
    async fn examine(
        &self,
        token: &[u8],
        attempt: &Attempt,
        clock: &dyn Clock,
    ) -> Result<Principal, Reason> {
        attempt.check()?;
        let url = self.address.resolve(&self.endpoint).await?;
        let request = self.request(url, token)?;
        let response = self
            .endpoint
            .call_in_turn(request, attempt.turn())
            .await
            .map_err(asking::undecided)?;
        let claims = active(&response)?;
        self.principal(claims, clock.now())
    }

    /// The question about a token (RFC 7662 §2.1).
    fn request(&self, url: Url, token: &[u8]) -> Result<Request, Reason> {
        let token = std::str::from_utf8(token).map_err(|_| refused("the token is not text"))?;
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

    /// What an answer about an active token says.
    fn principal(&self, claims: Map<String, Value>, now: Now) -> Result<Principal, Reason> {
        let settings = &self.settings;
        let dates = Dates::read(&claims)?;
        match (&settings.issuer, claims.get("iss")) {
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
        if let Some(audience) = &settings.audience {
            registered::check_audience(&claims, audience)?;
        }
        dates.check(settings.leeway, now.wall)?;
        let expires = dates.expires.map(|expires| expires.plus(settings.leeway));
        let mapped = settings.mapping.apply(claims, &self.id)?;
        let mut principal = mapped.principal(&self.id, Method::Introspection, expires);
        principal.remembered_for = Some(settings.remembered_for);
        principal.recheck = settings.recheck;
        Ok(principal)
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

fn refused(why: &str) -> Reason {
    Reason::new(ReasonKind::Credential, why)
}

impl Authenticator for IntrospectionAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Method::Introspection
    }

    fn trouble(&self) -> Option<String> {
        self.endpoint.trouble()
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.settings.offer.token(credential).is_some()
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let Some(token) = self.settings.offer.token(&presented.credential) else {
                return Outcome::NotMine;
            };
            let attempt = self.throttle.attempt(presented);
            let result = self.examine(token, &attempt, clock).await;
            attempt.close(&self.id, result)
        })
    }
}
