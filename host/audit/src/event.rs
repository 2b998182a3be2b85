//! What a record says.
//!
//! Values borrow: on the main thread from the server's memory, on a sink's thread from a
//! [`Chunk`](crate::Chunk). Bytes are bytes: keys, user and client names need not be text, and
//! are escaped where they are written. What must not be seen is an [`Argument::Redacted`]
//! already.

mod category;
mod change;
mod command;
mod login;
mod own;
mod sink_set;

use serde::{Deserialize, Serialize};

pub use category::Category;
pub use change::{Change, Reload};
pub use command::{Argument, Command, CommandResult, Denial, Origin};
pub use login::{Attempt, Authentication, Grant, SessionEnd};
pub use own::{Checkpoint, Loss, Start};
pub use sink_set::SinkSet;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// When: microseconds since 1970-01-01T00:00:00Z.
    pub at_us: u64,
    /// Whose connection it happened on; none where it was nobody's.
    pub client: Option<Client<'a>>,
    /// What.
    pub event: Event<'a>,
}

/// A connection, as it was when something happened on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Client<'a> {
    /// The server's number of it.
    pub id: u64,
    /// Where two have the same, everything else here is the same; 0 where nobody knows. No line
    /// tells it.
    pub version: u64,
    /// The user it ran as.
    #[serde(borrow, with = "serde_bytes")]
    pub user: &'a [u8],
    /// IP address, path of a unix socket, or empty where it is not known.
    pub address: &'a str,
    /// Port of the peer; 0 where there is none.
    pub port: u16,
    /// Whether it is encrypted.
    pub tls: bool,
    /// What CLIENT SETNAME called it; empty without.
    #[serde(borrow, with = "serde_bytes")]
    pub name: &'a [u8],
    /// The session of warden's that it has.
    #[serde(borrow)]
    pub session: Option<Session<'a>>,
}

/// A session of warden's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session<'a> {
    /// Its number, as WARDEN.SESSIONS and WARDEN.WHOAMI show it.
    pub id: u64,
    /// Who vouched for it.
    pub authenticator: &'a str,
    /// Whose it is, without the authenticator's id.
    pub principal: &'a str,
    /// Which decision its rights come from: that of this class …
    pub decision: &'a str,
    /// … by this generation of policies; 0 where no policy was asked.
    pub generation: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event<'a> {
    /// A connection was opened.
    Opened,
    /// A connection was closed.
    Closed,
    /// Somebody tried to log in.
    #[serde(borrow)]
    Authentication(Authentication<'a>),
    /// A session ended.
    #[serde(borrow)]
    SessionEnd(SessionEnd<'a>),
    /// A command arrived, ran, or was refused.
    #[serde(borrow)]
    Command(Command<'a>),
    /// A setting of the server changed.
    #[serde(borrow)]
    Setting(Change<'a>),
    /// A user of the server's own ACL changed.
    #[serde(borrow)]
    AclUser(Change<'a>),
    /// Files of a directory were read anew.
    #[serde(borrow)]
    Reload(Reload<'a>),
    /// The sink began to write.
    #[serde(borrow)]
    Start(Start<'a>),
    /// The sink wrote its last record.
    Stop,
    /// Records were lost.
    #[serde(borrow)]
    Loss(Loss<'a>),
    /// All records up to here, signed.
    #[serde(borrow)]
    Checkpoint(Checkpoint<'a>),
}

impl Event<'_> {
    /// What it is about.
    pub fn category(&self) -> Category {
        match self {
            Self::Opened | Self::Closed => Category::Connections,
            Self::Authentication(_) => Category::Auth,
            Self::SessionEnd(_) => Category::Session,
            Self::Command(command) => command.category,
            Self::Setting(_) => Category::Config,
            Self::AclUser(_) => Category::Acl,
            Self::Reload(_) => Category::Policy,
            Self::Start(_) | Self::Stop | Self::Loss(_) | Self::Checkpoint(_) => Category::Audit,
        }
    }
}
