//! What a connection's bytes travel on: a socket, TLS over one, or a socket of this machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A stream to the server. Reading honours the time limit of the socket; what
/// arrived of a record by then is kept for the next read.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

impl Stream {
    /// Speaks TLS to a server on this machine, up to the end of the handshake. With
    /// TLS 1.3 a server that dislikes the client's certificate says so only later.
    pub(super) fn tls(mut socket: TcpStream, config: Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let mut session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// The longest one read waits.
    pub(super) fn set_read_timeout(&self, limit: Duration) {
        let done = match self {
            Self::Plain(socket) => socket.set_read_timeout(Some(limit)),
            Self::Tls(stream) => stream.sock.set_read_timeout(Some(limit)),
            Self::Unix(socket) => socket.set_read_timeout(Some(limit)),
        };
        done.expect("a socket takes a time limit");
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer).map_err(without_alert),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Unix(socket) => socket.flush(),
        }
    }
}

/// A fatal alert is the server's way to close a connection.
fn without_alert(error: io::Error) -> io::Error {
    let alert = error
        .get_ref()
        .and_then(|e| e.downcast_ref())
        .is_some_and(|e: &rustls::Error| matches!(e, rustls::Error::AlertReceived(_)));
    if alert {
        io::Error::new(ErrorKind::ConnectionAborted, error)
    } else {
        error
    }
}
