//! Log-ins, and how sessions end.

use serde::{Deserialize, Serialize};

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
