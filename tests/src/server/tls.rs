//! A server's second port, which speaks TLS.
//!
//! In: an authority. Out: the lines of `valkey.conf`, and the connections of
//! clients that trust it. Who may connect without a certificate is `tls-auth-clients`:
//! here `optional`, so that a certificate is asked for and checked, but not missed.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::{Server, ServerBuilder};
use crate::authority::{Authority, Identity};
use crate::connection::Connection;
use crate::ports::free_address;
use crate::tls;

/// What a server shows, and whom it and its clients trust.
pub(super) struct TlsFiles {
    authority_pem: String,
    authority: Vec<u8>,
    identity: Identity,
}

/// The port of a running server, and whom its clients trust.
pub(super) struct TlsPort {
    address: SocketAddr,
    authority: Vec<u8>,
}

impl TlsFiles {
    /// Puts the files beside `valkey.conf`, so that a server can be started again
    /// when the authority is gone, and gives the lines that name them.
    pub(super) fn lay_out(&self, directory: &Path) -> (TlsPort, Vec<String>) {
        let address = free_address();
        let [ca, certificate, key] =
            ["tls-ca.pem", "tls.pem", "tls-key.pem"].map(|name| directory.join(name));
        fs::write(&ca, &self.authority_pem).expect("the authority can be written");
        self.identity.write(&certificate, &key);
        let lines = vec![
            format!("tls-port {}", address.port()),
            format!("tls-ca-cert-file {}", ca.display()),
            format!("tls-cert-file {}", certificate.display()),
            format!("tls-key-file {}", key.display()),
            "tls-auth-clients optional".to_owned(),
        ];
        let port = TlsPort {
            address,
            authority: self.authority.clone(),
        };
        (port, lines)
    }
}

impl ServerBuilder {
    /// Opens a TLS port beside the plain one, with a certificate of this authority,
    /// which also vouches for the clients. A line of [`Self::config`], for example
    /// `tls-auth-clients yes`, comes after these and wins.
    #[must_use]
    pub fn tls(mut self, authority: &Authority) -> Self {
        self.tls = Some(TlsFiles {
            authority_pem: authority.ca_pem(),
            authority: authority.ca_der().to_vec(),
            identity: authority.server(),
        });
        self
    }

    /// A server without TLS takes the lines and then fails; say what to do instead.
    pub(super) fn expect_built_with_tls(&self, log: &str) {
        assert!(
            self.tls.is_none() || !log.contains("Failed finding TLS support"),
            "valkey-server {} was built without TLS; put one with TLS in its place, see scripts/valkey:\n{log}",
            self.line.number()
        );
    }
}

impl Server {
    /// Where it listens for TLS.
    #[track_caller]
    pub fn tls_address(&self) -> SocketAddr {
        self.tls_port().address
    }

    /// A connection over TLS that has not authenticated, with this certificate or without.
    #[track_caller]
    pub fn connect_tls(&self, identity: Option<&Identity>) -> Connection {
        self.try_connect_tls(identity)
            .unwrap_or_else(|e| panic!("no TLS connection ({e}); log:\n{}", self.log()))
    }

    /// As [`Self::connect_tls`], where the server may not like it. With TLS 1.3 a
    /// client learns only afterwards that its certificate was refused: then this
    /// succeeds and the connection closes instead of replying.
    ///
    /// # Errors
    /// When the handshake fails.
    #[track_caller]
    pub fn try_connect_tls(&self, identity: Option<&Identity>) -> io::Result<Connection> {
        let port = self.tls_port();
        Connection::open_tls(port.address, tls::client(&port.authority, identity))
    }

    #[track_caller]
    fn tls_port(&self) -> &TlsPort {
        self.tls
            .as_ref()
            .expect("the server was built with tls(&authority)")
    }
}
