//! A collector of lines, by TCP or TLS, that behaves as it is told.
//!
//! In: a [`Manner`] for the connections to come. Out: the bytes each connection brought, and how
//! it ended. One thread for each connection.
//!
//! ```
//! use std::io::Write;
//! use std::net::TcpStream;
//! use warden_tests::collector::{Collector, Manner};
//!
//! let collector = Collector::start();
//! collector.behave_next([Manner::ResetAfter(6)]);
//! TcpStream::connect(collector.address()).unwrap().write_all(b"one\ntwo\n").unwrap();
//! let connection = collector.ended(1).remove(0);
//! assert_eq!(connection.bytes, b"one\ntw");
//! ```
//!
//! Everything it has open is closed with the value.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::patience::eventually;

/// How often a connection that waits looks whether the collector ends.
const LOOK: Duration = Duration::from_millis(20);

/// How it treats a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Reads all there is.
    Read,
    /// Accepts, and reads nothing, not even the beginning of TLS.
    Stall,
    /// Reads so many bytes and no more.
    StallAfter(usize),
    /// Reads so many bytes at most every 20 ms.
    Slowly(usize),
    /// Reads so many bytes, then resets: what lies unread is lost.
    ResetAfter(usize),
    /// Reads so many bytes, reads nothing for that long, then resets.
    ResetLater(usize, Duration),
    /// Reads so many lines, then closes in good order; what came after them is read, too.
    CloseAfterLines(usize),
}

/// What one connection brought.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// All bytes that were read, in order.
    pub bytes: Vec<u8>,
    /// Whether it is over.
    pub is_over: bool,
    /// Whether the client ended it, in good order.
    pub was_closed_by_client: bool,
    /// What went wrong with it, such as TLS's word.
    pub error: Option<String>,
}

impl Connection {
    /// The lines that are whole, without their ends, and what is left of the last.
    pub fn lines(&self) -> (Vec<&[u8]>, &[u8]) {
        let mut pieces: Vec<&[u8]> = self.bytes.split(|byte| *byte == b'\n').collect();
        let rest = pieces.pop().unwrap_or_default();
        (pieces, rest)
    }
}

/// A running collector.
pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    tls: Option<Arc<ServerConfig>>,
    state: Mutex<State>,
}

struct State {
    is_ending: bool,
    manner: Manner,
    /// Of the connections to come, one each, before `manner` holds.
    next: VecDeque<Manner>,
    connections: Vec<Connection>,
}

impl Collector {
    /// By TCP.
    pub fn start() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None)
    }

    /// By TLS; what it shows and demands is in the configuration.
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(config))
    }

    /// On an address of the caller's, such as one where another was before.
    ///
    /// # Panics
    /// When somebody else listens there.
    pub fn at(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            tls,
            state: Mutex::new(State {
                is_ending: false,
                manner: Manner::Read,
                next: VecDeque::new(),
                connections: Vec::new(),
            }),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it treats connections from now on; one that is open stays as it was.
    pub fn behave(&self, manner: Manner) {
        self.shared.state().manner = manner;
    }

    /// How it treats the next connections, one each; those after them as before.
    pub fn behave_next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.shared.state().next.extend(manners);
    }

    /// All connections so far, in the order in which they came.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.state().connections.clone()
    }

    /// All whole lines of all connections, in order.
    pub fn lines(&self) -> Vec<String> {
        let text = |line: &[u8]| String::from_utf8(line.to_vec()).expect("lines of UTF-8");
        let connections = self.connections();
        let all = connections.iter().flat_map(|one| one.lines().0);
        all.map(text).collect()
    }

    /// All connections, once so many of them are over.
    ///
    /// # Panics
    /// When they are not within [`PATIENCE`](crate::patience::PATIENCE).
    #[track_caller]
    pub fn ended(&self, at_least: usize) -> Vec<Connection> {
        eventually("connections end", || {
            let all = self.connections();
            let over = all.iter().filter(|one| one.is_over).count();
            (over >= at_least).then_some(all)
        })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.state().is_ending = true;
        // The acceptor waits for somebody.
        let _woken = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked here")
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while let Ok((socket, _)) = listener.accept() {
        let mut state = shared.state();
        if state.is_ending {
            break;
        }
        let place = state.connections.len();
        state.connections.push(Connection::default());
        let manner = state.next.pop_front().unwrap_or(state.manner);
        drop(state);
        let shared = Arc::clone(shared);
        threads.push(thread::spawn(move || serve(socket, manner, place, &shared)));
    }
    for thread in threads {
        let _ended = thread.join();
    }
}

/// A connection as the collector reads it.
enum Reader {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Reader {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }

    fn close(mut self) {
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _told = stream.flush_tls();
        }
    }
}

/// What [`StreamOwned`] has no word for.
trait FlushTls {
    fn flush_tls(&mut self) -> io::Result<()>;
}

impl FlushTls for StreamOwned<ServerConnection, TcpStream> {
    fn flush_tls(&mut self) -> io::Result<()> {
        while self.conn.wants_write() {
            self.conn.write_tls(&mut self.sock)?;
        }
        Ok(())
    }
}

fn serve(socket: TcpStream, manner: Manner, place: usize, shared: &Shared) {
    socket
        .set_read_timeout(Some(LOOK))
        .expect("a time-out can be set");
    let reader = match &shared.tls {
        None => Reader::Plain(socket),
        Some(config) => {
            let session = ServerConnection::new(Arc::clone(config)).expect("a sound configuration");
            Reader::Tls(Box::new(StreamOwned::new(session, socket)))
        }
    };
    let result = follow(reader, manner, place, shared);
    let mut state = shared.state();
    let connection = &mut state.connections[place];
    connection.is_over = true;
    match result {
        Ok(by_client) => connection.was_closed_by_client = by_client,
        Err(error) => connection.error = Some(error.to_string()),
    }
}

/// Reads as it shall; whether the client closed it.
fn follow(mut reader: Reader, manner: Manner, place: usize, shared: &Shared) -> io::Result<bool> {
    let most = match manner {
        Manner::Stall => 0,
        Manner::StallAfter(bytes) | Manner::ResetAfter(bytes) | Manner::ResetLater(bytes, _) => {
            bytes
        }
        Manner::Read | Manner::Slowly(_) | Manner::CloseAfterLines(_) => usize::MAX,
    };
    let mut piece = vec![0; 64 << 10];
    let mut read = 0;
    while read < most {
        if shared.state().is_ending {
            return Ok(false);
        }
        let mut room = piece.len().min(most - read);
        if let Manner::Slowly(bytes) = manner {
            thread::sleep(LOOK);
            room = room.min(bytes);
        }
        let bytes = match reader.read(&mut piece[..room]) {
            Ok(0) => return Ok(true),
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        read += bytes;
        let mut state = shared.state();
        let connection = &mut state.connections[place];
        connection.bytes.extend_from_slice(&piece[..bytes]);
        if let Manner::CloseAfterLines(lines) = manner
            && connection.lines().0.len() >= lines
        {
            drop(state);
            reader.close();
            return Ok(false);
        }
    }
    match manner {
        Manner::ResetLater(_, after) => thread::sleep(after),
        Manner::ResetAfter(_) => {}
        _ => {
            while !shared.state().is_ending {
                thread::sleep(LOOK);
            }
            return Ok(false);
        }
    }
    SockRef::from(reader.socket()).set_linger(Some(Duration::ZERO))?;
    Ok(false)
}
