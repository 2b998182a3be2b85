//! All admitted sessions and their classes.
//!
//! In: admissions, departures, the clock's readings, generations of policies. Out:
//! [`Action`]s. One part per event: `admit`, `expiry` (and every other closing),
//! `sweep`, `review` and `settle`, `reap`; `view` and `classes` for those who ask. It never waits and
//! never fails half-way: an admission is refused before anything changes.

mod admit;
pub(crate) mod classes;
mod doomed;
mod expiry;
mod reap;
pub(crate) mod renewal;
pub(crate) mod review;
mod settle;
pub(crate) mod sweep;
pub(crate) mod view;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use warden_core::{ClientFacts, ClientId, Decision, Now, Principal, Verified};

use crate::agenda::{Agenda, Instant};
use crate::class::table::ClassTable;
use crate::session::Session;
use crate::{Action, ClassId, EndCause, Killed, SessionId, Settings};
use doomed::Doomed;
use renewal::Renewals;
use sweep::Sweep;

/// A connection that proved who it is and may log in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The connection.
    pub client: ClientId,
    /// Whom it belongs to.
    pub principal: Arc<Verified<Principal>>,
    /// What the server knew when it was decided; reviews project it again.
    pub facts: ClientFacts,
    /// What it may do.
    pub rights: Rights,
}

/// What an admitted connection may do.
#[derive(Clone, Debug)]
pub enum Rights {
    /// What the policies decided.
    Decided(Arc<Decision>),
    /// What the user of the server's own ACL may that has the principal's name: the
    /// connection becomes that user, whom the operator alone makes, changes and deletes.
    OfAclUser,
}

/// The state machine. Lives on the server's main thread.
#[derive(Debug)]
pub struct Registry {
    settings: Settings,
    /// The generation of policies in force.
    generation: u64,
    sessions: BTreeMap<ClientId, Box<Session>>,
    /// Sessions whose client was admitted again and whose end the server has not
    /// told yet. They stay members of their class, so its user is not freed.
    replaced: BTreeMap<ClientId, Box<Session>>,
    /// Of `sessions` those that are not being closed.
    expiry: Agenda<ClientId>,
    doomed: Doomed,
    /// Classes all of whose sessions are being closed.
    condemned: VecDeque<(ClassId, EndCause)>,
    sweeps: VecDeque<Sweep>,
    /// Orders that have marked all they mean, and not been told as finished.
    kills: Vec<Killed>,
    classes: ClassTable,
    renewals: Renewals,
    /// The module is going to be unloaded.
    draining: bool,
    last_session: u64,
    last_ticket: u64,
    last_kill: u64,
    totals: Totals,
}

/// Counters since the registry was made.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    admitted: u64,
    expired: u64,
    closed: u64,
    users_created: u64,
    users_freed: u64,
}

impl Registry {
    /// An empty registry.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            generation: 0,
            sessions: BTreeMap::new(),
            replaced: BTreeMap::new(),
            expiry: Agenda::new(),
            doomed: Doomed::default(),
            condemned: VecDeque::new(),
            sweeps: VecDeque::new(),
            kills: Vec::new(),
            classes: ClassTable::new(),
            renewals: Renewals::default(),
            draining: false,
            last_session: 0,
            last_ticket: 0,
            last_kill: 0,
            totals: Totals::default(),
        }
    }

    /// Replaces the settings, for later admissions.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The server tells that a session is over: disconnect, RESET, native AUTH, or
    /// a later admission of the same connection. Any other session of the
    /// connection stays. Harmless for a session that is not known.
    pub fn left(&mut self, client: ClientId, session: SessionId, now: Now) {
        let now = Instant::from(now);
        if self.sessions.get(&client).is_some_and(|s| s.id == session) {
            // A connection has one user at a time: whatever it had before is over.
            self.drop_replaced(client, now);
            self.drop_session(client, now);
        } else if self.replaced.get(&client).is_some_and(|s| s.id == session) {
            self.drop_replaced(client, now);
        }
    }

    /// Undoes an admission whose user could not be created or attached. The session
    /// the connection had before, if any, holds again, as it does for the server.
    /// A class nobody else is in is freed at once, its user may not exist.
    pub fn abandon(&mut self, client: ClientId, session: SessionId, now: Now) -> Vec<Action> {
        let now = Instant::from(now);
        let class = match self.sessions.get(&client) {
            Some(current) if current.id == session => current.class,
            _ => return Vec::new(),
        };
        self.drop_session(client, now);
        if let Some(before) = self.replaced.remove(&client) {
            if !before.closing {
                self.expiry.insert(before.deadline(), client);
            }
            self.sessions.insert(client, before);
        }
        if !self
            .classes
            .get(class)
            .is_some_and(|class| class.is_empty())
        {
            return Vec::new();
        }
        self.free(class).into_iter().collect()
    }

    /// Forgets a class, and has its user freed if that is one of ours.
    fn free(&mut self, class: ClassId) -> Option<Action> {
        let rules = self.classes.remove(class)?;
        if rules.are_of_acl_user() {
            return None;
        }
        self.totals.users_freed += 1;
        Some(Action::FreeUser { class })
    }

    /// Ends everything, for unload: every session is closed, then every user freed.
    /// The registry is empty afterwards and its numbers go on rising.
    pub fn drain(&mut self) -> Vec<Action> {
        let mut actions = Vec::with_capacity(self.sessions.len() + self.classes.len());
        for (client, session) in std::mem::take(&mut self.sessions) {
            actions.push(Action::Close {
                client,
                session: session.id,
                cause: EndCause::Unload,
            });
            self.totals.closed += 1;
        }
        let classes: Vec<_> = self.classes.ids().collect();
        for class in classes {
            actions.extend(self.free(class));
        }
        self.replaced.clear();
        self.doomed.clear();
        self.condemned.clear();
        self.sweeps.clear();
        self.kills.clear();
        self.renewals = Renewals::default();
        self.expiry = Agenda::new();
        actions
    }

    /// Sessions whose end is awaited.
    #[cfg(test)]
    pub(crate) fn awaited_ends(&self) -> usize {
        self.expiry.len()
    }

    /// Takes out the session a connection has now.
    fn drop_session(&mut self, client: ClientId, now: Instant) {
        if let Some(session) = self.sessions.remove(&client) {
            let member = session.member(client);
            self.expiry.remove(session.deadline(), client);
            self.doomed.remove(member);
            self.classes.leave(session.class, member, now);
            self.renewals.leave(&session.principal);
        }
    }

    /// Takes out the session a connection had before its latest admission.
    fn drop_replaced(&mut self, client: ClientId, now: Instant) {
        if let Some(session) = self.replaced.remove(&client) {
            let member = session.member(client);
            self.doomed.remove(member);
            self.classes.leave(session.class, member, now);
            self.renewals.leave(&session.principal);
        }
    }
}
