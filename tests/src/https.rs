//! An HTTPS client of one request a connection, for asking what warden will ask.
//!
//! In: a URL on this machine, the authority to trust. Out: status, headers and body
//! as they came. It follows nothing, keeps nothing, and waits for nothing longer
//! than its limit.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

use crate::authority::{Authority, Identity};
use crate::{http, tls};

/// The longest a read waits unless a test says otherwise.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// A client that trusts one authority.
pub struct Https {
    config: Arc<ClientConfig>,
    limit: Duration,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// All there was until the server closed.
    pub body: Vec<u8>,
}

impl Https {
    /// A client without a certificate of its own.
    pub fn trusting(authority: &Authority) -> Self {
        Self {
            config: tls::client(authority.ca_der(), None),
            limit: READ_LIMIT,
        }
    }

    /// A client that shows this certificate.
    pub fn showing(authority: &Authority, identity: &Identity) -> Self {
        Self {
            config: tls::client(authority.ca_der(), Some(identity)),
            limit: READ_LIMIT,
        }
    }

    /// The same with another limit on each read.
    #[must_use]
    pub fn waiting(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// GET; panics when nothing that is HTTP comes back.
    #[track_caller]
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Response {
        self.try_get(url, headers)
            .unwrap_or_else(|e| panic!("GET {url}: {e}"))
    }

    /// GET.
    ///
    /// # Errors
    /// When the connection fails, ends before the header does, or nothing comes in time.
    pub fn try_get(&self, url: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.exchange("GET", url, headers, "")
    }

    /// POST of a form; panics when nothing that is HTTP comes back.
    #[track_caller]
    pub fn post(&self, url: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        let headers = [headers, &[form_type]].concat();
        self.exchange("POST", url, &headers, &pairs.join("&"))
            .unwrap_or_else(|e| panic!("POST {url}: {e}"))
    }

    /// A connection, for requests that are no plain ones.
    ///
    /// # Errors
    /// When nobody listens there. The handshake comes with the first bytes.
    pub fn connect(
        &self,
        address: SocketAddr,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let socket = TcpStream::connect_timeout(&address, self.limit)?;
        socket.set_read_timeout(Some(self.limit))?;
        socket.set_write_timeout(Some(self.limit))?;
        let name = ServerName::from(address.ip());
        let session = ClientConnection::new(self.config.clone(), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(session, socket))
    }

    fn exchange(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Response> {
        let (address, path) = parts_of(url);
        let mut stream = self.connect(address)?;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").expect("a string takes text");
        }
        write!(request, "Content-Length: {}\r\n\r\n{body}", body.len())
            .expect("a string takes text");
        stream.write_all(request.as_bytes())?;
        stream.flush()?;

        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            // Not every server says good-bye before it closes.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !bytes.is_empty() => {}
            outcome => {
                outcome?;
            }
        }
        Response::parse(&bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a whole header"))
    }
}

impl Response {
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let (first, headers) = http::head(&mut bytes).ok()?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            headers,
            body: bytes.to_vec(),
        })
    }

    /// The first header of this name, written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        http::header(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text()))
    }
}

/// `https://127.0.0.1:port/path` taken apart.
fn parts_of(url: &str) -> (SocketAddr, &str) {
    let rest = url.strip_prefix("https://").expect("an https URL");
    let slash = rest.find('/').expect("a URL with a path");
    let address = rest[..slash].parse().expect("an address with its port");
    (address, &rest[slash..])
}
