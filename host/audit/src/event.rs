//! What a record says.
//!
//! Values borrow: on the main thread from the server's memory, on a sink's thread from a
//! [`Chunk`](crate::Chunk). Bytes are bytes: keys, user and client names need not be text, and
//! are escaped where they are written. What must not be seen is an [`Argument::Redacted`]
//! already.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

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

/// Which sinks a record is for; at most [`SinkSet::MOST`] are in force at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SinkSet(u64);

impl SinkSet {
    /// Most sinks at a time.
    pub const MOST: usize = 64;
    /// No sink.
    pub const NONE: Self = Self(0);

    /// The sink at a place, from 0; none where the place is beyond the last.
    pub const fn only(place: usize) -> Self {
        if place < Self::MOST {
            Self(1 << place)
        } else {
            Self::NONE
        }
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those here and not there.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is nobody.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the sink at a place is among them.
    pub const fn has(self, place: usize) -> bool {
        !self.and(Self::only(place)).is_empty()
    }

    /// The places, ascending.
    pub fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = usize::try_from(left.trailing_zeros()).ok()?;
            left &= left.wrapping_sub(1);
            (place < Self::MOST).then_some(place)
        })
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// When: microseconds since 1970-01-01T00:00:00Z.
    pub at_us: u64,
    /// Whose connection it happened on; none where it was nobody's.
    #[serde(borrow)]
    pub client: Option<Client<'a>>,
    /// What.
    #[serde(borrow)]
    pub event: Event<'a>,
}

/// The parts of a [`Record`] where they are, to be encoded in its form.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Parts<'p, 'c, 'e> {
    pub(crate) at_us: u64,
    pub(crate) client: Option<&'p Client<'c>>,
    pub(crate) event: &'p Event<'e>,
}

/// A connection, as it was when something happened on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Client<'a> {
    /// The server's number of it.
    pub id: u64,
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

/// How far an authentication came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// A credential arrived and somebody must look at it first.
    Begun,
    /// Let in.
    Success,
    /// Refused, or not decided, which is a refusal too.
    Failure,
    /// Somebody else decided, and this server does not tell how.
    Unknown,
}

/// Somebody tried to log in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authentication<'a> {
    /// How far it came.
    pub attempt: Attempt,
    /// `jwt`, `introspection`, `userinfo`, `ldap`, `certificate`, `plugin`; `password` where
    /// the server's own check decided, `module` where another module did; empty where nobody
    /// claimed it.
    pub method: &'a str,
    /// The user name that was given.
    #[serde(borrow, with = "serde_bytes")]
    pub user: &'a [u8],
    /// Id of the authenticator; empty where none vouched.
    pub authenticator: &'a str,
    /// The issuer that the credential names, once it is verified; empty without.
    pub issuer: &'a str,
    /// The principal, without the authenticator's id; empty where none was proved.
    pub principal: &'a str,
    /// The other module that decided; empty without.
    pub module: &'a str,
    /// Why not, for operators; empty on success.
    pub reason: &'a str,
    /// What it may do now.
    #[serde(borrow)]
    pub grant: Option<Grant<'a>>,
}

/// What somebody who was let in may do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant<'a> {
    /// The policies that were asked, `rbac,guardrails`.
    pub policies: &'a str,
    /// The generation they are of; 0 where none was asked.
    pub generation: u64,
    /// The digest of that generation, in hexadecimal.
    pub digest: &'a str,
    /// The rules that came of it, as the server was told.
    pub rules: &'a str,
    /// When the session ends at the latest: microseconds since 1970.
    pub expires_us: Option<u64>,
}

/// A session ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEnd<'a> {
    /// `disconnected`, `expired`, `killed` and so on: the words of the log.
    pub cause: &'a str,
    /// How long it lasted.
    pub lasted_us: u64,
}

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
    pub arguments: SmallVec<[Argument<'a>; 6]>,
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

/// Something that had one value and has another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change<'a> {
    /// The setting's or user's name.
    #[serde(borrow, with = "serde_bytes")]
    pub name: &'a [u8],
    /// Its value before; none where it was not there.
    #[serde(borrow)]
    pub before: Option<Argument<'a>>,
    /// Its value now; none where it is gone.
    #[serde(borrow)]
    pub after: Option<Argument<'a>>,
}

/// Files of a directory were read anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload<'a> {
    /// `policies`, `authenticators` or `sinks`.
    pub what: &'a str,
    /// The generation in force now.
    pub generation: u64,
    /// Its digest in hexadecimal; empty without.
    pub digest: &'a str,
    /// Names that were not in force before.
    #[serde(borrow)]
    pub added: SmallVec<[&'a str; 4]>,
    /// Names in force as before, with other files.
    #[serde(borrow)]
    pub changed: SmallVec<[&'a str; 4]>,
    /// Names no longer in force.
    #[serde(borrow)]
    pub removed: SmallVec<[&'a str; 4]>,
    /// What is wrong; what it concerns is in force as before.
    #[serde(borrow)]
    pub errors: SmallVec<[&'a str; 4]>,
}

/// A sink began to write.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start<'a> {
    /// Version of warden.
    pub version: &'a str,
    /// Version of the server.
    pub server: &'a str,
    /// Whether what was written before is gone on with.
    pub resumed: bool,
    /// Bytes of a line that a crash left unfinished, taken off.
    pub cut_bytes: u64,
}

/// Records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss<'a> {
    /// Exactly how many.
    pub records: u64,
    /// Why: `buffer full`, `disconnected`.
    pub cause: &'a str,
}

/// All records up to here, signed (RFC 8032).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// The public key in hexadecimal, 64 digits.
    pub key: &'a str,
    /// The signature in hexadecimal, 128 digits.
    pub signature: &'a str,
}
