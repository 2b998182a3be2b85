//! Where a directory server is, and how it is spoken with.
//!
//! In comes a URL of the file; out goes an address with the name its certificate must
//! have. Hosts are not looked up here.

use std::net::{IpAddr, SocketAddr};

use rustls_pki_types::ServerName;
use url::{Host, Url};

/// How what is said to a server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// TLS begins at the first request (RFC 4511 §4.14).
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: Host<String>,
    pub(super) port: u16,
    pub(super) security: Security,
    /// Whom its certificate must be for.
    pub(super) name: ServerName<'static>,
}

impl Address {
    /// Reads `ldap://HOST[:PORT]` or `ldaps://HOST[:PORT]`, and nothing more of a URL.
    pub(super) fn parse(text: &str, use_starttls: bool) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let (port, security) = match (url.scheme(), use_starttls) {
            ("ldaps", _) => (636, Security::Tls),
            ("ldap", true) => (389, Security::StartTls),
            ("ldap", false) => (389, Security::Plain),
            _ => return None,
        };
        let is_bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        // Of a scheme it does not know, the parser leaves the host as it is.
        let host = Host::parse(url.host_str().filter(|_| is_bare)?).ok()?;
        let name = match &host {
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
            Host::Domain(name) => ServerName::try_from(name.clone()).ok()?,
        };
        Some(Self {
            host,
            port: url.port().unwrap_or(port),
            security,
            name,
        })
    }

    /// Where it is, if that needs no look-up.
    pub(super) fn numeric(&self) -> Option<SocketAddr> {
        let address = match &self.host {
            Host::Domain(_) => return None,
            Host::Ipv4(address) => IpAddr::from(*address),
            Host::Ipv6(address) => IpAddr::from(*address),
        };
        Some(SocketAddr::new(address, self.port))
    }

    /// The host as it is looked up.
    pub(super) fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// `HOST:PORT`, for messages and status.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether passwords go over a network in clear.
    pub(super) fn exposes_passwords(&self) -> bool {
        let is_loopback = match &self.host {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            // What a name leads to is somebody else's to say.
            Host::Domain(_) => false,
        };
        self.security == Security::Plain && !is_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        for (text, starttls, place, security) in [
            ("ldap://a.example", false, "a.example:389", Security::Plain),
            (
                "ldap://a.example/",
                true,
                "a.example:389",
                Security::StartTls,
            ),
            ("ldaps://a.example", true, "a.example:636", Security::Tls),
            (
                "ldaps://A.example:443",
                false,
                "a.example:443",
                Security::Tls,
            ),
            (
                "ldap://127.0.0.1:389",
                false,
                "127.0.0.1:389",
                Security::Plain,
            ),
            ("ldaps://[::1]:1636", false, "[::1]:1636", Security::Tls),
            (
                "ldap://bücher.example",
                false,
                "xn--bcher-kva.example:389",
                Security::Plain,
            ),
        ] {
            let address = Address::parse(text, starttls).unwrap();
            assert_eq!(address.place(), place, "{text}");
            assert_eq!(address.security, security, "{text}");
        }
    }

    #[test]
    fn a_certificate_must_be_for_the_host_as_it_is_written() {
        let name = |text| Address::parse(text, false).unwrap().name;
        assert!(matches!(name("ldaps://a.example"), ServerName::DnsName(_)));
        assert!(matches!(
            name("ldaps://127.0.0.1"),
            ServerName::IpAddress(_)
        ));
        assert!(matches!(name("ldaps://[::1]"), ServerName::IpAddress(_)));
    }

    #[test]
    fn whatever_else_a_url_says_is_none() {
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "ldapi:///x",
            "ldap://",
            "ldap:///dc=example",
            "ldap://a.example/dc=example",
            "ldap://a.example?uid",
            "ldap://a.example/#x",
            "ldap://admin@a.example",
            "ldap://a.example:99999",
            "ldap://a b",
            "ldap://a%00b",
            "ldap://a_b!.example",
        ] {
            assert_eq!(Address::parse(bad, false), None, "{bad}");
        }
    }

    #[test]
    fn only_to_this_machine_nothing_is_exposed_without_tls() {
        for (text, starttls, exposes) in [
            ("ldap://127.0.0.1", false, false),
            ("ldap://[::1]", false, false),
            ("ldap://localhost", false, true),
            ("ldap://10.0.0.1", false, true),
            ("ldap://10.0.0.1", true, false),
            ("ldaps://10.0.0.1", false, false),
        ] {
            let address = Address::parse(text, starttls).unwrap();
            assert_eq!(address.exposes_passwords(), exposes, "{text}");
        }
    }
}
