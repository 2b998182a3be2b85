//! One admitted session, small: a server may hold very many.
//!
//! In: an admission. Out: what expiry, reviews and views ask of it. It holds no
//! rules, those are its class's.

use std::fmt;
use std::sync::Arc;

use warden_core::client::Certificate;
use warden_core::{ClientFacts, ClientId, Principal, Verified};

use crate::ClassId;
use crate::agenda::{Deadline, Instant};

/// One admission; never reused. Rises with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    /// The number: at least 1.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session as a member of a class, in client order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) client: ClientId,
    pub(crate) session: SessionId,
}

/// An admitted session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) class: ClassId,
    pub(crate) principal: Arc<Verified<Principal>>,
    pub(crate) facts: Facts,
    pub(crate) since: Instant,
    pub(crate) deadline: Option<Deadline>,
    /// The module was told to close it.
    pub(crate) closing: bool,
}

impl Session {
    pub(crate) fn member(&self, client: ClientId) -> Member {
        Member {
            client,
            session: self.id,
        }
    }
}

/// [`ClientFacts`] in a quarter of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    address: Option<Box<str>>,
    certificate: Option<Box<Certificate>>,
    tls: bool,
    replica: bool,
}

impl Facts {
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    pub(crate) fn unpack(&self) -> ClientFacts {
        ClientFacts {
            address: self.address.as_deref().map(str::to_owned),
            tls: self.tls,
            certificate: self.certificate.as_deref().cloned(),
            replica: self.replica,
        }
    }

    /// What tells facts apart; the fingerprint stands for the certificate.
    pub(crate) fn distinction(&self) -> (Option<&str>, Option<&str>, bool, bool) {
        let fingerprint = self.certificate.as_deref().map(|c| c.fingerprint.as_str());
        (self.address(), fingerprint, self.tls, self.replica)
    }
}

impl From<ClientFacts> for Facts {
    fn from(facts: ClientFacts) -> Self {
        Self {
            address: facts.address.map(String::into_boxed_str),
            // What policies read of it; its bytes would be the largest part of a session.
            certificate: facts.certificate.map(|certificate| {
                Box::new(Certificate {
                    der: [].into(),
                    ..certificate
                })
            }),
            tls: facts.tls,
            replica: facts.replica,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_small() {
        assert!(
            size_of::<Session>() <= 120,
            "{} bytes",
            size_of::<Session>()
        );
    }

    #[test]
    fn facts_come_back_as_they_were() {
        let facts = ClientFacts {
            address: Some("192.0.2.1".to_owned()),
            tls: true,
            certificate: None,
            replica: true,
        };
        assert_eq!(Facts::from(facts.clone()).unpack(), facts);
    }
}
