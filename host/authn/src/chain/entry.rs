//! One authenticator in its place in the chain, with its counters.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warden_core::{AuthenticatorId, Method, ReasonKind, Timestamp};

use super::Claim;
use crate::accounts::Source;
use crate::authenticator::{Authenticator, Outcome};
use crate::coexistence::Coexistence;
use crate::directory::{Fingerprint, Made};
use crate::ldap::ServerStatus;
use crate::patterns::{Name, Names};

/// An authenticator, the file it came from and the names it speaks for.
pub(super) struct Entry {
    pub(super) authenticator: Box<dyn Authenticator>,
    pub(super) file: PathBuf,
    pub(super) fingerprint: Fingerprint,
    pub(super) generation: u64,
    names: Names,
    coexistence: Coexistence,
    /// Who knows more of whomever it proves.
    pub(super) source: Option<Source>,
    waiting: AtomicUsize,
    verified: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    throttled: AtomicU64,
}

/// How an authenticator is: for INFO and the commands. Reading it takes no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorStatus<'a> {
    /// Its id.
    pub id: &'a AuthenticatorId,
    /// How it proves identities.
    pub method: Method,
    /// The file it came from.
    pub file: &'a Path,
    /// Its number; another after every change of its file or keys.
    pub generation: u64,
    /// Whether its file is in error now and this is the last good version.
    pub last_good: bool,
    /// How it goes along with the users of the server's own ACL.
    pub coexistence: Coexistence,
    /// When its keys last changed; `None`: it has none, or cannot tell.
    pub keys_changed: Option<Timestamp>,
    /// What keeps it from its work just now.
    pub trouble: Option<String>,
    /// How the servers are that it keeps connections to.
    pub servers: Vec<ServerStatus>,
    /// Credentials that wait for it just now.
    pub waiting: usize,
    /// Credentials verified since this version was loaded.
    pub verified: u64,
    /// Credentials refused since this version was loaded.
    pub refused: u64,
    /// Credentials left undecided since this version was loaded.
    pub unavailable: u64,
    /// Of these: the throttle let nobody be asked.
    pub throttled: u64,
}

impl AuthenticatorStatus<'_> {
    /// `stale`: its file is in error and an earlier version in force; `failing`: whoever it
    /// asks does not answer; `ok`.
    pub fn health(&self) -> &'static str {
        match (self.last_good, &self.trouble) {
            (true, _) => "stale",
            (false, Some(_)) => "failing",
            (false, None) => "ok",
        }
    }
}

/// A credential that waits; given back when it no longer does.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Entry {
    pub(super) fn new(file: PathBuf, made: Made, generation: u64) -> Self {
        Self {
            coexistence: made.authenticator.coexistence(),
            authenticator: made.authenticator,
            file,
            fingerprint: made.fingerprint,
            generation,
            names: made.names,
            source: made.source,
            waiting: AtomicUsize::new(0),
            verified: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }
    }

    /// How it judges whatever it wants.
    pub(super) fn claim(&self) -> Claim {
        match self.authenticator.asks_others() {
            true => Claim::Asked,
            false => Claim::Computed,
        }
    }

    pub(super) fn coexistence(&self) -> Coexistence {
        self.coexistence
    }

    pub(super) fn id(&self) -> &AuthenticatorId {
        self.authenticator.id()
    }

    /// Whether `users` gives it this name and no one else.
    pub(super) fn binds(&self, name: Name<'_>) -> bool {
        self.names.bind(self.id(), name)
    }

    /// Whether it may be shown a credential under a name that is a local user's, or not.
    pub(super) fn may_see(&self, is_local: bool) -> bool {
        !(is_local && self.coexistence.spares_local_users)
    }

    /// Whether it may be shown a credential whose name says by an id for whom it is; `None`
    /// where it says that of nobody. Who has others judge credentials shows them only those
    /// that may be meant for them.
    pub(super) fn may_be_shown_what_is_for(&self, addressee: Option<&AuthenticatorId>) -> bool {
        let shows_others = match self.authenticator.method() {
            Method::Ldap | Method::Introspection | Method::UserInfo => true,
            Method::Jwt | Method::Certificate | Method::Plugin => false,
        };
        !shows_others || addressee.is_none_or(|addressee| addressee == self.id())
    }

    /// Whether it may be asked about this name; `None` is no name at all.
    pub(super) fn admits(&self, name: Option<Name<'_>>) -> bool {
        name.is_none_or(|name| self.names.admit(self.id(), name))
    }

    /// A place among those who wait for it; `None` when `most` are taken.
    pub(super) fn wait(&self, most: usize) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.waiting);
        (before < most).then_some(place)
    }

    pub(super) fn count<T>(&self, outcome: &Outcome<T>) {
        let counter = match outcome {
            Outcome::NotMine => return,
            Outcome::Verified(_) => &self.verified,
            Outcome::Refused(_) => &self.refused,
            Outcome::Unavailable(reason) => {
                if reason.kind() == ReasonKind::Throttled {
                    self.throttled.fetch_add(1, Ordering::Relaxed);
                }
                &self.unavailable
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self, last_good: bool) -> AuthenticatorStatus<'_> {
        AuthenticatorStatus {
            id: self.id(),
            method: self.authenticator.method(),
            file: &self.file,
            generation: self.generation,
            last_good,
            coexistence: self.coexistence,
            keys_changed: self.authenticator.keys_changed(),
            trouble: self.authenticator.trouble(),
            servers: self.authenticator.servers(),
            waiting: self.waiting.load(Ordering::Relaxed),
            verified: self.verified.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            unavailable: self.unavailable.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }
}
