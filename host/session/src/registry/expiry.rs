//! Closing sessions, for whatever cause, a few at a time.
//!
//! In: the clock's reading and a limit, or a class whose sessions must end.
//! Out: `Close` actions. Causes only mark; one function hands out, so the limit
//! holds for all of them together: the server frees all clients closed in one
//! slice in one go.

use warden_core::{ClientId, Now};

use super::Registry;
use crate::action::Rules;
use crate::agenda::Instant;
use crate::session::Member;
use crate::{Action, ClassId, EndCause};

impl Registry {
    /// Up to `limit` sessions to close that were refused, those first that have rights of
    /// their class which were refused to them. Whatever else there is to do, these are
    /// closed.
    pub fn close_refused(&mut self, limit: usize) -> Vec<Action> {
        let mut actions = Vec::new();
        while actions.len() < limit {
            let Some((member, cause)) = self.doomed.pop_hasty() else {
                break;
            };
            actions.extend(self.close(member, cause));
        }
        actions
    }

    /// Up to `limit` sessions to close: first those marked (with rights refused to them,
    /// then otherwise refused, then killed, of a removed authenticator, or all before an
    /// unload), those of condemned classes, and then those expired on either clock. Called at every
    /// tick, after [`sweep`](Self::sweep), which marks. A session is handed out once and stays until
    /// `left`, which the module also calls itself when the server no longer knows the connection.
    pub fn close_due(&mut self, now: Now, limit: usize) -> Vec<Action> {
        let now = Instant::from(now);
        let mut actions = Vec::new();
        while actions.len() < limit {
            let Some((member, cause)) = self.doomed.pop() else {
                break;
            };
            actions.extend(self.close(member, cause));
        }
        self.close_condemned(limit, &mut actions);
        while actions.len() < limit {
            let Some(client) = self.expiry.pop_due(now) else {
                break;
            };
            let session = self.sessions.get(&client);
            let member = session.map(|session| session.member(client));
            let closed = member.and_then(|member| self.close(member, EndCause::Expired));
            self.totals.expired += u64::from(closed.is_some());
            actions.extend(closed);
        }
        actions
    }

    /// A class's rules could not be set, or its name was taken: nobody may go on. Its
    /// sessions are closed over the next slices, none joins, and the module is told
    /// to take all rights away until then. If that fails too, free the user.
    pub fn condemn(&mut self, class: ClassId, cause: &EndCause) -> Vec<Action> {
        let marked = self.classes.edit(class, |class| {
            let first = !class.condemned;
            class.condemned = true;
            // Answers under way must not give it rules again.
            class.progress = None;
            first
        });
        if marked == Some(true) {
            self.condemned.push_back((class, cause.clone()));
        }
        self.strip(class).into_iter().collect()
    }

    /// Whether the class of a connection's session is condemned.
    fn is_condemned(&self, client: ClientId) -> bool {
        let session = self.sessions.get(&client);
        session
            .and_then(|session| self.classes.get(session.class))
            .is_some_and(|class| class.condemned)
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
        self.is_live(member) && !self.doomed.contains(member) && !self.is_condemned(member.client)
    }

    /// Closes members of condemned classes, however many they are, without a walk
    /// over all of them at once.
    fn close_condemned(&mut self, limit: usize, actions: &mut Vec<Action>) {
        while actions.len() < limit
            && let Some((class, cause)) = self.condemned.front().cloned()
        {
            let room = limit - actions.len();
            let live = |member: &&Member| self.is_live(**member);
            let members: Vec<Member> = self.classes.get(class).map_or_else(Vec::new, |class| {
                class
                    .members
                    .iter()
                    .filter(live)
                    .take(room)
                    .copied()
                    .collect()
            });
            if members.is_empty() {
                self.condemned.pop_front();
            }
            for member in members {
                actions.extend(self.close(member, cause.clone()));
            }
        }
    }

    fn close(&mut self, member: Member, cause: EndCause) -> Option<Action> {
        let session = self.sessions.get_mut(&member.client)?;
        if session.id != member.session || session.closing {
            return None;
        }
        session.closing = true;
        self.expiry.remove(session.deadline(), member.client);
        self.doomed.remove(member);
        self.totals.closed += 1;
        Some(Action::Close {
            client: member.client,
            session: member.session,
            cause,
        })
    }
}
