//! Closing sessions, for whatever cause, a few at a time.
//!
//! In: the clock's reading and a limit, or a cause that concerns many sessions.
//! Out: `Close` actions. Causes only mark; one function hands out, so the limit
//! holds for all of them together: the server frees all clients closed in one
//! slice in one go.

use std::ops::Bound;

use warden_core::{AuthenticatorId, ClientId, Now};

use super::Registry;
use crate::action::Rules;
use crate::agenda::Instant;
use crate::session::Member;
use crate::{Action, ClassId, EndCause, SessionId};

/// Sessions looked at in one slice of a sweep: bounds the time a slice takes when
/// few of very many sessions are concerned.
const SWEEP_VISITS: usize = 4096;

/// A walk over the sessions that existed when it began.
#[derive(Debug)]
pub(super) struct Sweep {
    authenticator: AuthenticatorId,
    /// Sessions from this number on are not concerned.
    before: SessionId,
    cursor: Option<ClientId>,
}

impl Registry {
    /// Up to `limit` sessions to close: first those refused, then those expired on
    /// either clock, then those of removed authenticators. Called at every tick. A
    /// session is handed out once and stays until `left`, which the module also
    /// calls itself when the server no longer knows the connection.
    pub fn close_due(&mut self, now: Now, limit: usize) -> Vec<Action> {
        let now = Instant::from(now);
        let mut actions = Vec::new();
        while actions.len() < limit {
            let Some((member, cause)) = self.doomed.pop_first() else {
                break;
            };
            actions.extend(self.close(member, cause));
        }
        while actions.len() < limit {
            let Some(member) = self.expiry.pop_due(now) else {
                break;
            };
            let closed = self.close(member, EndCause::Expired);
            self.totals.expired += u64::from(closed.is_some());
            actions.extend(closed);
        }
        self.sweep(limit, &mut actions);
        actions
    }

    /// Closes, over the next slices, every session admitted so far through this
    /// authenticator. The caller admits none that it verified before the removal.
    pub fn forget_authenticator(&mut self, id: &AuthenticatorId) {
        self.sweeps.push_back(Sweep {
            authenticator: id.clone(),
            before: SessionId(self.last_session + 1),
            cursor: None,
        });
    }

    /// A class's rules could not be set, or its name was taken: nobody may go on. Its
    /// sessions are closed over the next slices, none joins, and the module is told
    /// to take all rights away until then. If that fails too, free the user.
    pub fn condemn(&mut self, class: ClassId, cause: &EndCause) -> Vec<Action> {
        let members: Option<Vec<Member>> = self
            .classes
            .get(class)
            .map(|c| c.members.iter().copied().collect());
        let Some(members) = members else {
            return Vec::new();
        };
        self.doom(members, cause);
        // Answers under way must not give it rules again.
        self.classes.edit(class, |class| class.progress = None);
        self.strip(class).into_iter().collect()
    }

    /// Marks sessions for closing. The first cause stays.
    pub(super) fn doom(&mut self, members: Vec<Member>, cause: &EndCause) {
        for member in members {
            if self.is_live(member) {
                self.doomed.entry(member).or_insert_with(|| cause.clone());
            }
        }
    }

    /// Takes a class's rights away and lets nobody join it.
    pub(super) fn strip(&mut self, class: ClassId) -> Option<Action> {
        self.classes.conceal(class);
        let changed = self.classes.edit(class, |class| {
            let changed = class.rules != Rules::none();
            class.rules = Rules::none();
            class.due = None;
            changed
        })?;
        changed.then(|| Action::SetRules {
            class,
            rules: Rules::none(),
        })
    }

    /// Whether this is the connection's session and not yet being closed.
    pub(super) fn is_live(&self, member: Member) -> bool {
        self.sessions
            .get(&member.client)
            .is_some_and(|session| session.id == member.session && !session.closing)
    }

    /// Whether the session is live and nothing has been held against it so far.
    pub(super) fn stays(&self, member: Member) -> bool {
        self.is_live(member) && !self.doomed.contains_key(&member)
    }

    fn close(&mut self, member: Member, cause: EndCause) -> Option<Action> {
        let session = self.sessions.get_mut(&member.client)?;
        if session.id != member.session || session.closing {
            return None;
        }
        session.closing = true;
        self.expiry.remove(session.deadline, member);
        self.doomed.remove(&member);
        self.totals.closed += 1;
        Some(Action::Close {
            client: member.client,
            session: member.session,
            cause,
        })
    }

    fn sweep(&mut self, limit: usize, actions: &mut Vec<Action>) {
        let mut visits = SWEEP_VISITS;
        while actions.len() < limit && visits > 0 {
            let Some(mut sweep) = self.sweeps.pop_front() else {
                return;
            };
            let start = sweep.cursor.map_or(Bound::Unbounded, Bound::Excluded);
            let mut found = Vec::new();
            let mut finished = true;
            for (client, session) in self.sessions.range((start, Bound::Unbounded)) {
                if visits == 0 || actions.len() + found.len() >= limit {
                    finished = false;
                    break;
                }
                visits -= 1;
                sweep.cursor = Some(*client);
                let concerned = session.principal.get().authenticator == sweep.authenticator;
                if concerned && session.id < sweep.before && !session.closing {
                    found.push(session.member(*client));
                }
            }
            for member in found {
                actions.extend(self.close(member, EndCause::AuthenticatorRemoved));
            }
            if !finished {
                self.sweeps.push_front(sweep);
            }
        }
    }
}
