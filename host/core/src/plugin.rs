//! Authenticator plugins, as two rooms see them: one configures and asks them, the other
//! runs them.
//!
//! In: a component, what it is configured with, and credentials. Out: its answers as it
//! gave them; nothing of them is proved here. Whoever implements [`Plugins`] bounds
//! what a plugin may use, and lets nothing out but its answers.

use std::sync::Arc;

use crate::{AuthenticatorId, ClientFacts, Secret};

/// What of the connection a plugin reads. It is shown nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Where the client comes from.
    pub address: bool,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The client's certificate.
    pub certificate: bool,
}

impl Reads {
    /// What either reads.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            address: self.address || other.address,
            tls: self.tls || other.tls,
            certificate: self.certificate || other.certificate,
        }
    }

    /// Whether it reads anything.
    pub fn anything(self) -> bool {
        self != Self::default()
    }

    /// What is read of a connection, in bytes: equal for those that look the same.
    pub fn seen(self, client: &ClientFacts) -> Vec<u8> {
        let certificate = client.certificate.as_ref().filter(|_| client.tls);
        let fingerprint = certificate.map(|certificate| certificate.fingerprint.as_bytes());
        let mut seen = Vec::new();
        let mut add = |is_read: bool, what: Option<&[u8]>| {
            // Absent is not empty, and no part runs into the next.
            let length = what.map_or(0, |what| what.len().saturating_add(1));
            seen.extend(length.to_be_bytes().into_iter().filter(|_| is_read));
            seen.extend(what.unwrap_or_default().iter().filter(|_| is_read));
        };
        add(self.address, client.address.as_ref().map(String::as_bytes));
        add(self.tls, client.tls.then_some(b""));
        add(self.certificate, fingerprint);
        seen
    }
}

/// What a plugin is started with.
pub struct Setup {
    /// The authenticator it works for.
    pub id: AuthenticatorId,
    /// A component, or a core module with component metadata.
    pub wasm: Arc<[u8]>,
    /// Names, and values as JSON text.
    pub properties: Vec<(String, String)>,
    /// Names, and contents.
    pub files: Vec<(String, Secret<Vec<u8>>)>,
    /// A digest over all of it: what has the same is the same.
    pub content: Vec<u8>,
}

/// A credential for a plugin to judge.
pub struct Question<'a> {
    /// The user name given to AUTH; `None` when there was none.
    pub user: Option<&'a str>,
    /// The secret as the plugin is to see it.
    pub secret: &'a [u8],
    /// The connection; a plugin is shown what it [`Reads`].
    pub client: &'a ClientFacts,
}

/// What a plugin answers. Texts are one escaped line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Whom it says the credential belongs to.
    Verified(Vouched),
    /// Not for it to judge.
    NotMine,
    /// Not proved.
    Refused(String),
    /// Undecided.
    Unavailable(String),
}

/// Whom a plugin vouches for: nothing of it is checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched {
    /// The principal's name.
    pub name: String,
    /// Not qualified.
    pub groups: Vec<String>,
    /// Not qualified.
    pub scopes: Vec<String>,
    /// Names, and values as JSON text.
    pub claims: Vec<(String, String)>,
    /// Seconds since 1970.
    pub expires: Option<u64>,
}

/// Why a plugin cannot be started. One line, escaped, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Something is wrong with it or with what it is configured with.
    #[error("{0}")]
    Faulty(String),
    /// It is being compiled or initialised: to be asked for again.
    #[error("is being started, and comes into force when that has ended")]
    Starting,
}

/// A plugin that was initialised. One credential at a time.
pub trait Plugin: Send {
    /// What it calls itself, its version, and the digest of its component, for the log.
    fn title(&self) -> &str;

    /// What of the connection it reads.
    fn reads(&self) -> Reads;

    /// Asks it. Takes bounded time, all of it the processor's.
    ///
    /// # Errors
    /// One escaped line when it failed, to follow `the plugin failed:`. It trapped, went
    /// beyond a bound, or could not be initialised again.
    fn authenticate(&mut self, question: &Question<'_>) -> Result<Answer, String>;

    /// Tells it that it is no longer needed, as far as it still listens.
    fn close(self: Box<Self>);
}

/// Starts plugins.
pub trait Plugins: Send + Sync {
    /// Compiles, describes and initialises one.
    ///
    /// # Errors
    /// See [`StartError`].
    fn start(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError>;

    /// Takes one that is no longer needed, on whichever thread, and has it closed on one
    /// that may run it.
    fn retire(&self, plugin: Box<dyn Plugin>);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Certificate;

    #[test]
    fn connections_that_differ_in_what_is_read_are_told_apart() {
        let client = |address: Option<&str>, tls, fingerprint: Option<&str>| ClientFacts {
            address: address.map(str::to_owned),
            tls,
            certificate: fingerprint.map(|fingerprint| Certificate {
                fingerprint: fingerprint.to_owned(),
                ..Certificate::default()
            }),
            replica: false,
        };
        let all = [
            client(None, false, None),
            client(Some(""), false, None),
            client(Some("a"), false, None),
            client(Some("a"), true, None),
            client(Some("a"), true, Some("f")),
            client(None, true, Some("af")),
        ];
        let everything = Reads {
            address: true,
            tls: true,
            certificate: true,
        };
        for (index, one) in all.iter().enumerate() {
            assert!(Reads::default().seen(one).is_empty());
            for other in all.iter().skip(index + 1) {
                assert_ne!(
                    everything.seen(one),
                    everything.seen(other),
                    "{one:?} {other:?}"
                );
            }
        }
        let address = Reads {
            address: true,
            ..Reads::default()
        };
        assert_eq!(address.seen(&all[2]), address.seen(&all[4]));
        // A certificate that the server did not verify is none.
        assert_eq!(
            everything.seen(&client(None, false, Some("f"))),
            everything.seen(&client(None, false, None))
        );
    }
}
