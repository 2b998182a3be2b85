//! One entry of `exclude`: a user, an address, or both.
//!
//! In: `user`, `@10.0.0.1`, `@10.0.0.0/8`, `user@10.0.0.1`. Out: whether a client is meant.
//!
//! User names may contain `@`, and even end as an address does. The rule: what follows the
//! *last* `@` is an address if it is one; if it is none, the whole entry is a user's name. A
//! name that ends as an address does is written with another `@` behind it: `bob@10.0.0.1@`.
//! What looks like an address and is none is refused: it would exclude nobody.

use std::net::IpAddr;

use ipnet::IpNet;

/// Longest user name, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// Whose records are not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Any, without.
    user: Option<String>,
    /// From anywhere, without.
    network: Option<IpNet>,
}

/// Why an entry is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExclusionError {
    /// Neither a user nor an address.
    #[error("is empty: write user, @address, @network/bits or user@address")]
    Empty,
    /// What follows the last `@` is nearly an address.
    #[error(
        "ends neither in an IP address nor in a network such as 10.0.0.0/8; a user of that name is written with another @ at the end"
    )]
    Address,
    /// A name of more than 1,024 bytes, or one with a space or a control character, as no user
    /// has.
    #[error("is no name of a user")]
    Name,
}

impl Exclusion {
    /// Reads an entry.
    ///
    /// # Errors
    /// When it is in doubt who is meant.
    pub fn parse(entry: &str) -> Result<Self, ExclusionError> {
        let entry = entry.trim();
        let (user, network) = match entry.rsplit_once('@') {
            None => (entry, None),
            Some((user, "")) => (user, None),
            Some((user, address)) => match network(address) {
                Some(network) => (user, Some(network)),
                None if user.is_empty() || looks_like_address(address) => {
                    return Err(ExclusionError::Address);
                }
                None => (entry, None),
            },
        };
        if user.is_empty() && network.is_none() {
            return Err(ExclusionError::Empty);
        }
        let is_odd = |character: char| character.is_control() || character == ' ';
        if user.len() > MAX_NAME_BYTES || user.contains(is_odd) {
            return Err(ExclusionError::Name);
        }
        Ok(Self {
            user: (!user.is_empty()).then(|| user.to_owned()),
            network,
        })
    }

    /// Whether a client is meant. One without an address, on a unix socket, is never meant by
    /// an entry with one.
    pub fn means(&self, user: &[u8], address: Option<IpAddr>) -> bool {
        let is_user = self
            .user
            .as_ref()
            .is_none_or(|meant| meant.as_bytes() == user);
        let is_there = self.network.is_none_or(|network| {
            address.is_some_and(|address| network.contains(&address.to_canonical()))
        });
        is_user && is_there
    }
}

/// An address, which is a network of one, or a network.
fn network(text: &str) -> Option<IpNet> {
    let address: Option<IpAddr> = text.parse().ok();
    address
        .map(|address| IpNet::from(address.to_canonical()))
        .or_else(|| text.parse().ok())
}

/// Digits and dots, or anything with a colon or slash: no domain looks so.
fn looks_like_address(text: &str) -> bool {
    text.contains([':', '/'])
        || text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(entry: &str, user: &str, address: &str) -> bool {
        let address = (!address.is_empty()).then(|| address.parse().unwrap());
        let exclusion = Exclusion::parse(entry).unwrap_or_else(|why| panic!("{entry}: {why}"));
        exclusion.means(user.as_bytes(), address)
    }

    #[test]
    fn users_addresses_and_both_are_told_apart() {
        for (entry, user, address, expected) in [
            ("bob", "bob", "10.0.0.1", true),
            ("bob", "bob", "", true),
            ("bob", "Bob", "", false),
            ("bob", "bobby", "", false),
            ("@10.0.0.1", "anybody", "10.0.0.1", true),
            ("@10.0.0.1", "anybody", "::ffff:10.0.0.1", true),
            ("@::ffff:10.0.0.1", "anybody", "10.0.0.1", true),
            ("@10.0.0.1", "anybody", "10.0.0.2", false),
            ("@10.0.0.1", "anybody", "", false),
            ("@10.0.0.0/8", "anybody", "10.255.0.9", true),
            ("@10.1.2.3/8", "anybody", "10.255.0.9", true),
            ("@10.0.0.0/8", "anybody", "11.0.0.1", false),
            ("@2001:db8::/32", "anybody", "2001:db8::7", true),
            ("bob@10.0.0.1", "bob", "10.0.0.1", true),
            ("bob@10.0.0.1", "bob", "10.0.0.2", false),
            ("bob@10.0.0.1", "eve", "10.0.0.1", false),
            ("bob@10.0.0.1", "bob@10.0.0.1", "", false),
            ("bob@10.0.0.1@", "bob@10.0.0.1", "", true),
            ("bob@10.0.0.1@", "bob", "10.0.0.1", false),
            ("corp/alice@example.com", "corp/alice@example.com", "", true),
            (
                "corp/alice@example.com@10.0.0.0/8",
                "corp/alice@example.com",
                "10.1.1.1",
                true,
            ),
            ("corp/alice@be.de", "corp/alice@be.de", "", true),
            (" bob ", "bob", "", true),
            ("@x@", "@x", "", true),
        ] {
            assert_eq!(
                means(entry, user, address),
                expected,
                "{entry} {user} {address}"
            );
        }
    }

    #[test]
    fn an_entry_in_doubt_is_refused() {
        for (entry, why) in [
            ("", ExclusionError::Empty),
            (" ", ExclusionError::Empty),
            ("@", ExclusionError::Empty),
            ("@localhost", ExclusionError::Address),
            ("@10.0.0", ExclusionError::Address),
            ("bob@10.0.0.256", ExclusionError::Address),
            ("bob@10.0.0.0/33", ExclusionError::Address),
            ("bob@::g", ExclusionError::Address),
            ("bob@corp/alice", ExclusionError::Address),
            ("two users", ExclusionError::Name),
            ("a\nb", ExclusionError::Name),
        ] {
            assert_eq!(Exclusion::parse(entry), Err(why), "{entry:?}");
        }
        assert_eq!(
            Exclusion::parse(&"a".repeat(1025)),
            Err(ExclusionError::Name)
        );
    }
}
