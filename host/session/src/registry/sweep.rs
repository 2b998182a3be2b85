//! Walks over all sessions, a bounded part at a time.
//!
//! In: a selection. Out: the sessions it means: listed by [`Registry::search`], marked
//! to be closed by [`Registry::kill`], [`Registry::forget_authenticator`],
//! [`Registry::disown`] and [`Registry::begin_drain`]. No call looks at more than
//! [`VISITS`] sessions: bounds a slice when few of very many are meant.

use std::ops::Bound;
use std::sync::Arc;

use warden_core::{AuthenticatorId, ClientId, Principal, Reason, Verified};

use super::Registry;
use super::doomed::Haste;
use crate::session::Member;
use crate::{EndCause, Selection, SessionId, SessionView};

/// Sessions looked at in one call.
const VISITS: usize = 1024;

/// One order to end sessions; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KillId(u64);

/// How an order to end sessions came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed {
    /// The order.
    pub kill: KillId,
    /// Sessions it meant, all of which have ended.
    pub sessions: usize,
}

impl Sweep {
    fn has_proof(&self, of: &Arc<Verified<Principal>>) -> bool {
        let proofs = self.proofs.as_ref();
        proofs.is_none_or(|proofs| proofs.binary_search_by_key(&address(of), address).is_ok())
    }
}

fn address(proof: &Arc<Verified<Principal>>) -> usize {
    Arc::as_ptr(proof).addr()
}

/// A walk over the sessions that existed when it began.
#[derive(Debug)]
pub(super) struct Sweep {
    selection: Selection,
    /// Only sessions made with one of these, in the order of their addresses; `None`: with
    /// any.
    proofs: Option<Vec<Arc<Verified<Principal>>>>,
    /// Sessions from this number on are not meant.
    before: SessionId,
    cursor: Option<ClientId>,
    cause: EndCause,
    marked: usize,
}

impl Registry {
    /// Closes, over the next slices, every session admitted so far through this
    /// authenticator. The caller admits none that it verified before the removal.
    pub fn forget_authenticator(&mut self, id: &AuthenticatorId) {
        self.sweep_out(
            Selection::of_authenticator(id.as_str()),
            EndCause::AuthenticatorRemoved,
        );
    }

    /// Closes, over the next slices, every session admitted so far that runs as a user of
    /// the server's own ACL: what policies, or the operator, now say of all sessions would
    /// not bind it.
    pub fn end_acl_users(&mut self, why: Reason) {
        let selection = Selection {
            of_acl_users: true,
            ..Selection::default()
        };
        self.sweep_out(selection, EndCause::refused(why));
    }

    /// Closes, over the next slices, every session admitted so far with one of these very
    /// proofs. What is disowned while sessions are gone over for others is looked for in one
    /// go after that.
    pub fn disown(&mut self, mut proofs: Vec<Arc<Verified<Principal>>>) {
        let before = SessionId(self.last_session + 1);
        let last = self.sweeps.back_mut();
        if let Some(sweep) = last.filter(|sweep| sweep.cursor.is_none())
            && let Some(others) = &mut sweep.proofs
        {
            others.append(&mut proofs);
            others.sort_by_key(address);
            sweep.before = before;
            return;
        }
        proofs.sort_by_key(address);
        self.sweep_out(Selection::default(), EndCause::Disowned);
        if let Some(sweep) = self.sweeps.back_mut() {
            sweep.proofs = Some(proofs);
        }
    }

    /// Closes, over the next slices, every session admitted so far that the selection
    /// means. [`finished_kills`](Self::finished_kills) tells when that is done.
    pub fn kill(&mut self, selection: Selection) -> KillId {
        self.last_kill += 1;
        let kill = KillId(self.last_kill);
        self.sweep_out(selection, EndCause::Killed(kill));
        kill
    }

    /// Orders whose last session has been handed out to be closed, each once.
    pub fn finished_kills(&mut self) -> Vec<Killed> {
        let doomed = &self.doomed;
        let (open, finished) = std::mem::take(&mut self.kills)
            .into_iter()
            .partition(|killed| doomed.is_awaited(killed.kill));
        self.kills = open;
        finished
    }

    /// Whether sessions are still looked for, or wait, to be ended.
    pub fn is_ending(&self) -> bool {
        !self.sweeps.is_empty() || self.doomed.len() > 0 || !self.condemned.is_empty()
    }

    /// The next sessions a selection means, of connections after `after`, and where to
    /// go on; `None`: there are no more. Looks at a bounded number and finds at most
    /// `limit`.
    pub fn search(
        &self,
        selection: &Selection,
        after: Option<ClientId>,
        limit: usize,
    ) -> (Vec<SessionView<'_>>, Option<ClientId>) {
        if let Some(client) = selection.client {
            let found = self.session(client).filter(|session| {
                after.is_none_or(|after| after < client) && selection.includes(session)
            });
            return (found.into_iter().take(limit).collect(), None);
        }
        let mut found = Vec::new();
        let mut last = None;
        for (visited, session) in self.sessions(after).enumerate() {
            if visited == VISITS || found.len() == limit {
                return (found, last);
            }
            last = Some(session.client);
            if selection.includes(&session) {
                found.push(session);
            }
        }
        (found, None)
    }

    /// The module is going to be unloaded: nobody is admitted any more, every session
    /// is closed over the next slices, and every user freed as soon as its last
    /// session has left.
    pub fn begin_drain(&mut self) {
        self.draining = true;
        self.sweep_out(Selection::default(), EndCause::Unload);
    }

    fn sweep_out(&mut self, selection: Selection, cause: EndCause) {
        self.sweeps.push_back(Sweep {
            selection,
            proofs: None,
            before: SessionId(self.last_session + 1),
            cursor: None,
            cause,
            marked: 0,
        });
    }

    /// Goes on with the first sweep: marks what it means among the next sessions. Once in a
    /// slice.
    pub fn sweep(&mut self) {
        let Some(mut sweep) = self.sweeps.pop_front() else {
            return;
        };
        let mut finished = true;
        let mut meant = Vec::new();
        let start = match (sweep.cursor, sweep.selection.client) {
            (Some(cursor), _) => Bound::Excluded(cursor),
            (None, Some(client)) => Bound::Included(client),
            (None, None) => Bound::Unbounded,
        };
        for (visited, (client, session)) in
            self.sessions.range((start, Bound::Unbounded)).enumerate()
        {
            if sweep.selection.client.is_some_and(|only| only != *client) {
                break;
            }
            if visited == VISITS {
                finished = false;
                break;
            }
            sweep.cursor = Some(*client);
            let is_meant = session.id < sweep.before
                && !session.closing
                && sweep.has_proof(&session.principal)
                && self
                    .view(*client, session)
                    .is_some_and(|view| sweep.selection.includes(&view));
            if is_meant {
                meant.push(session.member(*client));
            }
        }
        sweep.marked += self.doom(meant, &sweep.cause, Haste::Usual);
        match (finished, &sweep.cause) {
            (false, _) => self.sweeps.push_front(sweep),
            (true, EndCause::Killed(kill)) => self.kills.push(Killed {
                kill: *kill,
                sessions: sweep.marked,
            }),
            (true, _) => {}
        }
    }

    /// Marks sessions for closing and counts them. The first cause stays.
    pub(super) fn doom(&mut self, members: Vec<Member>, cause: &EndCause, haste: Haste) -> usize {
        let mut marked = 0;
        for member in members {
            if self.is_live(member) {
                self.doomed.insert(member, cause, haste);
                marked += 1;
            }
        }
        marked
    }
}
