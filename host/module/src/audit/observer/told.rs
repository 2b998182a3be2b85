//! What the server tells besides commands: connections, settings, users, sessions.

use warden_audit::event::{Session, SessionEnd};
use warden_audit::{Category, Client, Event, SinkSet};
use warden_core::{ClientId, Now};
use warden_session::SessionView;

use super::super::authentication::{self, Whose};
use super::super::changes::OwnedChange;
use super::super::clients::Known;
use super::Observer;
use crate::ffi::{ClientInfo, Context, ServerLock, microseconds};

impl Observer {
    /// Settings have changed.
    pub(in super::super) fn settings_changed(&mut self, ctx: &Context<'_>, names: &[String]) {
        let changes = self.settings.take(ctx, &self.roster.redactor, names);
        let interest = &self.roster.interest;
        let sinks = interest.of_category(Category::Config);
        let client = self.runners.sets(ctx.lock(), self.tells_results).known();
        for change in changes {
            self.of_client(ctx.lock(), client, sinks, &Event::Setting(change.borrow()));
        }
        if names.iter().any(|name| name == "requirepass") {
            // It is that user's password.
            self.users.changed(client, b"default");
        }
    }

    /// A client has connected or is about to be gone.
    pub(in super::super) fn connection(
        &mut self,
        ctx: &Context<'_>,
        client: ClientId,
        info: &ClientInfo,
        event: Event<'_>,
    ) {
        // While it is still known who it was.
        let whose = match event {
            Event::Closed => Whose::Leaver(client),
            _ => Whose::Of(client),
        };
        authentication::settle(self, ctx.lock(), whose);
        self.settle_users(ctx.lock());
        let of = (&self.roster.interest, self.epoch);
        let known = match event {
            Event::Closed => {
                self.transactions.remove(client);
                self.users.remove(client);
                self.runners.leaves(client);
                self.attempts.remove(&client);
                let known = self.clients.remove(client);
                if self.users.awaits(client) {
                    self.departed = known.clone().map(|known| (client, known));
                }
                known
            }
            _ => None,
        };
        let sinks = self.roster.interest.of_category(Category::Connections);
        let logins = self.roster.interest.of_category(Category::Auth);
        if sinks.or(logins).is_empty() && !self.may_refuse {
            return;
        }
        // What is in doubt is not what it was.
        let is_doubted = self.doubtful == Some(client);
        let known = known.filter(|known| known.is_of(self.epoch) && !is_doubted);
        let known = known.unwrap_or_else(|| Known::from_info(ctx, client, info, of));
        let is_opened = event == Event::Opened;
        self.push(&known, client, sinks, microseconds(), event);
        if is_opened && known.is_somebody() {
            // By its certificate, as `tls-auth-clients-user` has it.
            authentication::at_connection(self, ctx.lock(), client, known.user());
        }
    }

    /// What became of users of the ACL that a command named.
    pub(super) fn settle_users(&mut self, lock: &ServerLock) {
        while let Some(changed) = self.users.take(lock, &self.roster.redactor) {
            self.users_changed(lock, changed);
        }
    }

    /// What became of some of all users, where any may have changed; answers whether there are
    /// more to look at.
    pub(in super::super) fn look_at_users(&mut self, lock: &ServerLock) -> bool {
        let changed = self.users.look_at_some(lock, &self.roster.redactor);
        self.users_changed(lock, changed);
        self.departed
            .take_if(|(client, _)| !self.users.awaits(*client));
        self.users.is_looking()
    }

    fn users_changed(
        &mut self,
        lock: &ServerLock,
        (client, changed): (Option<ClientId>, Vec<OwnedChange>),
    ) {
        let sinks = self.roster.interest.of_category(Category::Acl);
        for change in changed {
            self.of_client(lock, client, sinks, &Event::AclUser(change.borrow()));
        }
    }

    /// Records something that a connection did, whoever it is.
    pub(in super::super) fn of_client(
        &mut self,
        lock: &ServerLock,
        client: Option<ClientId>,
        sinks: SinkSet,
        event: &Event<'_>,
    ) {
        if sinks.is_empty() {
            return;
        }
        let at_us = microseconds();
        let of = (&self.roster.interest, self.epoch);
        let mut known =
            client.and_then(|client| Some((client, self.clients.get(lock, client, of)?)));
        if known.is_none()
            && let Some((gone, as_it_was)) = &self.departed
            && client == Some(*gone)
        {
            known = Some((*gone, as_it_was));
        }
        let (client, wanted) = match known {
            Some((id, known)) => {
                let always = match event.category() {
                    Category::Config => known.wants.config_sinks,
                    _ => SinkSet::NONE,
                };
                (
                    Some(known.client(id)),
                    sinks.and(known.wants.sinks).or(always),
                )
            }
            None => (None, sinks),
        };
        self.trail.push(wanted, at_us, client.as_ref(), event);
    }

    pub(super) fn session_ended(
        &mut self,
        lock: &ServerLock,
        view: &SessionView<'_>,
        cause: &str,
        now: Now,
    ) {
        let client = view.client;
        // One that is leaving is forgotten already, and nobody would forget it again.
        let is_remembered = self.clients.is_connection(client);
        let sinks = self.roster.interest.of_category(Category::Session);
        let at_us = now.wall.as_unix_millis().saturating_mul(1000);
        let since_us = view.since.as_unix_millis().saturating_mul(1000);
        let end = Event::SessionEnd(SessionEnd {
            cause,
            lasted_us: at_us.saturating_sub(since_us),
        });
        if !sinks.is_empty() {
            // The server may have another user there already, and the session is being taken out.
            let of = (&self.roster.interest, self.epoch);
            let wants = match self.clients.get(lock, client, of) {
                Some(known) => known.wants.sinks,
                None => {
                    self.roster
                        .interest
                        .of_client(view.user.as_str().as_bytes(), None, false)
                        .sinks
                }
            };
            let decision = view
                .class_key
                .map(|key| key.to_string())
                .unwrap_or_default();
            let known = self
                .clients
                .get(lock, client, of)
                .map(|known| known.client(client));
            let address = match known {
                Some(_) => None,
                None => view.address(),
            };
            let address = address.unwrap_or_default();
            let teller = Client {
                id: client.0,
                version: 0,
                user: view.user.as_str().as_bytes(),
                session: Some(Session {
                    id: view.session.as_u64(),
                    authenticator: view.principal.authenticator.as_str(),
                    principal: view.principal.name.as_str(),
                    decision: &decision,
                    generation: view.generation.unwrap_or(0),
                }),
                address: known.map_or(address.as_str(), |known| known.address),
                ..known.unwrap_or_default()
            };
            self.trail
                .push(sinks.and(wants), at_us, Some(&teller), &end);
        }
        if is_remembered {
            self.clients.doubt(client);
        } else {
            self.clients.remove(client);
        }
    }

    fn push(&self, known: &Known, client: ClientId, sinks: SinkSet, at_us: u64, event: Event<'_>) {
        let client = known.client(client);
        self.trail
            .push(sinks.and(known.wants.sinks), at_us, Some(&client), &event);
    }
}
