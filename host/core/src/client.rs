//! What the server knows about a connection.

use std::fmt;
use std::sync::Arc;

/// The server's number of a connection; never reused within a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Facts about a connection and its server that a policy may ask for.
///
/// Gathered on the main thread when the credential arrives, so that workers
/// need nothing of the server; whether it is a replica is looked at again when policies are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// IP address without the port, or `unix`.
    pub address: Option<String>,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The verified client certificate, when there is one.
    pub certificate: Option<Certificate>,
    /// Whether this server is a replica.
    pub replica: bool,
}

/// A client certificate that the server verified when the connection was made.
///
/// Everything else is read from [`der`](Self::der), so two are equal when their
/// fingerprints are.
#[derive(Clone, Default)]
pub struct Certificate {
    /// Subject as an RFC 4514 string.
    pub subject: String,
    /// Issuer as an RFC 4514 string.
    pub issuer: String,
    /// Serial number in lower-case hexadecimal, without leading zero bytes.
    pub serial: String,
    /// SHA-256 of the DER, in lower-case hexadecimal.
    pub fingerprint: String,
    /// Subject alternative names: `dNSName`s, printable ASCII (RFC 5280 §4.2.1.6).
    pub dns_names: Vec<String>,
    /// Subject alternative names: `rfc822Name`s.
    pub emails: Vec<String>,
    /// Subject alternative names: `uniformResourceIdentifier`s.
    pub uris: Vec<String>,
    /// The certificate itself (X.690 DER).
    pub der: Arc<[u8]>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("serial", &self.serial)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
