//! Which sessions are meant: the filters of a command that lists or ends sessions.
//!
//! In: parts that must all hold, absent ones hold always. Out: a yes or no about
//! one session. It never looks for sessions itself: [`Registry::search`](crate::Registry::search)
//! and [`Registry::kill`](crate::Registry::kill) walk over them, a bounded number at a time.

use warden_core::{ClientId, Timestamp};

use crate::SessionView;

/// Filters, all of which must hold. The default holds for every session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The user's name: `corp/alice`.
    pub user: Option<String>,
    /// The authenticator's id: `corp`.
    pub authenticator: Option<String>,
    /// A group, as policies see it: `corp/analysts`.
    pub group: Option<String>,
    /// The class, as `WARDEN.SESSIONS` shows it.
    pub class: Option<String>,
    /// The address the connection came from, without the port; `unix` for a socket.
    pub address: Option<String>,
    /// The connection.
    pub client: Option<ClientId>,
    /// Sessions that end before this time. One without an end is never meant.
    pub expires_before: Option<Timestamp>,
    /// Only sessions that run as users of the server's own ACL.
    pub of_acl_users: bool,
    /// Not this connection.
    pub except: Option<ClientId>,
}

impl Selection {
    /// Every session an authenticator vouched for.
    pub fn of_authenticator(id: impl Into<String>) -> Self {
        Self {
            authenticator: Some(id.into()),
            ..Self::default()
        }
    }

    /// Whether this session is meant.
    pub fn includes(&self, session: &SessionView<'_>) -> bool {
        let principal = session.principal;
        let is = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == there)
        };
        is(&self.user, session.user.as_str())
            && is(&self.authenticator, principal.authenticator.as_str())
            && self
                .group
                .as_ref()
                .is_none_or(|group| principal.groups.contains(group))
            && self.class.as_ref().is_none_or(|class| {
                session
                    .class_key
                    .is_some_and(|key| *class == key.to_string())
            })
            && self
                .address
                .as_ref()
                .is_none_or(|address| session.address().as_deref() == Some(address))
            && self.client.is_none_or(|client| client == session.client)
            && self
                .expires_before
                .is_none_or(|end| session.expires.is_some_and(|expires| expires < end))
            && (!self.of_acl_users || session.rules.are_of_acl_user())
            && self.except != Some(session.client)
    }
}
