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
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, Reason, ReasonKind, Recheck,
    Timestamp, UserArgument,
};

use crate::asking::{self, Address};
use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::configuration::Section;
use crate::directory::Built;
use crate::endpoint::{self, Endpoint, Response};
use crate::json;
use crate::mapping::{self, Mapping, Selector};
use crate::offer::{Offer, Opaque};
use crate::registered;
use crate::services::Services;
use crate::throttle::{Attempt, Throttle};
use template::Template;

/// Asks one service about credentials.
pub(crate) struct UserInfoAuthenticator {
    id: AuthenticatorId,
    endpoint: Endpoint,
    address: Address,
    template: Template,
    settings: Settings,
    throttle: Throttle,
}

struct Settings {
    mapping: Mapping,
    end: End,
    remembered_for: Duration,
    recheck: Option<Recheck>,
    offer: Offer,
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
        let seconds = file.whole("lifetime_seconds", 3600, 1..=31_536_000);
        let (mapping, end) = Mapping::read(file, |claims| End {
            active: mapping::selector(claims, "active"),
            expires: mapping::selector(claims, "expires"),
            expires_in: mapping::selector(claims, "expires_in"),
            lifetime: Duration::from_secs(seconds),
        });
        let opaque = if is_bound {
            Opaque::AnyName
        } else {
            Opaque::AsToken
        };
        let settings = Settings {
            mapping,
            end,
            remembered_for: asking::remembered_for(file),
            recheck: asking::recheck(file),
            offer: Offer::read(file, opaque),
        };
        let urls: Vec<Url> = address
            .iter()
            .map(|address| address.url().clone())
            .collect();
        let throttle = Throttle::read(file, services);
        let draft = endpoint::read(file, directory, &urls);
        let mut built = Built {
            watched: draft.watched,
            content: draft.content,
            ..Built::default()
        };
        if let (Some(id), Some(address), Some(template), Some((calls, http)), Some(throttle)) =
            (id, address, template, draft.parts, throttle)
            && file.is_good()
        {
            built.authenticator = Some(Box::new(Self {
                id: id.clone(),
                endpoint: Endpoint::new(calls, http, services.clone()),
                address,
                template,
                settings,
                throttle,
            }));
        }
        built
    }

    /// Asks about a credential.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when it could not be decided.
    async fn examine(
        &self,
        user: &str,
        secret: &[u8],
        attempt: &Attempt,
        clock: &dyn Clock,
    ) -> Result<Principal, Reason> {
        attempt.check()?;
        let url = self.address.resolve(&self.endpoint).await?;
        let secret =
            std::str::from_utf8(secret).map_err(|_| refused("the credential is not text"))?;
        let request = self.template.request(url, user, secret)?;
        let response = self
            .endpoint
            .call_in_turn(request, attempt.turn())
            .await
            .map_err(asking::undecided)?;
        let answer = described(&response)?;
        self.principal(answer, clock.now())
    }

    fn principal(&self, answer: Map<String, Value>, now: Now) -> Result<Principal, Reason> {
        let settings = &self.settings;
        let answer = Value::Object(answer);
        let end = settings.end.of(&answer, now)?;
        let Value::Object(claims) = answer else {
            return Err(refused("the answer is not an object"));
        };
        let mapped = settings.mapping.apply(claims, &self.id)?;
        let mut principal = mapped.principal(&self.id, Method::UserInfo, Some(end));
        principal.remembered_for = Some(settings.remembered_for);
        principal.recheck = settings.recheck;
        Ok(principal)
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

fn refused(why: &str) -> Reason {
    Reason::new(ReasonKind::Credential, why)
}

impl Authenticator for UserInfoAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Method::UserInfo
    }

    fn trouble(&self) -> Option<String> {
        self.endpoint.trouble()
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.settings.offer.token(credential).is_some()
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let credential = &presented.credential;
            let Some(secret) = self.settings.offer.token(credential) else {
                return Outcome::NotMine;
            };
            let user = match credential.user() {
                UserArgument::Named(name) => name.as_str(),
                UserArgument::Default => "default",
            };
            let attempt = self.throttle.attempt(presented);
            let result = self.examine(user, secret, &attempt, clock).await;
            attempt.close(&self.id, result)
        })
    }
}
