//! What the module is asked to do.
//!
//! In: nothing. Out: values naming users by [`ClassId`] and connections by
//! [`ClientId`]. Rule strings come from a [`Decision`] or are [`NO_RIGHTS`];
//! none is put together here. A class of a user of the server's own ACL has none.

use std::fmt;
use std::sync::Arc;

use warden_core::permissions::{Rendered, Selector};
use warden_core::{ClientId, Decision, Reason, Server, UserName};

use crate::{ClassId, KillId, SessionId};

/// The rules of a user none of whose sessions may do anything any more, until
/// they are closed: no command, key, channel or selector. Databases need no
/// mention, they grant nothing without a command.
pub const NO_RIGHTS: &str = "reset on resetkeys resetchannels -@all";

/// The rules of a class: those of a decision, none, or whatever the server's own ACL says.
///
/// Only this crate makes one, so a rule string that reaches a user was composed
/// from every policy of one generation.
#[derive(Clone)]
pub struct Rules(Source);

#[derive(Clone)]
enum Source {
    Decided(Arc<Decision>),
    Nothing,
    /// The operator's, of a user of the server's own ACL. Never set by us.
    AclUser,
}

impl Rules {
    pub(crate) fn decided(decision: Arc<Decision>) -> Self {
        Self(Source::Decided(decision))
    }

    pub(crate) fn none() -> Self {
        Self(Source::Nothing)
    }

    pub(crate) fn of_acl_user() -> Self {
        Self(Source::AclUser)
    }

    /// The decision they come from; `None` for [`NO_RIGHTS`], and where no policy was asked.
    pub fn decision(&self) -> Option<&Arc<Decision>> {
        match &self.0 {
            Source::Decided(decision) => Some(decision),
            Source::Nothing | Source::AclUser => None,
        }
    }

    /// Whether they are those of a user of the server's own ACL.
    pub fn are_of_acl_user(&self) -> bool {
        matches!(self.0, Source::AclUser)
    }

    /// Whether the server's own description of the user says the same. `false`
    /// means they are not in force, whatever the server answered before.
    pub fn matches(&self, description: &str) -> bool {
        match &self.0 {
            Source::Decided(decision) => decision.rendered.matches(description),
            // A root selector that starts from nothing and gets nothing.
            Source::Nothing => Rendered {
                selectors: vec![Selector::default()],
                ..Rendered::default()
            }
            .matches(description),
            Source::AclUser => false,
        }
    }

    fn server(&self) -> Option<&Arc<Server>> {
        self.decision().map(|decision| &decision.server)
    }

    /// The rule string for the server; empty where none is for us to set.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Source::Decided(decision) => &decision.rendered.rules,
            Source::Nothing => NO_RIGHTS,
            Source::AclUser => "",
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl PartialEq for Rules {
    /// Equal when the server would see the same text and work out the same from it.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() && self.server() == other.server()
    }
}

/// One thing for the module to do. Performed in order, at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create a module user and give it rules. On failure: [`Registry::abandon`](crate::Registry::abandon)
    /// with the session of the `Attach` that follows, which is then skipped.
    CreateUser {
        /// The class the user stands for.
        class: ClassId,
        /// The user's name; several users may have the same.
        name: UserName,
        /// Its rules.
        rules: Rules,
    },
    /// Replace the rules of a user. On failure: [`Registry::condemn`](crate::Registry::condemn).
    SetRules {
        /// The class whose user it is.
        class: ClassId,
        /// Its new rules.
        rules: Rules,
    },
    /// Make a connection this user's. During the call the server may report that
    /// the connection's previous session left. On failure: `abandon`.
    Attach {
        /// The connection.
        client: ClientId,
        /// This admission of it.
        session: SessionId,
        /// The class whose user it becomes.
        class: ClassId,
    },
    /// Make a connection that of a user of the server's own ACL. As `Attach` otherwise.
    AttachToAclUser {
        /// The connection.
        client: ClientId,
        /// This admission of it.
        session: SessionId,
        /// The user's name.
        user: UserName,
    },
    /// Deauthenticate and close a connection. If it is already gone, nothing.
    Close {
        /// The connection.
        client: ClientId,
        /// The session to end.
        session: SessionId,
        /// Why, for log and audit.
        cause: EndCause,
    },
    /// Free a user no session has. Nothing if there is no such user.
    FreeUser {
        /// The class whose user it was.
        class: ClassId,
    },
}

/// Why warden ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The token, the policies' bound or the operator's bound ran out.
    Expired,
    /// The policies now in force refuse it.
    Refused(Arc<Reason>),
    /// The policies now in force answer differently for it than for the other
    /// sessions on its user.
    Split,
    /// Its authenticator was removed.
    AuthenticatorRemoved,
    /// Whoever proved its identity does not stand by it any more.
    Disowned,
    /// An operator ended it.
    Killed(KillId),
    /// A user of the server's own ACL has its name now.
    NameTaken,
    /// The rules of its user could not be set.
    RulesNotSet,
    /// The module is being unloaded.
    Unload,
}

impl EndCause {
    /// A refusal, shared by the sessions it concerns.
    pub(crate) fn refused(reason: Reason) -> Self {
        Self::Refused(Arc::new(reason))
    }

    /// One word for log and audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Refused(_) => "refused",
            Self::Split => "split",
            Self::AuthenticatorRemoved => "authenticator-removed",
            Self::Disowned => "disowned",
            Self::Killed(_) => "killed",
            Self::NameTaken => "name-taken",
            Self::RulesNotSet => "rules-not-set",
            Self::Unload => "unload",
        }
    }
}

impl fmt::Display for EndCause {
    /// The word and, for a refusal, the operator's detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            other => f.write_str(other.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_rights_is_told_from_one_with_any() {
        // As Valkey 8.0.1 and 9.1.2 describe a user after NO_RIGHTS.
        assert!(Rules::none().matches("on sanitize-payload resetchannels -@all"));
        assert!(Rules::none().matches("on resetchannels -@all"));
        for wider in [
            "on sanitize-payload resetchannels -@all +get",
            "on sanitize-payload ~* resetchannels -@all",
            "on sanitize-payload &* -@all",
            "on nopass sanitize-payload resetchannels -@all",
            "on sanitize-payload resetchannels -@all (resetchannels -@all +get)",
            "",
        ] {
            assert!(!Rules::none().matches(wider), "{wider}");
        }
    }
}
