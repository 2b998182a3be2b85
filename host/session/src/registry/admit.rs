//! Letting a connection in.
//!
//! In: an admission. Out: the user to create or change, then the attachment; or a
//! refusal, and nothing has changed. An old decision never takes the place of a
//! newer one.

use std::sync::Arc;

use warden_core::{Attach, ClientId, Decision, Now, Principal, Reason, ReasonKind, Verified};

use super::{Admission, Registry, Rights};
use crate::action::Rules;
use crate::agenda::{Deadline, Instant};
use crate::class::{Fit, UNDECIDED};
use crate::session::Session;
use crate::{Action, ClassId, Reauthentication, SessionId};

impl Registry {
    /// Admits a connection. The actions are: perhaps `CreateUser` or `SetRules`,
    /// always `Attach` or `AttachToAclUser` last.
    ///
    /// A connection that is admitted already gets its rights and its expiry
    /// replaced if the principal is the same. A decision older than the
    /// generation in force is taken and its class reviewed.
    ///
    /// # Errors
    /// Refuses, changing nothing, when the session would be over already, after
    /// [`begin_drain`](Registry::begin_drain), when the credential is bound to a
    /// certificate that the connection does not have, and when the connection belongs to another principal and
    /// [`Reauthentication::Any`] is not set.
    pub fn admit(&mut self, admission: Admission, now: Now) -> Result<Vec<Action>, Reason> {
        let now = Instant::from(now);
        let Admission {
            client,
            principal,
            facts,
            rights,
        } = admission;
        if self.draining {
            return Err(Reason::new(
                ReasonKind::Internal,
                "the module is being unloaded",
            ));
        }
        principal.get().check_binding(&facts)?;
        self.check_identity(client, principal.get())?;
        let wants = match rights {
            Rights::Decided(_) => Attach::Policies,
            Rights::OfAclUser => Attach::AclUser,
        };
        if principal.get().attach != wants {
            return Err(Reason::new(
                ReasonKind::Internal,
                "rights of another kind than the principal's",
            ));
        }
        let deadline = self.deadline(now, principal.get(), &rights);
        if deadline.is_some_and(|deadline| deadline.has_passed(now)) {
            return Err(no_time_left(principal.get(), now));
        }

        let mut actions = Vec::with_capacity(2);
        let mut acl_user = None;
        let (class, generation) = match &rights {
            Rights::Decided(decision) => (
                self.class_for(principal.get(), decision, now, &mut actions),
                decision.generation,
            ),
            Rights::OfAclUser => {
                let user = acl_user.insert(principal.get().user_name()).clone();
                (self.classes.of_acl_user(user, now), UNDECIDED)
            }
        };
        self.last_session += 1;
        let id = SessionId(self.last_session);
        let mut session = Session::new(id, class, principal, facts, now);
        session.set_term(now, deadline);
        self.classes.join(class, session.member(client), generation);
        self.replace(client, session, now);
        self.totals.admitted += 1;
        actions.push(match acl_user {
            None => Action::Attach {
                client,
                session: id,
                class,
            },
            Some(user) => Action::AttachToAclUser {
                client,
                session: id,
                user,
            },
        });
        Ok(actions)
    }

    /// The credential a session was admitted with, presented again on its connection: the
    /// session begins anew, and nothing else changes. `principal` is the very proof it was
    /// admitted with. Answers the class to attach to.
    ///
    /// `None`, and nothing has changed, where anything may be to decide: the policies in
    /// force are not those that decided for the whole class, the session is about to be
    /// closed, or its time is over. [`Registry::admit`] finds out.
    pub fn repeat(
        &mut self,
        client: ClientId,
        principal: &Arc<Verified<Principal>>,
        generation: u64,
        now: Now,
    ) -> Option<ClassId> {
        let now = Instant::from(now);
        let session = self.sessions.get(&client)?;
        let (id, member) = (session.class, session.member(client));
        let class = self.classes.get(id)?;
        let decision = Arc::clone(class.rules.decision()?);
        let is_decided = class.generation == generation
            && self.generation <= generation
            && !class.mixed
            && class.due.is_none_or(|due| !due.has_passed(now));
        let is_same = Arc::ptr_eq(&session.principal, principal);
        if self.draining || !is_decided || !is_same || !self.stays(member) {
            return None;
        }
        let deadline = self.deadline(now, principal.get(), &Rights::Decided(decision));
        if deadline.is_some_and(|deadline| deadline.has_passed(now)) {
            return None;
        }
        self.set_term(client, now, deadline);
        self.totals.admitted += 1;
        Some(id)
    }

    /// When a session that began at `since` ends; `None`: never.
    pub(super) fn deadline(
        &self,
        since: Instant,
        principal: &Principal,
        rights: &Rights,
    ) -> Option<Deadline> {
        let bound = match rights {
            Rights::Decided(decision) => decision.session_ttl,
            Rights::OfAclUser => None,
        };
        let longest = self.settings.longest(bound);
        Deadline::earliest(since, principal.expires, longest)
    }

    fn check_identity(&self, client: ClientId, principal: &Principal) -> Result<(), Reason> {
        let Some(current) = self.sessions.get(&client) else {
            return Ok(());
        };
        let current = current.principal.get();
        let same =
            current.authenticator == principal.authenticator && current.name == principal.name;
        if same || self.settings.reauthentication == Reauthentication::Any {
            return Ok(());
        }
        let detail = format!(
            "the connection belongs to {} and may not become {}",
            current.user_name(),
            principal.user_name()
        );
        Err(Reason::new(ReasonKind::OtherPrincipal, detail))
    }

    /// The class to join: the newest with the decision's key, or a new one.
    fn class_for(
        &mut self,
        principal: &Principal,
        decision: &Arc<Decision>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> ClassId {
        let found = self.classes.find(&decision.class);
        let fit = found
            .and_then(|id| self.classes.get(id))
            .map(|class| class.fit(decision));
        match (found, fit) {
            (Some(id), Some(Fit::Keep)) => id,
            (Some(id), Some(Fit::Adopt)) => {
                actions.extend(self.adopt(id, decision, now));
                id
            }
            _ => {
                let name = principal.user_name();
                let class = self.classes.create(name.clone(), Arc::clone(decision), now);
                self.classes
                    .edit(class, |class| class.stand_until(decision.valid_until, now));
                self.totals.users_created += 1;
                actions.push(Action::CreateUser {
                    class,
                    name,
                    rules: Rules::decided(Arc::clone(decision)),
                });
                class
            }
        }
    }

    /// Gives a class an admission's newer decision.
    fn adopt(&mut self, id: ClassId, decision: &Arc<Decision>, now: Instant) -> Option<Action> {
        let changed = self.classes.edit(id, |class| {
            // In a mixed class other members' answers may end sooner.
            let earlier = class.due.filter(|_| class.mixed && !class.is_empty());
            class.stand_until(decision.valid_until, now);
            class.be_due_by(earlier);
            class.adopt(decision)
        })?;
        changed.then(|| Action::SetRules {
            class: id,
            rules: Rules::decided(Arc::clone(decision)),
        })
    }

    /// Puts the session in place of the connection's former one, which is kept
    /// until the server tells that it left or the new one is abandoned.
    fn replace(&mut self, client: ClientId, session: Session, now: Instant) {
        let end = session.deadline();
        if let Some(former) = self.sessions.insert(client, Box::new(session)) {
            self.drop_replaced(client, now);
            if !former.closing {
                self.expiry.remove(former.deadline(), client);
            }
            self.replaced.insert(client, former);
        }
        self.expiry.insert(end, client);
    }
}

fn no_time_left(principal: &Principal, now: Instant) -> Reason {
    if principal.expires.is_some_and(|expires| expires <= now.wall) {
        Reason::new(
            ReasonKind::Expired,
            "the credential expired before its session began",
        )
    } else {
        Reason::new(ReasonKind::Denied, "the policies give the session no time")
    }
}
