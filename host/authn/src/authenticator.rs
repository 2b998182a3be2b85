//! The trait every method of authentication implements, and its four answers.
//!
//! An authenticator never attests: it answers with a plain
//! [`Principal`], and only the [`Chain`](crate::Chain) makes the proof of it.

use std::sync::Arc;

use warden_core::{
    AuthenticatorId, Credential, Method, Now, Principal, Reason, Timestamp, Verified,
};

/// What became of a credential.
///
/// `Refused` ends the chain; `Unavailable` never becomes a yes.
#[derive(Clone, Debug)]
pub enum Outcome<T = Arc<Verified<Principal>>> {
    /// Not a credential this authenticator (or any of the chain) is asked about.
    NotMine,
    /// Proved.
    Verified(T),
    /// Not proved; nobody else is asked.
    Refused(Reason),
    /// Undecided: keys, directory or provider out of reach.
    Unavailable(Reason),
}

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

    /// Whether the credential looks like one of its own. Cheap, without I/O: it
    /// runs on the server's main thread.
    fn claims(&self, credential: &Credential) -> bool;

    /// Proves or refuses. Runs on a worker thread. Any doubt is a refusal.
    fn authenticate(&self, credential: &Credential, now: Now) -> Outcome<Box<Principal>>;
}
