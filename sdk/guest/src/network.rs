//! Where a client comes from: ranges of addresses, or the Unix socket.
//!
//! In: the data's text, and what the host says of a client. Out: inside or not,
//! or that it cannot be told.

use std::net::IpAddr;

use ipnet::IpNet;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Clients of the Unix socket.
    Unix,
    /// An address, or a network of them.
    Ip(IpNet),
}

/// A client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// The Unix socket.
    Unix,
    /// An IPv4 address inside IPv6 is that IPv4 address.
    Ip(IpAddr),
}

/// Why a text is no range; `Display` tells the operator what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor a network nor `unix`.
    #[error("{text:?} is no range: write 10.0.0.0/8, 192.0.2.7, 2001:db8::/32 or unix")]
    Text {
        /// What was written.
        text: String,
    },
    /// One of address and length is a mistake.
    #[error("{text:?} has bits behind its length: did you mean {meant:?}?")]
    HostBits {
        /// What was written.
        text: String,
        /// The network of this length.
        meant: String,
    },
    /// No client would ever lie in it.
    #[error("{text:?} is IPv4 inside IPv6: write the IPv4 range, it is compared as such")]
    Mapped {
        /// What was written.
        text: String,
    },
}

impl Network {
    /// Reads `unix`, an address, or a network by its first address and length.
    ///
    /// # Errors
    /// For anything else; for a network whose address has bits behind its length,
    /// because one of the two is a mistake; and for IPv4 inside IPv6.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let net = text.parse::<IpNet>().ok();
        let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let text = || text.to_owned();
        let net = net.ok_or_else(|| NetworkError::Text { text: text() })?;
        if net.trunc() != net {
            let meant = net.trunc().to_string();
            return Err(NetworkError::HostBits {
                text: text(),
                meant,
            });
        }
        if net.addr().to_canonical() != net.addr() {
            return Err(NetworkError::Mapped { text: text() });
        }
        Ok(Self::Ip(net))
    }

    /// Does the address lie in it?
    pub fn contains(self, address: Address) -> bool {
        match (self, address) {
            (Self::Unix, Address::Unix) => true,
            (Self::Ip(net), Address::Ip(ip)) => net.contains(&ip),
            _ => false,
        }
    }
}

impl Address {
    /// Reads what the host says of a client; `None` for something that is no address.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "unix" {
            return Some(Self::Unix);
        }
        let ip: IpAddr = text.parse().ok()?;
        Some(Self::Ip(ip.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(range: &str, client: &str) -> bool {
        Network::parse(range)
            .unwrap()
            .contains(Address::parse(client).unwrap())
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
                matches!(Network::parse(text), Err(NetworkError::Text { .. })),
                "{text}"
            );
        }
        let faulty = Network::parse("10.1.2.3/8").unwrap_err().to_string();
        assert!(faulty.contains("\"10.0.0.0/8\""), "{faulty}");
        for text in ["::ffff:0:0/96", "::ffff:10.0.0.1"] {
            assert!(
                matches!(Network::parse(text), Err(NetworkError::Mapped { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_unknown() {
        for text in ["", "?", "localhost", "/run/valkey.sock", "10.0.0.1:6379"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
