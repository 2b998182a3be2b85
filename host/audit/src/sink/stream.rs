//! One connection, by TCP or TLS.
//!
//! In: addresses, bytes, deadlines. Out: what the system took of the bytes, and how the
//! connection ended, in words. The socket never blocks: every wait is [`Stop`]'s, so that it
//! ends when it must. What the peer sends is read and thrown away; it is how TLS keeps going,
//! and how an end is noticed that no write would show.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::outbox::SEND_BUFFER_BYTES;
use super::stop::Stop;

/// Silence after which the system asks whether the peer is still there …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// … and how long apart it asks …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// … and how often in vain before it gives up.
const KEEPALIVE_PROBES: u32 = 3;

/// Most that is read and thrown away at a time, in pieces of [`PIECE_BYTES`].
const PIECES: usize = 64;
const PIECE_BYTES: usize = 4096;

/// How often a connection that ends looks whether it is over.
const CLOSING: Duration = Duration::from_millis(1);

/// Most plaintext that goes into TLS before it is written.
const RECORDS_BYTES: usize = 32 << 10;

/// See above.
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Bytes that the system took, those of TLS itself included.
    handed_over: u64,
}

impl Stream {
    /// Connects to the first address that takes it, and proves who is there.
    ///
    /// # Errors
    /// That of the last address; of TLS, what it found wrong.
    pub(crate) fn open(
        addresses: &[SocketAddr],
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        timeout: Duration,
        stop: &Stop,
        by: Duration,
    ) -> io::Result<Self> {
        let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
        let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for &address in addresses {
            let now = stop.now();
            // One that does not answer leaves time for the others.
            let share = now.saturating_add(by.saturating_sub(now) / left.max(1));
            left = left.saturating_sub(1);
            match connect(address, timeout, stop, share) {
                Ok(socket) => {
                    let tls = tls.map(|(config, name)| ClientConnection::new(config, name));
                    let tls = tls.transpose().map_err(of_tls)?.map(Box::new);
                    let mut stream = Self {
                        socket,
                        tls,
                        handed_over: 0,
                    };
                    stream.shake_hands(stop, by)?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn shake_hands(&mut self, stop: &Stop, by: Duration) -> io::Result<()> {
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.flush().map_err(|error| self.explained(error))?;
            self.read_all().map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => io::Error::new(
                    error.kind(),
                    "it closed the connection during the TLS handshake",
                ),
                _ => error,
            })?;
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                self.wait(stop, by).map_err(|error| match error.kind() {
                    ErrorKind::TimedOut => {
                        io::Error::new(error.kind(), "the TLS handshake took too long")
                    }
                    _ => error,
                })?;
            }
        }
        Ok(())
    }

    /// Hands over what the system takes without a wait; 0 where that is nothing.
    ///
    /// # Errors
    /// When the connection is broken: why, as far as the peer said.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.send_some(bytes);
        sent.map_err(|error| self.explained(error))
    }

    fn send_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_none() {
            let taken = written(self.socket.write(bytes))?;
            self.handed_over = self.handed_over.saturating_add(taken as u64);
            return Ok(taken);
        }
        self.flush()?;
        if !self.is_flushed() {
            return Ok(0);
        }
        let Some(tls) = &mut self.tls else {
            return Ok(0);
        };
        let piece = bytes.get(..RECORDS_BYTES).unwrap_or(bytes);
        let taken = tls.writer().write(piece)?;
        self.flush()?;
        Ok(taken)
    }

    /// Bytes that the system took so far: grows as long as the peer reads.
    pub(crate) fn handed_over(&self) -> u64 {
        self.handed_over
    }

    /// Whether nothing of what was taken is still here.
    pub(crate) fn is_flushed(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => self.handed_over = self.handed_over.saturating_add(bytes as u64),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads and throws away what is there.
    ///
    /// # Errors
    /// When the connection has ended: [`ErrorKind::UnexpectedEof`] where the peer closed it in
    /// good order.
    pub(crate) fn read_all(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE_BYTES];
        for _ in 0..PIECES {
            let read = match &mut self.tls {
                None => self.socket.read(&mut piece),
                Some(tls) => match tls.read_tls(&mut self.socket) {
                    Ok(bytes @ 1..) => through_tls(tls, &mut self.socket).map(|()| bytes),
                    ended_or_failed => ended_or_failed,
                },
            };
            match read {
                Ok(0) => return Err(closed()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until it can go on in either direction.
    ///
    /// # Errors
    /// As [`Stop::ready`].
    pub(crate) fn wait(&self, stop: &Stop, by: Duration) -> io::Result<()> {
        let mut what = PollFlags::IN;
        if self.tls.as_ref().is_none_or(|tls| tls.wants_write()) {
            what |= PollFlags::OUT;
        }
        stop.ready(&self.socket, what, by)
    }

    /// Says that this is all, and waits until the peer has read it and closes, too.
    ///
    /// # Errors
    /// When it did not by then, or the connection broke: what was sent last may not have been
    /// read.
    pub(crate) fn finish(mut self, stop: &Stop, by: Duration) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        loop {
            self.flush()?;
            if self.is_flushed() {
                break;
            }
            self.wait(stop, by)?;
        }
        self.socket.shutdown(Shutdown::Write)?;
        loop {
            match self.read_all() {
                Ok(()) => stop.ready(&self.socket, PollFlags::IN, by)?,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        // A peer that closed before it read all answers what it gets after that with a reset.
        // Only when its system took the end, too, the connection is over on both sides.
        while net::getpeername(&self.socket).is_ok() {
            stop.pause(CLOSING, by)?;
        }
        Ok(sockopt::socket_error(&self.socket)??)
    }

    /// A peer that refuses says so and closes: what it said is worth more than that it closed.
    fn explained(&mut self, error: io::Error) -> io::Error {
        match self.read_all() {
            Err(said) if said.kind() == ErrorKind::InvalidData => said,
            _ => error,
        }
    }
}

fn connect(
    address: SocketAddr,
    timeout: Duration,
    stop: &Stop,
    by: Duration,
) -> io::Result<TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_PROBES)?;
    // A peer whose system no longer answers is noticed between two writes, too.
    let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&socket, timeout_ms)?;
    match net::connect(&socket, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            stop.ready(&socket, PollFlags::OUT, by)
                .map_err(|error| match error.kind() {
                    ErrorKind::TimedOut => io::Error::new(error.kind(), "connecting took too long"),
                    _ => error,
                })?;
            sockopt::socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(TcpStream::from(socket))
}

/// Decrypts what arrived and throws it away.
fn through_tls(tls: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<()> {
    if let Err(error) = tls.process_new_packets() {
        // Tells the peer, if it still listens, what is wrong with it.
        let _told = tls.write_tls(socket);
        return Err(of_tls(error));
    }
    let mut piece = [0; PIECE_BYTES];
    loop {
        match tls.reader().read(&mut piece) {
            Ok(0) => return Err(closed()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        other => other,
    }
}

fn of_tls(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("TLS: {error}"))
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection")
}
