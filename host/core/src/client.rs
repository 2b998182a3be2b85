//! What the server knows about a connection.

/// The server's number of a connection; never reused within a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Facts about a connection and its server that a policy may ask for.
///
/// Gathered on the main thread when the credential arrives, so that workers
/// need nothing of the server.
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

/// The parts of a client certificate that policies see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Subject as an RFC 4514 string.
    pub subject: String,
    /// Issuer as an RFC 4514 string.
    pub issuer: String,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// SHA-256 of the DER, in lower-case hexadecimal.
    pub fingerprint: String,
}
