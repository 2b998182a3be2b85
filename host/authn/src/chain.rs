//! The chain: authenticators in the order of their files, one generation of them.
//!
//! In comes a directory and, later, credentials; out go an immutable [`Chain`]
//! and one [`Outcome`] a credential. [`Chain::load`] builds the next generation
//! aside; a file in error keeps its last good version. The chain is the only
//! place that attests a principal, and it checks first that the name given to
//! AUTH, the names bound to authenticators and the expiry agree with it.

mod entry;
mod loading;
mod looking;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use warden_core::plugin::Reads;
use warden_core::{
    AuthenticatorId, Clock, Credential, Now, Principal, Reason, ReasonKind, UserArgument, Verified,
};
use warden_settings::FileError;

pub use entry::AuthenticatorStatus;

use crate::authenticator::{Outcome, Presented, at_once};
use crate::coexistence::Coexistence;
use crate::directory;
use crate::patterns::{self, Name};
use crate::services::Services;
use entry::Entry;
use loading::Loading;

/// The user name that stands for "whoever the credential says".
const ANYBODY: &str = "token";

/// The user name that stands for "whoever the connection's certificate says".
const WHOSE_CERTIFICATE: &str = "certificate";

/// Numbers of chains and authenticators: never repeated within a process, so that
/// nothing remembered under one is ever found under another.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

fn next_generation() -> u64 {
    GENERATIONS.fetch_add(1, Ordering::Relaxed)
}

/// What the module's configuration says to every authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSettings {
    /// Whether a token without expiry is refused. Default: yes.
    pub require_expiry: bool,
    /// Most credentials that wait at one authenticator; one more is left undecided.
    /// Default: 10,000.
    pub max_pending: usize,
    /// Whether principals may become users of the server's own ACL, which no policy binds.
    /// Default: yes.
    pub may_attach: bool,
}

impl ChainSettings {
    /// Whether credentials come to the same under both: what may be a fault in a file is
    /// no difference.
    fn judges_as(&self, other: &Self) -> bool {
        self.require_expiry == other.require_expiry && self.max_pending == other.max_pending
    }
}

impl Default for ChainSettings {
    fn default() -> Self {
        Self {
            require_expiry: true,
            max_pending: 10_000,
            may_attach: true,
        }
    }
}

/// One generation of the authenticator directory.
pub struct Chain {
    generation: AtomicU64,
    slots: Vec<Slot>,
    watched: Vec<PathBuf>,
    settings: ChainSettings,
    sole: bool,
    /// What any of them reads.
    reads: Reads,
    /// Whether any of them must not see the names of local users.
    spares_local_users: bool,
}

/// A place in the chain.
#[derive(Clone)]
struct Slot {
    entry: Arc<Entry>,
    /// The file is in error now; this is what it last made.
    last_good: bool,
}

/// What [`Chain::load`] came to.
pub struct LoadReport {
    /// The next generation. Complete, but for files in error without a last good
    /// version: at server start any error should fail the load.
    pub chain: Arc<Chain>,
    /// Every fault of every file.
    pub errors: Vec<FileError>,
    /// Whether anything differs from the previous generation.
    pub changed: bool,
    /// Authenticators whose settings or keys are other than before.
    pub altered: Vec<AuthenticatorId>,
    /// These, and those whose directory is altered or gone: what they vouched for is to be
    /// asked about again.
    pub affected: Vec<AuthenticatorId>,
    /// Authenticators that are no more: their sessions close.
    pub removed: Vec<AuthenticatorId>,
}

/// How a credential is judged that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Some compute, though they may have to ask after all: on a worker.
    Computed,
    /// All ask somebody else: on the thread of the runtime.
    Asked,
}

/// Whom a user name is for.
enum Route<'a> {
    /// Bound by `users`: this one and no other.
    Bound(&'a Entry),
    /// Everyone that admits it.
    Open,
}

impl Chain {
    /// A chain without authenticators: every credential is nobody's.
    pub fn empty() -> Self {
        Self {
            generation: AtomicU64::new(next_generation()),
            slots: Vec::new(),
            watched: Vec::new(),
            settings: ChainSettings::default(),
            sole: false,
            reads: Reads::default(),
            spares_local_users: false,
        }
    }

    /// Reads a directory and builds the next generation of it. Does I/O: never
    /// called on the main thread once the server runs.
    ///
    /// A file in error keeps the version of `previous`, if there was one. A
    /// directory that cannot be listed keeps all of `previous`. An unchanged file
    /// keeps its authenticator and generation.
    pub fn load(
        directory: &Path,
        settings: &ChainSettings,
        services: &Services,
        previous: Option<&Arc<Self>>,
    ) -> LoadReport {
        let files = match directory::list(directory) {
            Ok(files) => files,
            Err(error) => {
                let chain =
                    previous.map_or_else(|| Arc::new(Self::empty()), |chain| chain.under(settings));
                let error = FileError {
                    file: directory.to_owned(),
                    key: String::new(),
                    message: error.to_string(),
                    passes: false,
                };
                return LoadReport {
                    errors: vec![error],
                    changed: previous
                        .is_none_or(|previous| previous.generation() != chain.generation()),
                    chain,
                    altered: Vec::new(),
                    affected: Vec::new(),
                    removed: Vec::new(),
                };
            }
        };
        let mut loading = Loading::new(settings, services, previous.map(Arc::as_ref));
        for file in files {
            loading.take(&file);
        }
        loading.finish()
    }

    /// The generation's number: part of every cache key. It changes whenever any
    /// authenticator does, so that nothing remembered outlives its authenticator, and with
    /// [`Chain::forget`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Nothing that was verified so far may be remembered: keys were withdrawn.
    pub fn forget(&self) {
        self.generation.store(next_generation(), Ordering::Release);
    }

    /// Files outside the directory that were read (key files): a change of one
    /// means a reload.
    pub fn watched_files(&self) -> &[PathBuf] {
        &self.watched
    }

    /// What of the connection the outcome of a credential depends on.
    pub fn reads(&self, secret: &[u8]) -> Reads {
        // Without a secret the proof is in the connection.
        let certificate = secret.is_empty();
        self.reads.or(Reads {
            certificate,
            ..Reads::default()
        })
    }

    /// Whether it matters to any authenticator that a name is a local user's: only then must
    /// the server be asked.
    pub fn spares_local_users(&self) -> bool {
        self.spares_local_users
    }

    /// How the authenticator of this id goes along with the users of the server's own ACL;
    /// by default where there is none.
    pub fn coexistence(&self, id: &AuthenticatorId) -> Coexistence {
        let slot = self.slots.iter().find(|slot| slot.entry.id() == id);
        slot.map(|slot| slot.entry.coexistence())
            .unwrap_or_default()
    }

    /// How each authenticator is, in the order they are asked.
    pub fn authenticators(&self) -> impl Iterator<Item = AuthenticatorStatus<'_>> {
        self.slots
            .iter()
            .map(|slot| slot.entry.status(slot.last_good))
    }

    /// How those judge who want this credential; `None`: nobody does. `is_local` as in
    /// [`Presented`]. Cheap; for the main thread.
    pub fn claims(&self, credential: &Credential, is_local: bool) -> Option<Claim> {
        let name = given_name(credential);
        match self.route(name, is_local) {
            Route::Bound(entry) => Some(entry.claim()),
            Route::Open => {
                let mut claims = self
                    .admitting(name, is_local)
                    .filter(|entry| entry.authenticator.claims(credential))
                    .map(Entry::claim);
                let first = claims.next()?;
                // It may leave the credential to one behind it, who computes.
                let all_ask = first == Claim::Asked && claims.all(|claim| claim == first);
                Some(if all_ask { first } else { Claim::Computed })
            }
        }
    }

    /// Asks the authenticators in their order. Polled on worker threads or that of the
    /// runtime, neither of which it holds up.
    ///
    /// `NotMine` leaves the credential to the `fallback`; a name bound by `users`
    /// never gets there. A token for another audience may be meant for a later one of
    /// them, and a later one is asked about what one refuses that passes on. Every doubt
    /// is a refusal.
    pub async fn authenticate(&self, presented: &Presented, clock: &dyn Clock) -> Outcome {
        let name = given_name(&presented.credential);
        match self.route(name, presented.is_local) {
            Route::Bound(entry) => match self.ask(entry, presented, clock).await {
                Outcome::NotMine => Outcome::Refused(Reason::new(
                    ReasonKind::Credential,
                    format!(
                        "the name is bound to {:?}, whose credential this is not",
                        entry.id().as_str()
                    ),
                )),
                outcome => outcome,
            },
            Route::Open => {
                let mut answer = Outcome::NotMine;
                for entry in self.admitting(name, presented.is_local) {
                    match self.ask(entry, presented, clock).await {
                        Outcome::NotMine => {}
                        Outcome::Refused(reason) if reason.kind() == ReasonKind::WrongAudience => {
                            answer = Outcome::Refused(reason);
                        }
                        outcome => return outcome,
                    }
                }
                answer
            }
        }
    }

    /// The same where nobody can be waited for: what would ask somebody else is
    /// unavailable.
    pub fn authenticate_alone(&self, presented: &Presented, clock: &dyn Clock) -> Outcome {
        at_once(self.authenticate(presented, clock))
    }

    fn route(&self, name: Option<&str>, is_local: bool) -> Route<'_> {
        name.and_then(|name| {
            self.entries()
                .find(|entry| entry.may_see(is_local) && entry.binds(Name::Given(name)))
        })
        .map_or(Route::Open, Route::Bound)
    }

    /// Those that may be asked about a name that nobody has bound.
    fn admitting<'a>(
        &'a self,
        name: Option<&'a str>,
        is_local: bool,
    ) -> impl Iterator<Item = &'a Entry> {
        let addressee = name.and_then(|name| self.addressee(name));
        self.entries().filter(move |entry| {
            entry.may_see(is_local)
                && entry.admits(name.map(Name::Given))
                && entry.may_be_shown_what_is_for(addressee)
        })
    }

    /// The authenticator whose id stands before a name.
    fn addressee(&self, name: &str) -> Option<&AuthenticatorId> {
        let (id, _) = name.split_once('/')?;
        self.entries()
            .map(Entry::id)
            .find(|known| known.as_str() == id)
    }

    /// The first authenticator whose `users` match.
    fn binder(&self, name: Name<'_>) -> Option<&Entry> {
        self.entries().find(|entry| entry.binds(name))
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|slot| slot.entry.as_ref())
    }

    async fn ask(&self, entry: &Entry, presented: &Presented, clock: &dyn Clock) -> Outcome {
        let credential = &presented.credential;
        let outcome = if entry.authenticator.claims(credential) {
            let Some(_place) = entry.wait(self.settings.max_pending) else {
                let detail = format!("max_pending credentials wait at {:?}", entry.id().as_str());
                return Outcome::Unavailable(Reason::new(ReasonKind::Busy, detail));
            };
            match entry.authenticator.authenticate(presented, clock).await {
                Outcome::NotMine => Outcome::NotMine,
                Outcome::Refused(reason) => {
                    let refused = Outcome::Refused(reason);
                    if entry.coexistence().passes_on {
                        entry.count(&refused);
                        return Outcome::NotMine;
                    }
                    refused
                }
                Outcome::Unavailable(reason) => Outcome::Unavailable(reason),
                Outcome::Verified(principal) => {
                    let now = clock.now();
                    match self.check(entry, &principal, credential, now) {
                        Ok(()) => match self.complete(entry, *principal, now).await {
                            Ok(whole) => Outcome::Verified(Arc::new(self.attest(whole))),
                            Err(reason) => Outcome::against(reason),
                        },
                        Err(reason) => Outcome::Refused(reason),
                    }
                }
            }
        } else {
            Outcome::NotMine
        };
        entry.count(&outcome);
        outcome
    }

    /// Whether an authenticator may vouch for a principal, to whoever gave this name.
    fn check(
        &self,
        entry: &Entry,
        principal: &Principal,
        credential: &Credential,
        now: Now,
    ) -> Result<(), Reason> {
        if principal.authenticator != *entry.id() {
            return Err(Reason::new(
                ReasonKind::Internal,
                "an authenticator vouched under another's id",
            ));
        }
        match principal.expires {
            None if self.settings.require_expiry => {
                return Err(Reason::new(
                    ReasonKind::Claims,
                    "the credential has no expiry",
                ));
            }
            Some(expires) if now.wall >= expires => {
                return Err(Reason::new(
                    ReasonKind::Expired,
                    "the credential has expired",
                ));
            }
            _ => {}
        }
        let name = &principal.name;
        if given_name(credential)
            .is_some_and(|given| !patterns::is_name_of(given, entry.id(), name))
        {
            let detail = format!(
                "the credential is {:?}'s, not that of the name given",
                name.as_str()
            );
            return Err(Reason::new(ReasonKind::Name, detail));
        }
        let bound_elsewhere = self
            .binder(Name::Principal(name))
            .is_some_and(|binder| binder.id() != entry.id());
        if bound_elsewhere || !entry.admits(Some(Name::Principal(name))) {
            let detail = format!(
                "{:?} is not for {:?} to vouch for",
                name.as_str(),
                entry.id().as_str()
            );
            return Err(Reason::new(ReasonKind::Name, detail));
        }
        Ok(())
    }

    /// The one place where a principal becomes a proof.
    fn attest(&self, mut principal: Principal) -> Verified<Principal> {
        principal.sole_authenticator = self.sole;
        Verified::attest(principal)
    }

    /// Whether there is exactly one authenticator, so that a group may be named without its id.
    pub fn is_sole(&self) -> bool {
        self.sole
    }

    /// A principal that this chain or an earlier one verified, as policies are to see it
    /// now: there may be more authenticators than there were then, or fewer.
    #[must_use]
    pub fn renewed(&self, verified: &Arc<Verified<Principal>>) -> Arc<Verified<Principal>> {
        let principal = verified.get();
        if principal.sole_authenticator == self.sole {
            return Arc::clone(verified);
        }
        Arc::new(self.attest(principal.clone()))
    }

    /// Looks up again whom live sessions belong to. `proofs` are of one person, with equal
    /// accounts but for the ends of the proofs; one question is asked for them all. Answers
    /// one proof for each: the very same where nothing is different now.
    ///
    /// # Errors
    /// The refusal, when there is no such account any more, or it may not be used; of the
    /// kind `Unavailable` when nobody answered.
    pub async fn look_again(
        &self,
        proofs: &[Arc<Verified<Principal>>],
        clock: &dyn Clock,
    ) -> Result<Vec<Arc<Verified<Principal>>>, Reason> {
        let principals = self.looked_up_again(proofs, clock).await?;
        let newest = proofs.iter().zip(principals).map(|(proof, principal)| {
            principal.map_or_else(
                || Arc::clone(proof),
                |principal| Arc::new(self.attest(principal)),
            )
        });
        Ok(newest.collect())
    }

    /// The same without what a directory said of it, which is looked up again for itself.
    #[must_use]
    pub fn alone(&self, verified: &Arc<Verified<Principal>>) -> Arc<Verified<Principal>> {
        let principal = verified.get();
        if principal.account.is_none() {
            return self.renewed(verified);
        }
        Arc::new(self.attest(principal.without_account()))
    }

    fn slot_of(&self, file: &Path) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.entry.file == file)
    }

    /// The number of each authenticator's present version.
    fn versions(&self) -> BTreeMap<&AuthenticatorId, u64> {
        self.slots
            .iter()
            .map(|slot| (slot.entry.id(), slot.entry.generation))
            .collect()
    }

    /// The same authenticators under other settings.
    fn under(self: &Arc<Self>, settings: &ChainSettings) -> Arc<Self> {
        if self.settings.judges_as(settings) {
            return Arc::clone(self);
        }
        Arc::new(Self {
            generation: AtomicU64::new(next_generation()),
            slots: self.slots.clone(),
            watched: self.watched.clone(),
            settings: settings.clone(),
            sole: self.sole,
            reads: self.reads,
            spares_local_users: self.spares_local_users,
        })
    }
}

/// The name the client gave; `None` for one-argument AUTH, `token`, and `certificate`
/// without a secret, which leave it to the credential.
fn given_name(credential: &Credential) -> Option<&str> {
    match credential.user() {
        UserArgument::Default => None,
        UserArgument::Named(name) if name == ANYBODY => None,
        UserArgument::Named(name)
            if name == WHOSE_CERTIFICATE && credential.secret().expose().is_empty() =>
        {
            None
        }
        UserArgument::Named(name) => Some(name),
    }
}
