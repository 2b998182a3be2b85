//! What a record can say: each field once, in the order of the columns.
//!
//! In: nothing. Out: [`Field`], with its name in text and CSV, its name in JSON, what its
//! value is, and what it means. docs/audit/records.md and the JSON Schema are held against
//! this table by tests.

use super::start::Start;

/// What the value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTC, RFC 3339, with microseconds and `Z`.
    Time,
    /// A whole number; in JSON a number.
    Number,
    /// `true` or `false`; in JSON a boolean.
    Flag,
    /// A word of warden's: lower-case letters, digits and hyphens.
    Word,
    /// Any bytes, escaped.
    Bytes,
    /// One [`Argument`](crate::event::Argument).
    Argument,
    /// Several of them; in JSON an array of strings, else with `|` between them.
    List,
}

impl Kind {
    /// The word in docs/audit/records.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Word => "word",
            Self::Bytes => "bytes",
            Self::Argument => "argument",
            Self::List => "list",
        }
    }
}

macro_rules! fields {
    ($($variant:ident $kind:ident $text:literal $json:literal $meaning:literal;)*) => {
        /// One thing a record can say. Their order is that of the columns, and the walk over
        /// a record goes by it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field {
            $(
                #[doc = $meaning]
                $variant,
            )*
        }

        impl Field {
            /// All, in the order of the columns.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in text and CSV.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The name in JSON: of the Elastic Common Schema, or `warden.…`.
            pub const fn json_name(self) -> &'static str {
                match self { $(Self::$variant => $json),* }
            }

            /// What its value is.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }

            /// What it means: a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// What stands before its value in text, where another field is before it.
            pub(super) const fn text_start(self) -> &'static Start {
                match self { $(Self::$variant => const { &Start::of(concat!(" ", $text, "=")) }),* }
            }

            /// What stands before its value in JSON, where another field is before it.
            pub(super) const fn json_start(self) -> &'static Start {
                match self { $(Self::$variant => const { &Start::of(concat!(",\"", $json, "\":")) }),* }
            }
        }

        /// The names, each with a comma behind it.
        const NAMES: &str = concat!($($text, ","),*);
    };
}

fields! {
    Time Time "time" "@timestamp" "When it happened.";
    Sequence Number "sequence" "warden.sequence" "The number of the record in what the sink writes, from 1, without gaps.";
    Node Word "node" "warden.node" "The server that wrote it: 40 hexadecimal digits.";
    Category Word "category" "warden.category" "What it is about: a word of `events`, or `audit` for what a sink says about itself.";
    Action Bytes "action" "event.action" "What happened. Of a command its name.";
    Outcome Word "outcome" "event.outcome" "`success`, `failure`, or `unknown` where this server does not tell.";
    Failure Word "failure" "warden.failure" "How a command failed: it ran and answered with an error (`failed`), was refused before it ran (`rejected`), or the ACL denied it (`denied`).";
    Reason Bytes "reason" "event.reason" "Why a log-in was refused, a session ended, or records were lost.";
    Error Bytes "error" "error.message" "The error that a command was rejected with.";
    User Bytes "user" "user.name" "Who did it: the user that the connection ran as; of a log-in the user name that was given.";
    RunningAs Bytes "running_as" "user.effective.name" "Of a log-in, the user that the connection ran as when it was recorded.";
    Authenticator Bytes "authenticator" "warden.authenticator" "Who vouched: the id of an authenticator.";
    Principal Bytes "principal" "warden.principal" "Who was authenticated, without the authenticator's id.";
    Session Number "session" "warden.session" "The session, as `WARDEN.SESSIONS` shows it.";
    Decision Bytes "decision" "warden.decision" "The decision that the session's rights come from.";
    Generation Number "generation" "warden.generation" "The generation that decided, or that a reload put in force.";
    Connection Number "connection" "warden.connection" "The server's number of the connection, as in `CLIENT LIST`.";
    Address Bytes "address" "source.ip" "The IP address of the peer.";
    Socket Bytes "socket" "source.address" "The path of the unix socket, or another address that is not an IP address.";
    Port Number "port" "source.port" "The port of the peer.";
    Tls Flag "tls" "tls.established" "Whether the connection is encrypted.";
    ClientName Bytes "client_name" "warden.client_name" "What `CLIENT SETNAME` called the connection.";
    Method Bytes "method" "warden.method" "How somebody logged in: the type of the authenticator, `password`, or `module`.";
    Issuer Bytes "issuer" "warden.issuer" "The issuer of the credential, once it is verified.";
    Module Bytes "module" "warden.module" "The other module that decided about a log-in.";
    Policies Bytes "policies" "warden.policies" "The policies that were asked.";
    Digest Bytes "digest" "warden.digest" "The digest of the generation, in hexadecimal.";
    Rules Bytes "rules" "warden.rules" "The rules that came of it, as the server was told.";
    Expires Time "expires" "warden.expires" "When the session ends at the latest.";
    Duration Number "duration_ns" "event.duration" "How long the command ran, or the session lasted: nanoseconds.";
    Command Bytes "command" "warden.command" "The command, with its subcommand: `config|set`.";
    Origin Word "origin" "warden.origin" "Whose call it was: `client`, `script`, `module` or `replication`.";
    Database Number "database" "warden.database" "The number of the database.";
    Key Argument "key" "warden.key" "The command's first key.";
    Arguments List "arguments" "warden.arguments" "Everything behind the command's name but the first key, as far as the sink shows it.";
    LeftOut Number "arguments_left_out" "warden.arguments_left_out" "How many arguments are not shown at all, at the end.";
    Denied Word "denied" "warden.denied" "What the ACL denied: `auth`, `command`, `key`, `channel` or `database`.";
    DeniedObject Argument "denied_object" "warden.denied_object" "The key or channel that it denied.";
    KeysModified Number "keys_modified" "warden.keys_modified" "How many keys the command changed.";
    Setting Bytes "setting" "warden.setting" "The setting of the server that changed.";
    AclUser Bytes "acl_user" "user.target.name" "The user of the server's own ACL that changed.";
    Before Argument "before" "warden.before" "Its value before; absent where it was not there.";
    After Argument "after" "warden.after" "Its value now; absent where it is gone.";
    Reloaded Bytes "reloaded" "warden.reloaded" "What was read anew: `policies`, `authenticators` or `sinks`.";
    Added List "added" "warden.added" "Names that were not in force before.";
    Changed List "changed" "warden.changed" "Names in force as before, with other files.";
    Removed List "removed" "warden.removed" "Names no longer in force.";
    Errors List "errors" "warden.errors" "What is wrong; what it concerns is in force as before.";
    Version Bytes "version" "warden.version" "The version of warden.";
    Server Bytes "server_version" "service.version" "The version of the server.";
    Resumed Flag "resumed" "warden.resumed" "Whether the sink goes on with what was written before.";
    CutBytes Number "cut_bytes" "warden.cut_bytes" "Bytes of a line that a crash left unfinished, taken off.";
    Lost Number "lost" "warden.lost" "Exactly how many records were lost.";
    PublicKey Word "public_key" "warden.public_key" "The public key of a checkpoint: 64 hexadecimal digits.";
    Signature Word "signature" "warden.signature" "The signature of a checkpoint: 128 hexadecimal digits.";
    Chain Word "chain" "warden.chain" "The hash of this record and all before it: 64 hexadecimal digits. Always the last; only with `chain = true`.";
}

impl Field {
    /// The column, from 0.
    pub(super) const fn column(self) -> usize {
        self as usize
    }

    /// The field of that name in text and CSV.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|field| field.name() == name)
    }

    /// The field of that name in JSON.
    pub fn json_named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|field| field.json_name() == name)
    }
}

/// The columns of CSV.
pub(super) fn header(is_chained: bool) -> &'static str {
    let end = if is_chained { "," } else { ",chain," };
    NAMES.strip_suffix(end).unwrap_or(NAMES)
}
