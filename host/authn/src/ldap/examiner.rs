//! Finding out who somebody is, and what: the questions one directory is asked.
//!
//! In: a name and a password, or the name of somebody proved elsewhere. Out: whose name it
//! is and what the directory says of him, or the refusal. Never: an unknown name that costs
//! or says anything else than a wrong password.

use std::sync::Arc;

use aws_lc_rs::rand;
use warden_core::{AuthenticatorId, Now, PrincipalName, Reason, ReasonKind};
use warden_settings::Section;

use super::account::{Place, Question};
use super::connection::Proof;
use super::failure::Failure;
use super::filter::Filter;
use super::groups::{self, Profile};
use super::name::{self, BindName};
use super::servers::{NoAnswer, Servers};
use super::settings::{Lookup, Mode};
use super::verdict;
use crate::accounts::{Described, ProvedBy};
use crate::asking::{refused, unavailable};
use crate::endpoint::Turn;
use crate::services::Services;
use crate::throttle;

/// One directory, and how to ask it.
pub(super) struct Examiner {
    pub(super) id: AuthenticatorId,
    pub(super) mode: Mode,
    pub(super) lookup: Lookup,
    pub(super) profile: Profile,
    pub(super) servers: Arc<Servers>,
    pub(super) services: Services,
    /// The name of nobody, for binds that must fail.
    pub(super) nobody: String,
}

/// Who has proved to be somebody.
struct Person {
    name: PrincipalName,
    /// Where his entry is.
    place: Place,
}

impl Examiner {
    /// Does what asks the directory where there is a network.
    ///
    /// # Errors
    /// Its own, and `Unavailable` without a network.
    pub(super) async fn ask<T>(
        &self,
        work: impl Future<Output = Result<T, Reason>>,
    ) -> Result<T, Reason> {
        let outcome = self.services.attend(work).await;
        outcome.unwrap_or_else(|| Err(unavailable("there is no network here")))
    }

    /// Lets somebody prove who he is, and looks up what he is.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when nobody judged.
    pub(super) async fn examine(
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
    pub(super) fn place_of(&self, name: &str) -> Result<Place, Reason> {
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
    pub(super) async fn look_at(
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
        let filter = lookup.filter.with(Filter::equal(&lookup.attribute, name));
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

/// A name that nobody has: such as no administrator gives, and random.
pub(super) fn nobody(file: &mut Section, base: &str) -> Option<String> {
    let mut bytes = [0; 16];
    if rand::fill(&mut bytes).is_err() {
        file.fault("", crate::Error::Random.to_string());
        return None;
    }
    let number = u128::from_be_bytes(bytes);
    let comma = if base.trim().is_empty() { "" } else { "," };
    Some(format!("cn=nobody-{number:032x}{comma}{base}"))
}
