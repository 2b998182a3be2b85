//! What records are about.

use serde::{Deserialize, Serialize};

/// What a record is about: what sinks choose by in `events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Connections opened and closed.
    Connections,
    /// Log-ins, whoever decided about them.
    Auth,
    /// The end of sessions.
    Session,
    /// Settings, and the commands that change or read them.
    Config,
    /// Users of the server's own ACL, and the commands that change or read them.
    Acl,
    /// Reloads of policies, authenticators and sinks.
    Policy,
    /// `WARDEN.*` commands of administrators.
    Admin,
    /// Commands with keys.
    Keys,
    /// Every other command.
    Other,
    /// What a sink says about itself: its start and end, losses, checkpoints. Every sink
    /// writes these.
    Audit,
}

impl Category {
    /// Every category that a sink can choose.
    pub const CHOSEN: [Self; 9] = [
        Self::Connections,
        Self::Auth,
        Self::Session,
        Self::Config,
        Self::Acl,
        Self::Policy,
        Self::Admin,
        Self::Keys,
        Self::Other,
    ];

    /// The word in settings and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Auth => "auth",
            Self::Session => "session",
            Self::Config => "config",
            Self::Acl => "acl",
            Self::Policy => "policy",
            Self::Admin => "admin",
            Self::Keys => "keys",
            Self::Other => "other",
            Self::Audit => "audit",
        }
    }

    /// The category of that name, one that a sink can choose.
    pub fn named(name: &str) -> Option<Self> {
        Self::CHOSEN.into_iter().find(|one| one.as_str() == name)
    }
}
