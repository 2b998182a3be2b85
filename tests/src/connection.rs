//! One connection to a server, down to the bytes.
//!
//! Sending and receiving are apart, so that pipelines, half commands and pushed
//! messages are ordinary. Every wait has a limit.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::{Parser, pack_command};
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};

use crate::reply::Reply;

mod stream;

use stream::Stream;

/// The longest any reply is waited for.
const REPLY_LIMIT: Duration = Duration::from_secs(20);

/// Why no reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The server closed the connection.
    Closed,
    /// Nothing came in time; the connection is open.
    TimedOut,
}

/// A client of a server: over TCP, TLS or a unix socket.
pub struct Connection {
    stream: Stream,
    parser: Parser,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Stream::Plain(socket(address)?)))
    }

    /// Connects from another of this machine's own addresses: 127.0.0.2, for example.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open_from(local: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((local, 0)).into())?;
        socket.connect_timeout(&address.into(), REPLY_LIMIT)?;
        Ok(Self::over(Stream::Plain(limited(socket.into())?)))
    }

    /// Connects over TLS; see [`crate::tls::client`] for the configuration.
    ///
    /// # Errors
    /// When nobody listens there, or either side does not like the other.
    pub fn open_tls(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Self> {
        Ok(Self::over(Stream::tls(socket(address)?, config)?))
    }

    /// Connects to a unix socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open_unix(path: &Path) -> io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        socket.set_write_timeout(Some(REPLY_LIMIT))?;
        socket.set_read_timeout(Some(REPLY_LIMIT))?;
        Ok(Self::over(Stream::Unix(socket)))
    }

    fn over(stream: Stream) -> Self {
        Self {
            stream,
            parser: Parser::new(),
        }
    }

    /// Sends a command and takes the next reply.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: impl IntoIterator<Item = A>) -> Reply {
        self.send(arguments);
        self.receive()
    }

    /// Sends a command given as words divided by spaces: `call_words("GET reports:q1")`.
    #[track_caller]
    pub fn run(&mut self, words: &str) -> Reply {
        self.call(words.split(' '))
    }

    /// Sends several commands in one write and takes as many replies.
    #[track_caller]
    pub fn pipeline(&mut self, commands: &[&[&str]]) -> Vec<Reply> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|command| packed(command.iter()))
            .collect();
        self.send_raw(&bytes);
        commands.iter().map(|_| self.receive()).collect()
    }

    /// `AUTH user secret`.
    #[track_caller]
    pub fn auth(&mut self, user: &str, secret: &str) -> Reply {
        self.call(["AUTH", user, secret])
    }

    /// `AUTH secret`: the server hands it over as user `default`.
    #[track_caller]
    pub fn auth_alone(&mut self, secret: &str) -> Reply {
        self.call(["AUTH", secret])
    }

    /// `HELLO version AUTH user secret`.
    #[track_caller]
    pub fn hello_auth(&mut self, version: u8, user: &str, secret: &str) -> Reply {
        self.call(["HELLO", &version.to_string(), "AUTH", user, secret])
    }

    /// `WARDEN.WHOAMI`.
    #[track_caller]
    pub fn whoami(&mut self) -> Reply {
        self.call(["WARDEN.WHOAMI"])
    }

    /// The Valkey user of the session, or the error of `ACL WHOAMI`'s stand-in.
    #[track_caller]
    pub fn user(&mut self) -> String {
        self.whoami().field("user").text()
    }

    /// The server's number of this connection.
    #[track_caller]
    pub fn id(&mut self) -> i64 {
        self.call(["CLIENT", "ID"]).number()
    }

    /// Sends a command without waiting for its reply.
    #[track_caller]
    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: impl IntoIterator<Item = A>) {
        self.send_raw(&packed(arguments));
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.try_send_raw(bytes)
            .unwrap_or_else(|e| panic!("sending failed: {e}"));
    }

    /// Sends a command on a connection that may be gone already.
    pub fn try_send<A: AsRef<[u8]>>(
        &mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<()> {
        self.try_send_raw(&packed(arguments))
    }

    fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next reply or pushed message.
    ///
    /// # Panics
    /// When the connection ends or nothing comes in time.
    #[track_caller]
    pub fn receive(&mut self) -> Reply {
        match self.receive_within(REPLY_LIMIT) {
            Ok(reply) => reply,
            Err(Ended::Closed) => panic!("the server closed the connection instead of replying"),
            Err(Ended::TimedOut) => panic!("no reply within {REPLY_LIMIT:?}"),
        }
    }

    /// The next reply or pushed message, if one comes in time.
    ///
    /// # Errors
    /// Which of the two ended the wait.
    pub fn receive_within(&mut self, limit: Duration) -> Result<Reply, Ended> {
        // A limit of zero would mean none at all.
        let limit = limit.max(Duration::from_millis(1));
        self.stream.set_read_timeout(limit);
        match self.parser.parse_value(&mut self.stream) {
            Ok(value) => Ok(Reply(value)),
            Err(error) if error.is_timeout() => Err(Ended::TimedOut),
            Err(error) if error.is_connection_dropped() => Err(Ended::Closed),
            Err(error) => panic!("not RESP: {error}"),
        }
    }

    /// Waits for the server to close the connection; false when it stays open.
    /// What arrives in the meantime is thrown away.
    pub fn closes_within(&mut self, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        loop {
            match self.receive_within(deadline.saturating_duration_since(std::time::Instant::now()))
            {
                Ok(_) => {}
                Err(ended) => return ended == Ended::Closed,
            }
        }
    }

    /// Whether the connection is open at this moment: nothing is sent for it.
    pub fn is_open(&mut self) -> bool {
        !self.closes_within(Duration::from_millis(1))
    }
}

/// A socket that waits for nothing without a limit.
fn socket(address: SocketAddr) -> io::Result<TcpStream> {
    limited(TcpStream::connect_timeout(&address, REPLY_LIMIT)?)
}

fn limited(socket: TcpStream) -> io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(REPLY_LIMIT))?;
    socket.set_read_timeout(Some(REPLY_LIMIT))?;
    Ok(socket)
}

/// A command as the bytes of its protocol.
fn packed<A: AsRef<[u8]>>(arguments: impl IntoIterator<Item = A>) -> Vec<u8> {
    let arguments: Vec<Vec<u8>> = arguments.into_iter().map(|a| a.as_ref().to_vec()).collect();
    pack_command(&arguments).to_vec()
}
