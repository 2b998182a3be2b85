//! What a policy is asked.
//!
//! In: what the host projected by the policy's description. A method for
//! something that was not named in `#[policy]` answers `None`, always.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Claim, Principal};

/// One question: may this principal work, and with what?
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(crate) principal: Principal,
    pub(crate) claims: Vec<Claim>,
    pub(crate) client_address: Option<String>,
    pub(crate) client_tls: Option<bool>,
    pub(crate) client_certificate: Option<Certificate>,
    pub(crate) now_seconds: Option<u64>,
    pub(crate) server_role: Option<ServerRole>,
    pub(crate) server_version: Option<String>,
}

/// The certificate a client showed in its TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its serial number.
    pub serial: String,
    /// SHA-256 of the DER, in lower-case hexadecimal.
    pub fingerprint: String,
}

/// What the server is in its replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerRole {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Replica,
}

impl Request {
    /// A request for a native test, with nothing but its principal.
    ///
    /// ```
    /// use warden_sdk::{Claim, Principal, Request};
    /// let request = Request::new(Principal::new("corp", "alice"))
    ///     .with_claim(Claim::new("/department", r#""sales""#))
    ///     .with_client_address("10.1.2.3");
    /// assert_eq!(request.claim_str("/department").as_deref(), Some("sales"));
    /// ```
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            claims: Vec::new(),
            client_address: None,
            client_tls: None,
            client_certificate: None,
            now_seconds: None,
            server_role: None,
            server_version: None,
        }
    }

    /// Adds a claim.
    pub fn with_claim(mut self, claim: Claim) -> Self {
        self.claims.push(claim);
        self
    }

    /// Sets the client's address: an IP address, or `unix`.
    pub fn with_client_address(mut self, address: impl Into<String>) -> Self {
        self.client_address = Some(address.into());
        self
    }

    /// Says whether the client came over TLS.
    pub fn with_client_tls(mut self, tls: bool) -> Self {
        self.client_tls = Some(tls);
        self
    }

    /// Sets the client's certificate.
    pub fn with_client_certificate(mut self, certificate: Certificate) -> Self {
        self.client_certificate = Some(certificate);
        self
    }

    /// Sets the time, as whole seconds since 1970-01-01T00:00:00Z.
    pub fn with_now(mut self, unix_seconds: u64) -> Self {
        self.now_seconds = Some(unix_seconds);
        self
    }

    /// Sets the server's role.
    pub fn with_server_role(mut self, role: ServerRole) -> Self {
        self.server_role = Some(role);
        self
    }

    /// Sets the server's version.
    pub fn with_server_version(mut self, version: impl Into<String>) -> Self {
        self.server_version = Some(version.into());
        self
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The claims that were asked for and are present.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The client's IP address without its port, or `unix`. Input `client_address`.
    pub fn client_address(&self) -> Option<&str> {
        self.client_address.as_deref()
    }

    /// The same as an address; `None` for a Unix socket too. Input `client_address`.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_address()?.parse().ok()
    }

    /// Did the client come over TLS? Input `client_tls`.
    pub fn client_tls(&self) -> Option<bool> {
        self.client_tls
    }

    /// The client's certificate, where it showed one. Input `client_certificate`.
    pub fn client_certificate(&self) -> Option<&Certificate> {
        self.client_certificate.as_ref()
    }

    /// The time of the question, in whole seconds. Input `clock`.
    ///
    /// A verdict that depends on it must say for how long it holds:
    /// [`crate::Verdict::valid_for`].
    pub fn now(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.now_seconds?))
    }

    /// The server's role. Input `server_role`.
    pub fn server_role(&self) -> Option<ServerRole> {
        self.server_role
    }

    /// The server's version, for example `9.1.2`. Input `server_version`.
    pub fn server_version(&self) -> Option<&str> {
        self.server_version.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_absent() {
        let request = Request::new(Principal::new("corp", "alice"));
        assert_eq!(request.now(), None);
        assert_eq!(request.client_address(), None);
        assert_eq!(request.client_ip(), None);
        assert_eq!(request.server_role(), None);
        assert!(request.claims().is_empty());
    }

    #[test]
    fn a_unix_socket_has_no_ip_address() {
        let request = Request::new(Principal::new("corp", "alice"));
        assert_eq!(
            request.clone().with_client_address("unix").client_ip(),
            None
        );
        assert_eq!(
            request.with_client_address("::1").client_ip(),
            Some("::1".parse().unwrap())
        );
    }

    #[test]
    fn a_time_far_away_does_not_wrap() {
        let request = Request::new(Principal::new("corp", "alice"));
        let year_9999 = Duration::from_secs(253_402_300_799);
        assert_eq!(
            request.clone().with_now(253_402_300_799).now(),
            Some(UNIX_EPOCH + year_9999)
        );
        assert_eq!(request.with_now(u64::MAX).now(), None);
    }
}
