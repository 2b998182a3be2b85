//! Authenticators that ask somebody about each credential.
//!
//! In comes a credential; out goes what the [`Question`] makes of the answer about it. What
//! such authenticators have in common is here: which credentials they are offered, the
//! throttle, one call, how long its answer is remembered and when it is asked for again.

mod address;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, Reason, ReasonKind, UserArgument,
};
use warden_settings::Section;

use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::directory::Built;
use crate::endpoint::{self, CallError, Endpoint, Request, Response};
use crate::services::Services;
use crate::survey::{Dependency, Published};
use crate::terms::Terms;
use crate::throttle::{self, Attempt, Throttle};
pub(crate) use address::Address;

/// What is asked, and what an answer means.
pub(crate) trait Question: Send + Sync + 'static {
    /// How it proves identities.
    const METHOD: Method;

    /// How far the clocks of whoever answers may be off; `None` where no date of theirs
    /// is compared with this clock.
    fn leeway(&self) -> Option<Duration>;

    /// What is sent about a credential.
    ///
    /// # Errors
    /// The refusal of a credential that cannot be sent.
    fn request(&self, url: Url, user: &str, secret: &str) -> Result<Request, Reason>;

    /// Whom an answer describes.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when the answer decides nothing.
    fn principal(
        &self,
        id: &AuthenticatorId,
        response: &Response,
        now: Now,
    ) -> Result<Principal, Reason>;
}

/// Asks one question about each credential.
pub(crate) struct Asking<Q> {
    id: AuthenticatorId,
    endpoint: Endpoint,
    address: Address,
    question: Q,
    terms: Terms,
    throttle: Throttle,
}

/// What could be read of a file, the question apart.
pub(crate) struct Draft {
    address: Option<Address>,
    terms: Terms,
    throttle: Option<Throttle>,
    endpoint: endpoint::Draft,
    built: Built,
}

impl Draft {
    /// Takes the settings out of a file; `built` has the files of the question's own.
    /// `is_bound`: `users` says whose they are.
    pub(crate) fn read(
        file: &mut Section,
        mut built: Built,
        directory: &Path,
        address: Option<Address>,
        is_bound: bool,
        services: &Services,
    ) -> Self {
        let urls: Vec<Url> = address
            .iter()
            .map(|address| address.url().clone())
            .collect();
        Self {
            terms: Terms::read(file, is_bound),
            throttle: Throttle::read(file, services),
            endpoint: endpoint::read(file, &mut built, directory, &urls),
            address,
            built,
        }
    }

    /// Whether `[endpoint]` names a client certificate.
    pub(crate) fn has_certificate(&self) -> bool {
        self.endpoint.has_certificate
    }

    /// Makes the authenticator, unless there was a fault. `question` is `None` after one
    /// of its own.
    pub(crate) fn build<Q: Question>(
        self,
        file: &Section,
        id: Option<&AuthenticatorId>,
        question: Option<Q>,
        services: &Services,
    ) -> Built {
        let mut built = self.built;
        if let (Some(id), Some(address), Some(question), Some((calls, client)), Some(throttle)) = (
            id,
            self.address,
            question,
            self.endpoint.parts,
            self.throttle,
        ) && file.is_good()
        {
            built.authenticator = Some(Box::new(Asking {
                id: id.clone(),
                endpoint: Endpoint::new(calls, client, services.clone()),
                address,
                question,
                terms: self.terms,
                throttle,
            }));
        }
        built
    }
}

impl<Q: Question> Asking<Q> {
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
        let request = self.question.request(url, user, secret)?;
        let response = self
            .endpoint
            .call_in_turn(request, attempt.turn())
            .await
            .map_err(undecided)?;
        let principal = self.question.principal(&self.id, &response, clock.now())?;
        Ok(self.terms.hold(principal))
    }
}

impl<Q: Question> Authenticator for Asking<Q> {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Q::METHOD
    }

    fn trouble(&self) -> Option<String> {
        self.endpoint.trouble()
    }

    fn dependency(&self) -> Option<Dependency<'_>> {
        Some(Dependency {
            endpoint: &self.endpoint,
            published: Published::Address(&self.address),
            leeway: self.question.leeway(),
        })
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.terms.offer.token(credential).is_some()
    }

    fn asks_others(&self) -> bool {
        true
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let credential = &presented.credential;
            let Some(secret) = self.terms.offer.token(credential) else {
                return Outcome::NotMine;
            };
            let user = match credential.user() {
                UserArgument::Named(name) => name.as_str(),
                UserArgument::Default => "default",
            };
            let attempt = self.throttle.attempt(&self.id, presented);
            let result = self.examine(user, secret, &attempt, clock).await;
            attempt.close(&self.id, result)
        })
    }
}

/// A refusal of the credential.
pub(crate) fn refused(why: &str) -> Reason {
    Reason::new(ReasonKind::Credential, why)
}

/// A reason for leaving a credential undecided.
pub(crate) fn unavailable(why: impl Display) -> Reason {
    Reason::new(ReasonKind::Unavailable, why.to_string())
}

/// What a call that came to nothing means for the credential it was about.
fn undecided(error: CallError) -> Reason {
    match error {
        CallError::Unwanted => throttle::held_back(),
        CallError::Busy(_) => Reason::new(ReasonKind::Busy, error.to_string()),
        error => unavailable(error),
    }
}
