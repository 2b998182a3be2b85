//! `type = "userinfo"`: a service is asked whom a credential belongs to.
//!
//! In comes a credential; out goes the principal that the service describes: an OpenID
//! provider's UserInfo (OpenID Connect Core §5.3), or any service that answers JSON, by a
//! template. Never: a yes from anything but status 200 and a strict JSON object that
//! names somebody; a credential in an address.

mod template;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde_json::{Map, Value};
use warden_core::{AuthenticatorId, Method, Now, Principal, Reason, ReasonKind, Timestamp};
use warden_settings::Section;

use crate::asking::{self, Address, Asking, Question, refused};
use crate::directory::Built;
use crate::endpoint::{Request, Response};
use crate::json;
use crate::mapping::{self, Mapping, Selector};
use crate::registered;
use crate::services::Services;
use crate::terms;
use template::Template;

/// Asks one service about credentials.
pub(crate) type UserInfoAuthenticator = Asking<UserInfo>;

/// Whom a credential belongs to.
pub(crate) struct UserInfo {
    template: Template,
    mapping: Mapping,
    end: End,
}

/// Where an answer says how long it holds.
struct End {
    /// A member that must be `true`.
    active: Option<Selector>,
    /// Seconds since 1970.
    expires: Option<Selector>,
    /// Seconds from now.
    expires_in: Option<Selector>,
    /// Longest time of a session, whatever the answer says.
    lifetime: Duration,
}

impl UserInfoAuthenticator {
    /// Takes the settings of a file. `is_bound`: `users` says whose they are.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        is_bound: bool,
        services: &Services,
    ) -> Built {
        let issuer: Option<String> = file.optional("issuer", "a string");
        let address = Address::read(file, "url", "userinfo_endpoint", issuer.as_deref());
        let template = Template::read(file);
        let lifetime = terms::lifetime(file);
        let (mapping, end) = Mapping::read(file, |claims| End {
            active: mapping::selector(claims, "active"),
            expires: mapping::selector(claims, "expires"),
            expires_in: mapping::selector(claims, "expires_in"),
            lifetime,
        });
        let draft = asking::Draft::read(
            file,
            Built::default(),
            directory,
            address,
            is_bound,
            services,
        );
        let question = template.map(|template| UserInfo {
            template,
            mapping,
            end,
        });
        draft.build(file, id, question, services)
    }
}

impl Question for UserInfo {
    const METHOD: Method = Method::UserInfo;

    fn leeway(&self) -> Option<Duration> {
        self.end.expires.is_some().then_some(Duration::ZERO)
    }

    fn request(&self, url: Url, user: &str, secret: &str) -> Result<Request, Reason> {
        self.template.request(url, user, secret)
    }

    fn principal(
        &self,
        id: &AuthenticatorId,
        response: &Response,
        now: Now,
    ) -> Result<Principal, Reason> {
        let answer = Value::Object(described(response)?);
        let end = self.end.of(&answer, now)?;
        let Value::Object(claims) = answer else {
            return Err(refused("the answer is not an object"));
        };
        let mapped = self.mapping.apply(claims, id)?;
        Ok(mapped.principal(id, Self::METHOD, Some(end)))
    }
}

impl End {
    /// When what the service answered now ends.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when it says that the credential is not active;
    /// `ReasonKind::Claims` for a time that is none; `ReasonKind::Expired`.
    fn of(&self, answer: &Value, now: Now) -> Result<Timestamp, Reason> {
        if let Some(active) = &self.active
            && active.find(answer) != Some(&Value::Bool(true))
        {
            return Err(refused(
                "the service says that the credential is not active",
            ));
        }
        let mut end = now.wall.plus(self.lifetime);
        let malformed = || Reason::new(ReasonKind::Claims, "the service states no usable end");
        if let Some(at) = &self.expires {
            let at = at.find(answer).and_then(registered::timestamp);
            end = end.min(at.ok_or_else(malformed)?);
        }
        if let Some(length) = &self.expires_in {
            let length = length.find(answer).and_then(registered::timestamp);
            let length = length.ok_or_else(malformed)?.as_unix_millis();
            end = end.min(now.wall.plus(Duration::from_millis(length)));
        }
        if end <= now.wall {
            return Err(Reason::new(
                ReasonKind::Expired,
                "the service says that the credential has expired",
            ));
        }
        Ok(end)
    }
}

/// What an answer that says yes describes.
///
/// # Errors
/// `ReasonKind::Credential`, in the same words, for an unknown user and a wrong
/// credential (statuses 401, 403, 404); `ReasonKind::Unavailable` for whatever else is
/// not status 200 with a JSON object.
fn described(response: &Response) -> Result<Map<String, Value>, Reason> {
    match response.status {
        StatusCode::OK => json::object(&response.body).map_err(|why| {
            asking::unavailable(format!(
                "the service's answer is not a strict JSON object: {why}"
            ))
        }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Err(refused("the service does not accept the credential"))
        }
        status => Err(asking::unavailable(format!(
            "the service answered {status}"
        ))),
    }
}
