//! What a plugin is told of the connection.
//!
//! In: what the host projected by the plugin's description. A method for something
//! that was not named in `#[plugin]` answers `None`, always.

use std::net::IpAddr;

/// The connection that presents the credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    pub(crate) address: Option<String>,
    pub(crate) tls: Option<bool>,
    pub(crate) certificate: Option<Certificate>,
}

/// A client certificate that the server verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject, as an RFC 4514 string.
    pub subject: String,
    /// Who issued it, as an RFC 4514 string.
    pub issuer: String,
    /// Its serial number, in lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the DER, in lower-case hexadecimal.
    pub fingerprint: String,
    /// Alternative names: `dNSName`.
    pub dns_names: Vec<String>,
    /// Alternative names: `rfc822Name`.
    pub emails: Vec<String>,
    /// Alternative names: `uniformResourceIdentifier`.
    pub uris: Vec<String>,
    /// The certificate itself, as PEM (RFC 7468).
    pub pem: String,
}

impl Client {
    /// A client for a native test, of which nothing is known.
    ///
    /// ```
    /// use warden_plugin::Client;
    /// let client = Client::new().with_address("10.1.2.3").with_tls(true);
    /// assert_eq!(client.address(), Some("10.1.2.3"));
    /// assert_eq!(client.certificate(), None);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address: an IP address, or `unix`.
    pub fn with_address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Says whether the client came over TLS.
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the certificate.
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// The IP address without its port, or `unix`. Input `client_address`.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The same as an address; `None` for a Unix socket too. Input `client_address`.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address()?.parse().ok()
    }

    /// Did the client come over TLS? Input `client_tls`.
    pub fn tls(&self) -> Option<bool> {
        self.tls
    }

    /// The certificate, where the client showed one. Input `client_certificate`.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_absent() {
        let client = Client::new();
        assert_eq!((client.address(), client.ip()), (None, None));
        assert_eq!(client.tls(), None);
        assert_eq!(client.certificate(), None);
    }

    #[test]
    fn a_unix_socket_has_no_ip_address() {
        assert_eq!(Client::new().with_address("unix").ip(), None);
        assert_eq!(
            Client::new().with_address("::1").ip(),
            Some("::1".parse().unwrap())
        );
    }
}
