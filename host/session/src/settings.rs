//! What an operator can set about sessions.
//!
//! In: values the module has already parsed and bounded. Out: the same, read by
//! the registry. Nothing here knows Valkey's configuration.

use std::time::Duration;

/// Whether a connection may change its principal without reconnecting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reauthentication {
    /// Only the same authenticator and name again; anything else is refused.
    #[default]
    SamePrincipal,
    /// Any principal.
    Any,
}

/// Bounds and habits of the registry. Changes hold for later admissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Upper bound on a session; `None`: only the token and the policies bound it.
    pub session_max: Option<Duration>,
    /// Whether a connection may change its principal. Default: it may not.
    pub reauthentication: Reauthentication,
    /// How long an empty class keeps its user. Default 60 s. Bounds what
    /// short-lived connections cost: without it each would create a user and,
    /// dearer, free one, which walks every client of the server.
    pub idle_class: Duration,
    /// How many empty classes may be kept within that time. Default 10,000.
    /// Bounds the memory an attacker holding many identities can pin.
    pub idle_classes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_max: None,
            reauthentication: Reauthentication::SamePrincipal,
            idle_class: Duration::from_secs(60),
            idle_classes_max: 10_000,
        }
    }
}

impl Settings {
    /// The shorter of the operator's bound and the policies' bound.
    pub(crate) fn longest(&self, session_ttl: Option<Duration>) -> Option<Duration> {
        [self.session_max, session_ttl].into_iter().flatten().min()
    }
}
