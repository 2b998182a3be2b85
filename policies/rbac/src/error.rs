//! What is wrong with the data.

use warden_sdk::MemberError;
use warden_sdk::data::{ListError, ShapeError};

use crate::data::{MAX_ROLES, MAX_SESSION_SECONDS};

/// One problem of one file. Each names the file, the key and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        file: String,
        key: String,
        fault: Fault,
    },
    /// Nothing to grant at all.
    #[error("no role: a *.toml file beside the policy holds [roles.NAME] tables")]
    NoFile,
    /// More roles than one bundle takes. Bounds what a log-in costs.
    #[error("more than {MAX_ROLES} roles")]
    TooManyRoles,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no [roles.NAME] table in this file")]
    NoRole,
    #[error("a role's name takes 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'")]
    RoleName,
    #[error("this role stands in {other:?} already")]
    Doubled { other: String },
    #[error("empty: name at least one group:NAME, scope:NAME or user:NAME")]
    NoMember,
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Member(#[from] MemberError),
    #[error("empty: give at least one rule, for example \"+@read\"")]
    NoRule,
    #[error(transparent)]
    Rule(#[from] warden_sdk::RuleError),
    #[error("no rule gives a command: add one, for example \"+@read\"")]
    NothingGiven,
    #[error("{seconds} is out of range: 1 to {MAX_SESSION_SECONDS} seconds")]
    SessionSeconds { seconds: u64 },
}
