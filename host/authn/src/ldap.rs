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
mod tls;
mod verdict;
mod visit;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::rand;
use serde_json::Map;
use warden_core::{
    AuthenticatorId, Clock, Credential, Method, Now, Principal, PrincipalName, Reason, ReasonKind,
    UserArgument,
};
use zeroize::Zeroizing;

use crate::accounts::{self, AccountTerms, Accounts, Described, LookingUp, ProvedBy, Wanted};
use crate::asking::{refused, unavailable};
use crate::authenticator::{Answering, Authenticator, Outcome, Presented};
use crate::coexistence::Coexistence;
use crate::configuration::Section;
use crate::directory::Built;
use crate::endpoint::Turn;
use crate::offer;
use crate::services::{Services, Task};
use crate::terms;
use crate::throttle::{self, Attempt, Throttle};
use account::{Place, Question};
use connection::Proof;
use failure::Failure;
use groups::{Identifiers, Profile};
use name::BindName;
use servers::{NoAnswer, Servers};
use settings::{Lookup, Mode};
pub use status::{PoolStatus, ServerStatus};
pub(crate) use visit::Visiting;
pub use visit::{ServerVisit, Welcome};

/// Asks one directory about names and passwords.
pub(crate) struct LdapAuthenticator {
    inner: Arc<Inner>,
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

struct Inner {
    id: AuthenticatorId,
    mode: Mode,
    lookup: Lookup,
    profile: Profile,
    servers: Arc<Servers>,
    services: Services,
    /// The name of nobody, for binds that must fail.
    nobody: String,
}

/// Who has proved to be somebody.
struct Person {
    name: PrincipalName,
    /// Where his entry is.
    place: Place,
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
            && let Some(nobody) = nobody(file, &settings.lookup.base)
        {
            let terms = AccountTerms {
                serves_others,
                remembered_for,
                refresh,
                attributes: profile.attributes(),
            };
            built.authenticator = Some(Box::new(Self {
                inner: Arc::new(Inner {
                    id: id.clone(),
                    mode: settings.mode,
                    lookup: settings.lookup,
                    profile,
                    servers: Arc::new(settings.servers),
                    services: services.clone(),
                    nobody,
                }),
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
        let name = self.inner.local(name).to_owned();
        let password = Zeroizing::new(password.to_owned());
        let (inner, turn) = (Arc::clone(&self.inner), attempt.turn());
        let now = clock.now();
        let outcome = self
            .run(async move { inner.examine(&name, &password, &turn, now).await })
            .await;
        let (name, described) = outcome?;
        let attach = door.coexistence.attach;
        attached::check(attach, &name, &self.inner.mode)?;
        let id = &self.inner.id;
        let looked_up = name.raw().into_owned();
        let principal = Principal {
            authenticator: id.clone(),
            name,
            method: Method::Ldap,
            groups: Vec::new(),
            scopes: Vec::new(),
            sole_authenticator: false,
            claims: Map::new(),
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

    /// Runs what asks the directory where there is a network.
    ///
    /// # Errors
    /// Its own, and `Unavailable` without a network.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Reason>> + Send + 'static,
    ) -> Result<T, Reason> {
        let stopped = || unavailable("there is no network here");
        let task = self.inner.services.spawn(work);
        let outcome = task.ok_or_else(stopped)?.outcome().await;
        outcome.ok_or_else(stopped)?
    }
}

impl Accounts for LdapAuthenticator {
    fn terms(&self) -> &AccountTerms {
        &self.terms
    }

    fn look_up<'a>(&'a self, wanted: Wanted<'a>, now: Now) -> LookingUp<'a> {
        let (inner, name) = (Arc::clone(&self.inner), wanted.name.to_owned());
        let proved = wanted.proved;
        Box::pin(self.run(async move {
            let turn = Turn::default();
            let place = inner.place_of(&name)?;
            inner.look_at(&place, proved, &turn, now).await
        }))
    }
}

impl Authenticator for LdapAuthenticator {
    fn id(&self) -> &AuthenticatorId {
        &self.inner.id
    }

    fn method(&self) -> Method {
        Method::Ldap
    }

    fn trouble(&self) -> Option<String> {
        self.inner.servers.trouble()
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.inner.servers.status()
    }

    fn coexistence(&self) -> Coexistence {
        let door = self.door.as_ref();
        door.map(|door| door.coexistence).unwrap_or_default()
    }

    fn visit_servers(&self, limit: Duration) -> Vec<Visiting> {
        visit::begin(&self.inner.servers, &self.inner.services, limit)
    }

    fn start(&self) {
        let servers = &self.inner.servers;
        let notices = self.inner.services.notices();
        for place in servers.exposed() {
            let line = format!("passwords go to {place} in clear: use ldaps:// or use_starttls");
            notices.warn(&self.inner.id, &line);
        }
        self.watch.get_or_init(|| {
            (0..servers.count())
                .map(|place| {
                    let looking = Arc::clone(servers).look_after(place);
                    self.inner.services.spawn(looking)
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

    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a> {
        Box::pin(async move {
            let (Some(door), Some((name, password))) = (&self.door, offered(&presented.credential))
            else {
                return Outcome::NotMine;
            };
            let attempt = door.throttle.attempt(presented);
            let result = self.examine(name, password, (door, &attempt), clock).await;
            attempt.close(&self.inner.id, result)
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

/// A name that nobody has: such as no administrator gives, and random.
fn nobody(file: &mut Section, base: &str) -> Option<String> {
    let mut bytes = [0; 16];
    if rand::fill(&mut bytes).is_err() {
        file.fault("", crate::Error::Random.to_string());
        return None;
    }
    let number = u128::from_be_bytes(bytes);
    let comma = if base.trim().is_empty() { "" } else { "," };
    Some(format!("cn=nobody-{number:032x}{comma}{base}"))
}

impl Inner {
    /// The name without the authenticator's id before it.
    fn local<'a>(&self, given: &'a str) -> &'a str {
        given
            .strip_prefix(self.id.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(given)
    }

    /// Lets somebody prove who he is, and looks up what he is.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when nobody judged.
    async fn examine(
        &self,
        name: &str,
        password: &str,
        turn: &Turn,
        now: Now,
    ) -> Result<(PrincipalName, Described), Reason> {
        let person = self.prove(name, password, turn).await?;
        let described = self.describe(&person.place, turn, now).await?;
        Ok((person.name, described))
    }

    /// Lets somebody prove who he is.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when nobody judged.
    async fn prove(&self, name: &str, password: &str, turn: &Turn) -> Result<Person, Reason> {
        if !name::is_plain(name) {
            return Err(no_name());
        }
        match &self.mode {
            Mode::Bind(form) => {
                let (bound_as, place) = bound(form, name)?;
                self.bind(&bound_as, password, turn).await?;
                person(name, place)
            }
            Mode::SearchBind => self.prove_found(name, password, turn).await,
            // No credential comes here.
            Mode::Lookup => Err(refused("this directory judges no passwords")),
        }
    }

    /// Where the entry is of whoever has proved to have this name.
    ///
    /// # Errors
    /// When it cannot be anybody's.
    fn place_of(&self, name: &str) -> Result<Place, Reason> {
        if !name::is_plain(name) {
            return Err(no_name());
        }
        match &self.mode {
            Mode::Bind(form) => Ok(bound(form, name)?.1),
            Mode::SearchBind | Mode::Lookup => Ok(Place::Called(name.to_owned())),
        }
    }

    /// What the directory knows of somebody who has proved who he is, as far as anybody
    /// wants to know it.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when nobody answered.
    async fn describe(&self, place: &Place, turn: &Turn, now: Now) -> Result<Described, Reason> {
        let is_found = matches!(self.mode, Mode::SearchBind);
        if !self.profile.is_wanted(is_found) {
            return Ok(Described::default());
        }
        self.look_at(place, ProvedBy::Password, turn, now).await
    }

    /// What the directory says of one account.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when nobody answered.
    async fn look_at(
        &self,
        place: &Place,
        proved: ProvedBy,
        turn: &Turn,
        now: Now,
    ) -> Result<Described, Reason> {
        let question = Question {
            profile: &self.profile,
            lookup: &self.lookup,
            place,
            proved,
            id: &self.id,
            now,
        };
        let described = self.servers.lend(&question, turn).await;
        described.map_err(|none| undecided(&none))?
    }

    /// The same for the one entry that has the name.
    async fn prove_found(&self, name: &str, password: &str, turn: &Turn) -> Result<Person, Reason> {
        let lookup = &self.lookup;
        let filter = lookup.filter.with(&lookup.attribute, name);
        let names = lookup.names();
        let search = lookup.search(&filter, &names);
        let found = self.servers.lend(&search, turn).await;
        let found = found.map_err(|none| undecided(&none))?;
        let found = found.map_err(unavailable)?;
        let (target, spelling) = match verdict::the_one(&found, lookup, name)? {
            Ok(one) => one,
            // As if there were somebody, and the password wrong.
            Err(why) => {
                return Err(match self.bind(&self.nobody, password, turn).await {
                    Err(reason) if !reason.reply().is_about_the_credential() => reason,
                    _ => why,
                });
            }
        };
        self.bind(&target, password, turn).await?;
        spelling?;
        // The entry itself: it may be bound by another name than its own.
        let entry = found.entries.into_iter().next();
        person(name, Place::Named(entry.map_or(target, |entry| entry.dn)))
    }

    async fn bind(&self, name: &str, password: &str, turn: &Turn) -> Result<(), Reason> {
        let proof = Proof { name, password };
        let ended = self.servers.bind(proof, turn).await;
        verdict::of_bind(&ended.map_err(|none| undecided(&none))?)
    }
}

fn no_name() -> Reason {
    refused("such a name is nobody's in a directory")
}

/// What a name binds as, and where its entry is.
fn bound(form: &BindName, name: &str) -> Result<(String, Place), Reason> {
    let bound_as = form
        .of(name)
        .ok_or_else(|| refused("such a name cannot stand in that of a bind"))?;
    let place = match groups::Dn::parse(&bound_as) {
        Ok(_) => Place::Named(bound_as.clone()),
        Err(_) => Place::Searched {
            name: name.to_owned(),
            bound_as: bound_as.clone(),
        },
    };
    Ok((bound_as, place))
}

fn person(name: &str, place: Place) -> Result<Person, Reason> {
    let name = PrincipalName::new(name)
        .map_err(|error| Reason::new(ReasonKind::Name, error.to_string()))?;
    Ok(Person { name, place })
}

/// What it means for a credential that no server judged it.
fn undecided(none: &NoAnswer) -> Reason {
    match none.failure {
        Failure::Unwanted => throttle::held_back(),
        Failure::Busy => Reason::new(ReasonKind::Busy, none.to_string()),
        _ => unavailable(none),
    }
}
