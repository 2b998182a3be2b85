//! Commands and how they end.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Category;

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command<'a> {
    /// [`Category::Keys`], [`Category::Other`], [`Category::Config`], [`Category::Acl`] or
    /// [`Category::Admin`].
    pub category: Category,
    /// Lower-case, with its subcommand: `config|set`. As it was sent where the server does not
    /// know it.
    #[serde(borrow, with = "serde_bytes")]
    pub name: &'a [u8],
    /// Whose call it was.
    pub origin: Origin,
    /// The number of the database it ran in.
    pub database: Option<u32>,
    /// Its first key.
    #[serde(borrow)]
    pub key: Option<Argument<'a>>,
    /// Everything after its name but the first key, cut to what the most curious sink wants.
    #[serde(borrow)]
    pub arguments: SmallVec<[Argument<'a>; 4]>,
    /// How many arguments were left out at the end.
    pub left_out: u32,
    /// How it ended.
    #[serde(borrow)]
    pub result: CommandResult<'a>,
    /// How long it ran.
    pub duration_us: Option<u64>,
    /// How many keys it changed.
    pub keys_modified: Option<u64>,
}

/// Whose call a command was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The client's own.
    Client,
    /// A script's or function's that the client runs.
    Script,
    /// A module's, on behalf of the client or of nobody.
    Module,
    /// The replication stream, the append-only file, or slots on their way here.
    Replication,
}

/// One argument, or another value that may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Argument<'a> {
    /// All of it.
    #[serde(borrow)]
    Plain(#[serde(with = "serde_bytes")] &'a [u8]),
    /// The beginning of it, and how many bytes it has.
    Cut(#[serde(borrow, with = "serde_bytes")] &'a [u8], u64),
    /// Not to be seen.
    Redacted,
    /// Not to be seen; equal digests of one node stand for equal values.
    Digest([u8; 16]),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandResult<'a> {
    /// This server does not tell.
    Unknown,
    /// It ran.
    Success,
    /// It ran and answered with an error.
    Failure,
    /// It was refused before it ran, with this error.
    #[serde(borrow)]
    Rejected(#[serde(with = "serde_bytes")] &'a [u8]),
    /// The ACL denied it.
    Denied(
        /// What it may not use.
        Denial,
        /// The key or channel.
        #[serde(borrow)]
        Option<Argument<'a>>,
    ),
}

impl CommandResult<'_> {
    /// Whether it is known not to have done what was asked.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Unknown | Self::Success => false,
            Self::Failure | Self::Rejected(_) | Self::Denied(..) => true,
        }
    }
}

/// What the ACL denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// Everything: nobody has logged in.
    Authentication,
    /// The command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// The database.
    Database,
}

impl Denial {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "auth",
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
            Self::Database => "database",
        }
    }
}
