//! The trait every method of authentication implements, and its four answers.
//!
//! An authenticator never attests: it answers with a plain
//! [`Principal`], and only the [`Chain`](crate::Chain) makes the proof of it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use warden_core::plugin::Reads;
use warden_core::{
    AuthenticatorId, ClientFacts, Clock, Credential, Method, Principal, Reason, ReasonKind,
    Timestamp, Verified,
};

use crate::accounts::Accounts;
use crate::coexistence::Coexistence;
use crate::ldap::{ServerStatus, Visiting};
use crate::survey::Dependency;

/// What became of a credential.
///
/// `Refused` ends the chain, but for a token that is meant for another audience, and where
/// the authenticator passes on what it refuses;
/// `Unavailable` never becomes a yes.
#[derive(Clone, Debug)]
pub enum Outcome<T = Arc<Verified<Principal>>> {
    /// Not a credential this authenticator (or any of the chain) is asked about.
    NotMine,
    /// Proved.
    Verified(T),
    /// Not proved; nobody else is asked, unless the authenticator passes on what it refuses.
    Refused(Reason),
    /// Undecided: keys, directory or provider out of reach.
    Unavailable(Reason),
}

impl<T> Outcome<T> {
    /// What a reason comes to: a refusal about the credential, or nothing decided.
    pub(crate) fn against(reason: Reason) -> Self {
        if reason.reply().is_about_the_credential() {
            Self::Refused(reason)
        } else {
            Self::Unavailable(reason)
        }
    }
}

/// A credential and who presents it.
pub struct Presented {
    /// The credential; zeroed when the presented is over.
    pub credential: Credential,
    /// The connection it came on; of several that present the same, the first.
    pub client: ClientFacts,
    /// Whether the server itself lets somebody in under this very name, as of when the
    /// credential came, or was not asked. Whoever spares local users is not shown it then.
    pub is_local: bool,
}

impl From<Credential> for Presented {
    /// A credential whose connection is of no interest.
    fn from(credential: Credential) -> Self {
        Self {
            credential,
            client: ClientFacts::default(),
            is_local: false,
        }
    }
}

/// What an answer comes to when nobody else can be waited for.
pub fn at_once<T>(answering: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    match pin!(answering).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Outcome::Unavailable(Reason::new(
            ReasonKind::Unavailable,
            "somebody else must be asked about this credential",
        )),
    }
}

/// An answer on its way. Ready at the first poll unless somebody else must be asked.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Outcome<Box<Principal>>> + Send + 'a>>;

/// One way to prove an identity, configured by one file.
pub trait Authenticator: Send + Sync {
    /// The first half of every user name it vouches for.
    fn id(&self) -> &AuthenticatorId;

    /// How it proves identities.
    fn method(&self) -> Method;

    /// When the keys it verifies with last changed; `None` when it has none, or cannot
    /// tell.
    fn keys_changed(&self) -> Option<Timestamp> {
        None
    }

    /// What keeps it from its work just now: a provider that does not answer, keys that
    /// could not be renewed. One line; takes no lock that is held for long.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// How the servers are that it keeps connections to; empty when it keeps none.
    fn servers(&self) -> Vec<ServerStatus> {
        Vec::new()
    }

    /// The accounts it knows; `None` when it asks no directory.
    fn accounts(&self) -> Option<&dyn Accounts> {
        None
    }

    /// Begins to visit each of these servers once, for no longer than `limit`; it need not
    /// be in force for that.
    fn visit_servers(&self, _limit: Duration) -> Vec<Visiting> {
        Vec::new()
    }

    /// What of the connection its answers depend on, besides the certificate of a client
    /// that gives no secret: part of what they are remembered under.
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// How it goes along with the users of the server's own ACL.
    fn coexistence(&self) -> Coexistence {
        Coexistence::default()
    }

    /// Whom it depends on beyond this machine; `None`: on nobody.
    fn dependency(&self) -> Option<Dependency<'_>> {
        None
    }

    /// It is in force from now on: whatever it does in the background may begin. It ends
    /// when the authenticator is dropped.
    fn start(&self) {}

    /// Whether the credential looks like one of its own. Cheap, without I/O: it
    /// runs on the server's main thread.
    fn claims(&self, credential: &Credential) -> bool;

    /// Whether it asks somebody else about every credential and computes little itself: it
    /// is polled on the thread of the runtime then, where the answers arrive.
    fn asks_others(&self) -> bool {
        false
    }

    /// Proves or refuses. Polled on worker threads or that of the runtime, neither of which it
    /// holds up: whatever waits for somebody else runs on the runtime of
    /// [`Services`](crate::Services). Any doubt is a refusal.
    fn authenticate<'a>(&'a self, presented: &'a Presented, clock: &'a dyn Clock) -> Answering<'a>;
}
