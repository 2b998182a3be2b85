//! `type = "ldap"`: a directory judges a user name and a password (RFC 4511, RFC 4513).
//!
//! In comes a credential; out goes the principal for whom a directory server accepted a
//! simple bind. In `bind` mode its name is made of the given one, in `search+bind` mode
//! it is that of the one entry a search finds. Never: a yes but for result code 0 to a
//! bind with a name and a password; a referral that is followed; a search on a connection
//! that is a user's; an unknown name that costs or says anything else than a wrong
//! password. In `lookup` mode it takes no credential, and tells what it knows of those whom
//! other authenticators proved.

mod account;
mod address;
mod attached;
mod ber;
mod connection;
mod connector;
mod examiner;
mod failure;
mod filter;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod groups;
mod message;
mod name;
mod pool;
mod server;
mod servers;
mod settings;
mod status;
mod verdict;
mod visit;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use warden_core::{
    AuthenticatorId, Claims, Clock, Credential, Method, Now, Principal, Reason, UserArgument,
};
use warden_settings::Section;

use crate::accounts::{self, AccountTerms, Accounts, LookingUp, Wanted};
use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::coexistence::Coexistence;
use crate::directory::Built;
use crate::endpoint::Turn;
use crate::offer;
use crate::patterns;
use crate::services::{Services, Task};
use crate::terms;
use crate::throttle::{Attempt, Throttle};
use examiner::Examiner;
use groups::{Identifiers, Profile};
use settings::Mode;
pub use status::{PoolStatus, ServerStatus};
pub(crate) use visit::Visiting;
pub use visit::{ServerVisit, Welcome};

/// Asks one directory about names and passwords.
pub(crate) struct LdapAuthenticator {
    examiner: Examiner,
    terms: AccountTerms,
    /// `None`: it takes no credential.
    door: Option<Door>,
    /// Who look after the servers.
    watch: OnceLock<Vec<Option<Task<()>>>>,
}

/// How those come in who have a password.
struct Door {
    /// Longest time of a session.
    lifetime: Duration,
    coexistence: Coexistence,
    throttle: Throttle,
}

impl LdapAuthenticator {
    /// Takes the settings of a file.
    pub(crate) fn build(
        file: &mut Section,
        directory: &Path,
        id: Option<&AuthenticatorId>,
        is_bound: bool,
        services: &Services,
    ) -> Built {
        let mut built = Built::default();
        let settings = settings::read(file, &mut built, directory, services);
        let refresh = terms::refresh(file);
        let identifiers = settings.as_ref().map(|settings| Identifiers {
            dn: settings.lookup.dn_attribute.clone(),
            name: settings.lookup.attribute.clone(),
        });
        // Read whatever is at fault before it: each fault is told, and no key counts as unknown.
        let profile = Profile::read(file, identifiers.unwrap_or_default(), refresh.is_some());
        let remembered_for = terms::remembered_for(file);
        let serves_others = settings
            .as_ref()
            .is_some_and(|settings| matches!(settings.mode, Mode::Lookup));
        let door = if serves_others {
            Some(None)
        } else {
            let lifetime = terms::lifetime(file);
            let coexistence = Coexistence::read(file, is_bound);
            let throttle = Throttle::read(file, services);
            throttle.map(|throttle| {
                Some(Door {
                    lifetime,
                    coexistence,
                    throttle,
                })
            })
        };
        if let (Some(id), Some(settings), Some(door)) = (id, settings, door)
            && file.is_good()
            && let Some(nobody) = examiner::nobody(file, &settings.lookup.base)
        {
            let terms = AccountTerms {
                serves_others,
                remembered_for,
                refresh,
                attributes: profile.attributes(),
            };
            built.authenticator = Some(Box::new(Self {
                examiner: Examiner {
                    id: id.clone(),
                    mode: settings.mode,
                    lookup: settings.lookup,
                    profile,
                    servers: Arc::new(settings.servers),
                    services: services.clone(),
                    nobody,
                },
                terms,
                door,
                watch: OnceLock::new(),
            }));
        }
        built
    }

    /// Asks about a name and a password.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when it could not be decided.
    async fn examine(
        &self,
        name: &str,
        password: &str,
        (door, attempt): (&Door, &Attempt),
        clock: &dyn Clock,
    ) -> Result<Principal, Reason> {
        attempt.check()?;
        let (turn, now) = (attempt.turn(), clock.now());
        let name = patterns::local(&self.examiner.id, name);
        let examining = self.examiner.examine(name, password, &turn, now);
        let (name, described) = self.examiner.ask(examining).await?;
        let attach = door.coexistence.attach;
        attached::check(attach, &name, &self.examiner.mode)?;
        let id = &self.examiner.id;
        let looked_up = name.raw().into_owned();
        let principal = Principal {
            authenticator: id.clone(),
            name,
            method: Method::Ldap,
            groups: Vec::new(),
            scopes: Vec::new(),
            sole_authenticator: false,
            claims: Claims::default(),
            expires: Some(clock.now().wall.plus(door.lifetime)),
            remembered_for: None,
            bound_to: None,
            recheck: None,
            attach,
            account: None,
        };
        Ok(accounts::described(
            &principal,
            id,
            &self.terms,
            &looked_up,
            &described,
        ))
    }
}

impl Accounts for LdapAuthenticator {
    fn terms(&self) -> &AccountTerms {
        &self.terms
    }

    fn look_up<'a>(&'a self, wanted: Wanted<'a>, now: Now) -> LookingUp<'a> {
        Box::pin(self.examiner.ask(async move {
            let turn = Turn::default();
            let place = self.examiner.place_of(wanted.name)?;
            self.examiner
                .look_at(&place, wanted.proved, &turn, now)
                .await
        }))
    }
}

impl Authenticator for LdapAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.examiner.id
    }

    fn method(&self) -> Method {
        Method::Ldap
    }

    fn trouble(&self) -> Option<String> {
        self.examiner.servers.trouble()
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.examiner.servers.status()
    }

    fn coexistence(&self) -> Coexistence {
        let door = self.door.as_ref();
        door.map(|door| door.coexistence).unwrap_or_default()
    }

    fn visit_servers(&self, limit: Duration) -> Vec<Visiting> {
        visit::begin(&self.examiner.servers, &self.examiner.services, limit)
    }

    fn start(&self) {
        let servers = &self.examiner.servers;
        let notices = self.examiner.services.notices();
        for place in servers.exposed() {
            let line = format!("passwords go to {place} in clear: use ldaps:// or use_starttls");
            notices.warn(&self.examiner.id, &line);
        }
        self.watch.get_or_init(|| {
            (0..servers.count())
                .map(|place| {
                    let looking = Arc::clone(servers).look_after(place);
                    self.examiner.services.spawn(looking)
                })
                .collect()
        });
    }

    fn accounts(&self) -> Option<&dyn Accounts> {
        Some(self)
    }

    fn claims(&self, credential: &Credential) -> bool {
        self.door.is_some() && offered(credential).is_some()
    }

    fn asks_others(&self) -> bool {
        true
    }

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let (Some(door), Some((name, password))) = (&self.door, offered(&presented.credential))
            else {
                return Outcome::NotMine;
            };
            let attempt = door.throttle.attempt(&self.examiner.id, presented);
            let result = self.examine(name, password, (door, &attempt), clock).await;
            attempt.close(&self.examiner.id, result)
        })
    }
}

/// The name and the password, where a directory may be asked about them: neither for
/// whoever gives no name, nor about a token, nor about a password that is none.
fn offered(credential: &Credential) -> Option<(&str, &str)> {
    let UserArgument::Named(name) = credential.user() else {
        return None;
    };
    // These stand for whoever a token or a certificate names.
    if matches!(name.as_str(), "token" | "certificate") {
        return None;
    }
    let password = offer::password(credential)?;
    (!name::is_blank(password)).then_some((name, password))
}
