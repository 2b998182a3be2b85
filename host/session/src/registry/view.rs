//! What WHOAMI, SESSIONS and INFO show.
//!
//! In: a connection, or where to go on. Out: borrowed views in the order of
//! connections, and counts. Nothing here changes anything.

use std::ops::Bound;

use warden_core::{ClassKey, ClientFacts, ClientId, Principal, Timestamp, UserName};

use super::Registry;
use crate::session::{Member, Session};
use crate::{ClassId, Rules, SessionId};

/// A session as it stands.
#[derive(Clone, Debug)]
pub struct SessionView<'a> {
    /// The connection.
    pub client: ClientId,
    /// This admission of it.
    pub session: SessionId,
    /// The user it has.
    pub class: ClassId,
    /// That user's name.
    pub user: &'a UserName,
    /// Whom it belongs to: authenticator, method, groups, scopes.
    pub principal: &'a Principal,
    /// The key of its class; `None` where no policy was asked.
    pub class_key: Option<ClassKey>,
    /// The generation of policies its rules come from; `None` where none was asked.
    pub generation: Option<u64>,
    /// Its rules and the decision behind them.
    pub rules: &'a Rules,
    /// When it was admitted.
    pub since: Timestamp,
    /// When it ends by the wall clock; `None`: not before it is left.
    pub expires: Option<Timestamp>,
    /// Whether the module was told to close it.
    pub closing: bool,
    itself: &'a Session,
}

impl SessionView<'_> {
    /// Where it came from, if known.
    pub fn address(&self) -> Option<String> {
        self.itself.address()
    }

    /// What the server knew of the connection, without the bytes of its certificate.
    pub fn facts(&self) -> ClientFacts {
        self.itself.facts()
    }
}

/// Numbers for INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions now.
    pub sessions: usize,
    /// Classes now, that is users, the idle ones included.
    pub classes: usize,
    /// Classes without a session.
    pub idle_classes: usize,
    /// Sessions marked to be closed in the next slices.
    pub doomed: usize,
    /// Admissions so far.
    pub admitted: u64,
    /// Sessions closed so far, for any cause.
    pub closed: u64,
    /// Of these, for their expiry.
    pub expired: u64,
    /// Users created so far.
    pub users_created: u64,
    /// Users freed so far.
    pub users_freed: u64,
    /// The generation of policies in force; 0: none yet.
    pub generation: u64,
    /// Whether some class waits to be reviewed for it.
    pub review_pending: bool,
}

impl Registry {
    /// The session of a connection.
    pub fn session(&self, client: ClientId) -> Option<SessionView<'_>> {
        self.sessions
            .get(&client)
            .and_then(|session| self.view(client, session))
    }

    /// The session that a connection had before the one it has, while the server may still go
    /// back to it.
    pub fn replaced(&self, client: ClientId) -> Option<SessionView<'_>> {
        self.replaced
            .get(&client)
            .and_then(|session| self.view(client, session))
    }

    /// Sessions of connections after this one, in order; take as many as wanted.
    pub fn sessions(&self, after: Option<ClientId>) -> impl Iterator<Item = SessionView<'_>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.sessions
            .range((start, Bound::Unbounded))
            .filter_map(|(client, session)| self.view(*client, session))
    }

    /// The connections on a class's user, in order; those after this one.
    pub fn members(
        &self,
        class: ClassId,
        after: Option<ClientId>,
    ) -> impl Iterator<Item = (ClientId, SessionId)> {
        let start = after.map_or(Bound::Unbounded, |client| {
            let session = SessionId(u64::MAX);
            Bound::Excluded(Member { client, session })
        });
        self.classes.get(class).into_iter().flat_map(move |class| {
            let members = class.members.range((start, Bound::Unbounded));
            members.map(|member| (member.client, member.session))
        })
    }

    /// The numbers as they stand.
    pub fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions.len(),
            classes: self.classes.len(),
            idle_classes: self.classes.idle_len(),
            doomed: self.doomed.len() + self.classes.condemned_members(),
            admitted: self.totals.admitted,
            closed: self.totals.closed,
            expired: self.totals.expired,
            users_created: self.totals.users_created,
            users_freed: self.totals.users_freed,
            generation: self.generation,
            review_pending: self.classes.first_stale(self.generation).is_some(),
        }
    }

    pub(super) fn view<'a>(
        &'a self,
        client: ClientId,
        session: &'a Session,
    ) -> Option<SessionView<'a>> {
        let class = self.classes.get(session.class)?;
        let is_decided = !class.rules.are_of_acl_user();
        Some(SessionView {
            client,
            session: session.id,
            class: session.class,
            user: &class.user,
            principal: self.renewals.newest(&session.principal).get(),
            class_key: is_decided.then_some(class.key),
            generation: is_decided.then_some(class.generation),
            rules: &class.rules,
            since: session.since.wall,
            expires: session.deadline().map(|deadline| deadline.wall),
            closing: session.closing,
            itself: session,
        })
    }
}
