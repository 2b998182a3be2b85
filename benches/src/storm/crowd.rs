//! Very many clients, each no more than a socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::count;
use crate::latencies::micros;

/// Threads that drive a crowd in turn: more would only take the processor from the
/// server.
const HANDS: usize = 4;

/// Threads of an open loop: more log-ins than these are never under way at once.
const SENDERS: usize = 48;

/// One who logs in.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `AUTH name secret` on the wire.
    auth: Vec<u8>,
}

impl Credential {
    /// A user and a secret.
    pub fn new(user: &str, secret: &str) -> Self {
        let auth = format!(
            "*3\r\n$4\r\nAUTH\r\n${}\r\n{user}\r\n${}\r\n{secret}\r\n",
            user.len(),
            secret.len()
        );
        Self {
            auth: auth.into_bytes(),
        }
    }

    /// Tokens of any principal.
    pub fn tokens(tokens: &[String]) -> Vec<Self> {
        tokens
            .iter()
            .map(|token| Self::new("token", token))
            .collect()
    }
}

/// Connects and authenticates; an error is one of the connection, or a refusal.
///
/// # Errors
/// As said.
pub fn log_in(address: SocketAddr, credential: &Credential) -> io::Result<TcpStream> {
    let mut stream = knock(address, credential)?;
    answer(&mut stream)?;
    Ok(stream)
}

/// Connects and presents a credential; [`answer`] waits for what it comes to.
///
/// # Errors
/// When there is no connection.
pub fn knock(address: SocketAddr, credential: &Credential) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(&credential.auth)?;
    Ok(stream)
}

/// Authenticates on a connection.
///
/// # Errors
/// When it breaks, or the answer is not `+OK`.
pub fn authenticate(stream: &mut TcpStream, credential: &Credential) -> io::Result<()> {
    stream.write_all(&credential.auth)?;
    answer(stream)
}

/// The answer to a credential.
///
/// # Errors
/// When the connection breaks; the words of an answer that is not `+OK`.
pub fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let answer = line(stream)?;
    if answer == b"+OK\r\n" {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&answer).into_owned(),
    ))
}

/// `RESET`: the connection is nobody's again.
///
/// # Errors
/// When it breaks.
pub fn reset(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"*1\r\n$5\r\nRESET\r\n")?;
    line(stream).map(|_| ())
}

fn line(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = [0; 512];
    let mut all = Vec::new();
    while !all.ends_with(b"\r\n") {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        all.extend(bytes.iter().take(read));
    }
    Ok(all)
}

/// `count` sessions, the credentials in turn.
pub fn gather(address: SocketAddr, credentials: &[Credential], count: usize) -> Vec<TcpStream> {
    let places: Vec<usize> = (0..count).collect();
    let share = count.div_ceil(HANDS).max(1);
    thread::scope(|scope| {
        let hands: Vec<_> = places
            .chunks(share)
            .map(|places| {
                scope.spawn(move || {
                    let first = places.first().copied().unwrap_or_default();
                    let theirs = credentials.iter().cycle().skip(first % credentials.len());
                    let session = |(_, credential)| log_in(address, credential);
                    let sessions = places.iter().zip(theirs).map(session);
                    sessions
                        .map(|session| session.expect("a session"))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let sessions = hands.into_iter().map(|hand| hand.join().expect("sessions"));
        sessions.flatten().collect()
    })
}

/// Connections of strangers.
pub fn strangers(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|_| TcpStream::connect(address).expect("a connection"))
        .collect()
}

/// Every connection presents its credential before any answer is read. Panics when
/// one is refused.
pub fn all_at_once(streams: &mut [TcpStream], credentials: &[Credential]) {
    for (stream, credential) in streams.iter_mut().zip(credentials) {
        stream.write_all(&credential.auth).expect("it is sent");
    }
    for stream in streams {
        let answer = line(stream).expect("an answer");
        assert_eq!(answer, b"+OK\r\n", "refused");
    }
}

/// Ends them, all at once.
pub fn scatter(streams: Vec<TcpStream>) {
    let share = streams.len().div_ceil(HANDS).max(1);
    let mut streams = streams;
    thread::scope(|scope| {
        while !streams.is_empty() {
            let rest = streams.split_off(share.min(streams.len()));
            let hand = std::mem::replace(&mut streams, rest);
            scope.spawn(move || drop(hand));
        }
    });
}

/// What became of a storm.
#[derive(Debug, Default)]
pub struct Stormed {
    /// From when each log-in was due to its answer, in microseconds.
    pub took_us: Vec<f64>,
    /// How many were refused or broke.
    pub failed: usize,
    /// The sessions.
    pub open: Vec<TcpStream>,
}

/// Logs in once with each credential, each on a new connection and each at its time,
/// all within `span`. The sessions stay open for as long as what is answered lives: that very
/// many clients leave at once is another question.
pub fn storm(address: SocketAddr, credentials: &[Credential], span: Duration) -> Stormed {
    let pace = span.div_f64(count(credentials.len().max(1)));
    let start = Instant::now() + Duration::from_millis(50);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                scope.spawn(move || {
                    let mut took = Vec::new();
                    let mut open = Vec::new();
                    let mut failed = 0;
                    for (place, credential) in
                        credentials.iter().enumerate().skip(sender).step_by(SENDERS)
                    {
                        let due = start + pace.mul_f64(count(place));
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        match log_in(address, credential) {
                            Ok(stream) => {
                                took.push(micros(due.elapsed()));
                                open.push(stream);
                            }
                            Err(_) => failed += 1,
                        }
                    }
                    (took, failed, open)
                })
            })
            .collect();
        let mut all = Stormed::default();
        for sender in senders {
            let (took, failed, open) = sender.join().expect("a sender ends");
            all.took_us.extend(took);
            all.failed += failed;
            all.open.extend(open);
        }
        all
    })
}
