//! `type = "plugin"`: a WebAssembly component of the operator's judges the credential.
//!
//! In comes a credential; out goes the principal that the plugin vouches for, named and
//! bounded as every other authenticator's. Who runs it, and within which limits, is behind
//! [`Plugins`](warden_core::plugin::Plugins). Never: a yes from a plugin that failed, an
//! answer taken half, or a session without an end.

mod running;
mod settings;
#[cfg(test)]
mod tests;
mod vouched;

use std::path::Path;
use std::sync::Arc;

use warden_core::plugin::{Answer, Question, Reads, StartError};
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, Reason, ReasonKind, UserArgument,
};
use warden_settings::Section;

use crate::asking::unavailable;
use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::directory::Built;
use crate::services::Services;
pub use running::PluginRegistry;
use running::Running;
use settings::Settings;

/// Asks one plugin about credentials.
pub(crate) struct PluginAuthenticator {
    id: AuthenticatorId,
    settings: Settings,
    running: Arc<Running>,
}

impl PluginAuthenticator {
    /// Takes the settings of a file, and starts the plugin unless the very same runs
    /// already. `is_bound`: `users` says whose names are its.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        is_bound: bool,
        services: &Services,
    ) -> Built {
        let mut built = Built::default();
        let settings = Settings::read(file, is_bound);
        let setup = settings::setup(file, &mut built, directory, id);
        // Starting it takes time: only where nothing else is wrong.
        let Some(setup) = setup.filter(|_| file.is_faultless()) else {
            return built;
        };
        let Some(plugins) = services.plugins() else {
            file.fault("type", "plugins cannot be run here");
            return built;
        };
        let id = setup.id.clone();
        match plugins.obtain(setup) {
            Ok(running) => {
                built.authenticator = Some(Box::new(Self {
                    id,
                    settings,
                    running,
                }));
            }
            Err(error @ StartError::Starting) => file.not_ready("component", error.to_string()),
            Err(error) => file.fault("component", error.to_string()),
        }
        built
    }

    /// The secret as the plugin is to see it; `None` when it is not asked.
    fn secret<'a>(&self, credential: &'a Credential) -> Option<&'a [u8]> {
        let offered = self.settings.terms.offer.token(credential);
        // Whoever gives no secret may be shown by the certificate.
        let is_bare = credential.secret().expose().is_empty()
            && matches!(credential.user(), UserArgument::Named(_));
        offered.or_else(|| (is_bare && self.running.reads().certificate).then_some(&[]))
    }

    /// What the plugin's answer comes to.
    fn outcome(&self, answer: Answer, now: Now) -> Outcome<Box<Principal>> {
        let vouched = match answer {
            Answer::NotMine => return Outcome::NotMine,
            Answer::Refused(why) => {
                let why = format!("the plugin refuses the credential: {why}");
                return Outcome::Refused(Reason::new(ReasonKind::Credential, why));
            }
            Answer::Unavailable(why) => {
                return Outcome::Unavailable(unavailable(format!(
                    "the plugin leaves the credential undecided: {why}"
                )));
            }
            Answer::Verified(vouched) => vouched,
        };
        match vouched::principal(vouched, &self.settings, &self.id, now) {
            Ok(principal) => Outcome::Verified(Box::new(principal)),
            Err(reason) => Outcome::against(reason),
        }
    }
}

impl Authenticator for PluginAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }

    fn method(&self) -> Method {
        Method::Plugin
    }

    fn trouble(&self) -> Option<String> {
        self.running.trouble()
    }

    fn reads(&self) -> Reads {
        self.running.reads()
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.secret(credential).is_some()
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let client = &presented.client;
            let is_shown = client.tls && client.certificate.is_some();
            let secret = self.secret(&presented.credential);
            // Without either it may be a user of the server's own who has no password.
            let Some(secret) = secret.filter(|secret| is_shown || !secret.is_empty()) else {
                return Outcome::NotMine;
            };
            let question = Question {
                user: match presented.credential.user() {
                    UserArgument::Named(name) => Some(name),
                    UserArgument::Default => None,
                },
                secret,
                client,
            };
            match self.running.authenticate(&question, clock).await {
                Ok(answer) => self.outcome(answer, clock.now()),
                Err(reason) => Outcome::Unavailable(reason),
            }
        })
    }
}
