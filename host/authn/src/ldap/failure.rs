//! Why a directory server gave no answer.

use std::time::Duration;

use super::ber::Malformed;

/// Words for the operator; no secret, no outside text unquoted. Never says anything about
/// a credential: whoever was to be judged is undecided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection: the name, the network, or TLS.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The connection ended, or what came is no answer.
    #[error("{0}")]
    Broken(String),
    /// No whole answer in time.
    #[error("did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// It answered that it cannot do it now.
    #[error("answered that it cannot: {0}")]
    Declined(String),
    /// It does not answer others either.
    #[error("does not answer any more")]
    Down,
    /// No connection was free in time, or too many of low priority wait.
    #[error("was not asked: too many requests just now")]
    Busy,
    /// When its turn came it was not wanted any more.
    #[error("was not asked: the request was not wanted any more")]
    Unwanted,
}

impl Failure {
    /// Whether another server may do better.
    pub(super) fn is_of_the_server(&self) -> bool {
        !matches!(self, Self::Busy | Self::Unwanted)
    }
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::Broken("answered what is not LDAP".to_owned())
    }
}
