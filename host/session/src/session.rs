//! One admitted session, small: a server may hold very many.
//!
//! In: an admission. Out: what expiry, reviews and views ask of it. It holds no
//! rules, those are its class's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use warden_core::client::Certificate;
use warden_core::{ClientFacts, ClientId, Principal, Timestamp, Verified};

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
///
/// Boxed by whoever holds many: their trees are half full.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) class: ClassId,
    pub(crate) principal: Arc<Verified<Principal>>,
    pub(crate) since: Instant,
    /// When it ends, by the wall clock and by what the monotonic one said at `since`;
    /// [`NEVER`] where it does not.
    end: Timestamp,
    unusual: Option<Box<Unusual>>,
    address: Address,
    tls: bool,
    replica: bool,
    /// The module was told to close it.
    pub(crate) closing: bool,
}

const NEVER: Timestamp = Timestamp::from_unix_millis(u64::MAX);

/// What few sessions have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unusual {
    certificate: Option<Certificate>,
    /// Where it came from, if that is written otherwise than an IP address is.
    address: Option<Box<str>>,
}

/// An IP address in 17 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
    /// None, or another kind.
    Other,
}

/// What tells sessions apart that policies may tell apart.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Distinction<'a> {
    address: Address,
    other_address: Option<&'a str>,
    /// Stands for the certificate.
    fingerprint: Option<&'a str>,
    tls: bool,
    replica: bool,
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        class: ClassId,
        principal: Arc<Verified<Principal>>,
        facts: ClientFacts,
        since: Instant,
    ) -> Self {
        let ClientFacts {
            address,
            tls,
            certificate,
            replica,
        } = facts;
        let text = address.as_deref().unwrap_or_default();
        let packed = Address::read(text);
        let unusual = Unusual {
            // What policies read of it; its bytes would be the largest part of a session.
            certificate: certificate.map(|certificate| Certificate {
                der: [].into(),
                ..certificate
            }),
            address: address
                .filter(|_| packed == Address::Other)
                .map(String::into_boxed_str),
        };
        Self {
            id,
            class,
            principal,
            since,
            end: NEVER,
            unusual: (unusual != Unusual::default()).then(|| Box::new(unusual)),
            address: packed,
            tls,
            replica,
            closing: false,
        }
    }

    pub(crate) fn member(&self, client: ClientId) -> Member {
        Member {
            client,
            session: self.id,
        }
    }

    /// When it ends; `None`: not before it is left.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let date = Some(self.end).filter(|end| *end != NEVER);
        Deadline::earliest(self.since, date, None)
    }

    /// Begins anew at `since`, and ends then.
    pub(crate) fn set_term(&mut self, since: Instant, end: Option<Deadline>) {
        self.since = since;
        self.end = end.map_or(NEVER, |end| end.wall);
    }

    /// Where it came from, if known.
    pub(crate) fn address(&self) -> Option<String> {
        self.address
            .ip()
            .map(|ip| ip.to_string())
            .or_else(|| self.other_address().map(str::to_owned))
    }

    fn other_address(&self) -> Option<&str> {
        self.unusual.as_deref()?.address.as_deref()
    }

    fn certificate(&self) -> Option<&Certificate> {
        self.unusual.as_deref()?.certificate.as_ref()
    }

    /// What the server knew of its client, without the bytes of the certificate.
    pub(crate) fn facts(&self) -> ClientFacts {
        ClientFacts {
            address: self.address(),
            tls: self.tls,
            certificate: self.certificate().cloned(),
            replica: self.replica,
        }
    }

    pub(crate) fn distinction(&self) -> Distinction<'_> {
        Distinction {
            address: self.address,
            other_address: self.other_address(),
            fingerprint: self.certificate().map(|c| c.fingerprint.as_str()),
            tls: self.tls,
            replica: self.replica,
        }
    }
}

impl Address {
    /// Only what comes back as the same text.
    fn read(text: &str) -> Self {
        match text.parse() {
            // An IPv4 address is written, and read, in one way.
            Ok(IpAddr::V4(ip)) => Self::V4(ip.octets()),
            Ok(IpAddr::V6(ip)) if ip.to_string() == text => Self::V6(ip.octets()),
            _ => Self::Other,
        }
    }

    fn ip(self) -> Option<IpAddr> {
        match self {
            Self::V4(octets) => Some(Ipv4Addr::from(octets).into()),
            Self::V6(octets) => Some(Ipv6Addr::from(octets).into()),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::principal;

    fn session(facts: ClientFacts) -> Session {
        let since = Instant {
            wall: Timestamp::from_unix_seconds(1),
            monotonic_ms: 0,
        };
        Session::new(
            SessionId(1),
            ClassId(1),
            principal("alice", None),
            facts,
            since,
        )
    }

    #[test]
    fn a_session_stays_small() {
        assert!(size_of::<Session>() <= 80, "{} bytes", size_of::<Session>());
    }

    #[test]
    fn facts_come_back_as_they_were() {
        let certificate = Certificate {
            fingerprint: "aa".to_owned(),
            ..Certificate::default()
        };
        for address in [
            None,
            Some(""),
            Some("192.0.2.1"),
            Some("192.0.2.01"),
            Some("00.0.0.0"),
            Some("1.2.3"),
            Some("+1.2.3.4"),
            Some(" 1.2.3.4"),
            Some("256.0.0.1"),
            Some("::1"),
            Some("::ffff:192.0.2.1"),
            Some("0:0:0:0:0:0:0:1"),
            Some("/run/valkey.sock"),
        ] {
            for certificate in [None, Some(certificate.clone())] {
                let facts = ClientFacts {
                    address: address.map(str::to_owned),
                    tls: certificate.is_some(),
                    certificate,
                    replica: true,
                };
                assert_eq!(session(facts.clone()).facts(), facts);
            }
        }
    }

    #[test]
    fn the_usual_takes_no_room_of_its_own() {
        let usual = session(ClientFacts {
            address: Some("2001:db8::7".to_owned()),
            tls: true,
            ..ClientFacts::default()
        });
        assert_eq!(usual.unusual, None);
    }
}
