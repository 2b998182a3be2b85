//! Where a client comes from: ranges of addresses, or the Unix socket.
//!
//! In: the data's text, and what the host says of a client. Out: inside or not,
//! or that it cannot be told.

use std::net::IpAddr;

use ipnet::IpNet;
use warden_sdk::Request;

use crate::error::Fault;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    Unix,
    Net(IpNet),
}

/// A client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix,
    /// An IPv4 address inside IPv6 is that IPv4 address.
    Ip(IpAddr),
}

impl Range {
    /// Reads `unix`, an address, or a network by its first address and length.
    ///
    /// # Errors
    /// For anything else; for a network whose address has bits behind its length,
    /// because one of the two is a mistake; and for IPv4 inside IPv6.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let text = || text.to_owned();
        let net = text().parse::<IpNet>().ok();
        let net = net.or_else(|| text().parse::<IpAddr>().ok().map(IpNet::from));
        let net = net.ok_or_else(|| Fault::Address { text: text() })?;
        if net.trunc() != net {
            let meant = net.trunc().to_string();
            return Err(Fault::HostBits {
                text: text(),
                meant,
            });
        }
        if net.addr().to_canonical() != net.addr() {
            return Err(Fault::MappedAddress { text: text() });
        }
        Ok(Self::Net(net))
    }

    /// Does the address lie in it?
    pub(crate) fn contains(self, address: Address) -> bool {
        match (self, address) {
            (Self::Unix, Address::Unix) => true,
            (Self::Net(net), Address::Ip(ip)) => net.contains(&ip),
            _ => false,
        }
    }
}

/// The client's address; `None` when the host could not say, or says something
/// that is none.
pub(crate) fn of_client(request: &Request) -> Option<Address> {
    if request.client_address()? == "unix" {
        return Some(Address::Unix);
    }
    request.client_ip().map(|ip| Address::Ip(ip.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_sdk::Principal;

    fn address(text: &str) -> Option<Address> {
        let request = Request::new(Principal::new("corp", "alice"));
        of_client(&request.with_client_address(text))
    }

    fn inside(range: &str, client: &str) -> bool {
        Range::parse(range)
            .unwrap()
            .contains(address(client).unwrap())
    }

    #[test]
    fn ranges_hold_what_lies_in_them() {
        assert!(inside("10.0.0.0/8", "10.255.255.255"));
        assert!(!inside("10.0.0.0/8", "11.0.0.0"));
        assert!(inside("192.0.2.7", "192.0.2.7"));
        assert!(!inside("192.0.2.7", "192.0.2.8"));
        assert!(inside("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!inside("2001:db8::/32", "2001:db9::"));
        assert!(inside("::1", "::1"));
        assert!(inside("unix", "unix"));
        assert!(inside("0.0.0.0/0", "203.0.113.9"));
    }

    #[test]
    fn families_and_the_socket_are_kept_apart() {
        assert!(!inside("0.0.0.0/0", "::1"));
        assert!(!inside("::/0", "127.0.0.1"));
        assert!(!inside("::/0", "unix"));
        assert!(!inside("unix", "127.0.0.1"));
        // The same client, whichever way the server listens.
        assert!(inside("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(!inside("::/0", "::ffff:127.0.0.1"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0",
            "::/129",
            "10.0.0.1:6379",
            "010.0.0.1",
            "fe80::1%eth0",
            " 10.0.0.1",
            "Unix",
            "*",
        ] {
            assert!(
                matches!(Range::parse(text), Err(Fault::Address { .. })),
                "{text}"
            );
        }
        let faulty = Range::parse("10.1.2.3/8").unwrap_err().to_string();
        assert!(faulty.contains("\"10.0.0.0/8\""), "{faulty}");
        for text in ["::ffff:0:0/96", "::ffff:10.0.0.1"] {
            assert!(
                matches!(Range::parse(text), Err(Fault::MappedAddress { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_host_cannot_say_is_unknown() {
        assert_eq!(
            of_client(&Request::new(Principal::new("corp", "alice"))),
            None
        );
        for text in ["", "?", "localhost", "/run/valkey.sock", "10.0.0.1:6379"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
