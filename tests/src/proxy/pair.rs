//! One connection through the proxy: its two sockets, and what they are told to do.
//!
//! In: both sockets, orders at any time. Out: the bytes and the good-bye of each end to
//! the other.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::SockRef;

use super::{End, Shared};

const PIECE_BYTES: usize = 64 * 1024;

/// How often a writer whose reader does not read looks whether it shall end.
const WRITE_TURN: Duration = Duration::from_millis(50);

/// What all connections that were accepted by then are told to do.
#[derive(Clone, Copy)]
pub(super) enum Order {
    HalfClose(End),
    Close,
    Reset,
}

/// The two connections that are one to those outside.
pub(super) struct Pair {
    pub(super) client: Side,
    pub(super) server: Side,
    ended: AtomicBool,
}

/// One of them.
pub(super) struct Side {
    socket: TcpStream,
    /// It was told that nothing more will come.
    told_good_bye: AtomicBool,
}

impl Pair {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> io::Result<Self> {
        Ok(Self {
            client: Side::new(client)?,
            server: Side::new(server)?,
            ended: AtomicBool::new(false),
        })
    }

    pub(super) fn follow(&self, order: Order) {
        match order {
            Order::HalfClose(End::Client) => self.client.say_good_bye(),
            Order::HalfClose(End::Server) => self.server.say_good_bye(),
            Order::Close => self.close(),
            Order::Reset => self.break_off(),
        }
    }

    /// An error once the connection was ended from here.
    pub(super) fn goes_on(&self) -> io::Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.ended.store(true, Ordering::SeqCst);
        for side in [&self.client, &self.server] {
            let _already_closed = side.socket.shutdown(Shutdown::Both);
        }
    }

    /// Whoever lets go of the sockets last sends RST. Until then nothing is sent:
    /// shutting them for reading only wakes their readers.
    fn break_off(&self) {
        self.ended.store(true, Ordering::SeqCst);
        for side in [&self.client, &self.server] {
            side.linger_no_longer();
            let _already_closed = side.socket.shutdown(Shutdown::Read);
        }
    }
}

impl Side {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(WRITE_TURN))?;
        Ok(Self {
            socket,
            told_good_bye: AtomicBool::new(false),
        })
    }

    fn say_good_bye(&self) {
        self.told_good_bye.store(true, Ordering::SeqCst);
        let _already_closed = self.socket.shutdown(Shutdown::Write);
    }

    fn linger_no_longer(&self) {
        let _already_closed = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// Writes all of it, unless nobody shall have it any more.
    fn take(&self, mut bytes: &[u8], pair: &Pair) -> io::Result<()> {
        while !bytes.is_empty() && !self.told_good_bye.load(Ordering::SeqCst) {
            pair.goes_on()?;
            match (&self.socket).write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) if self.told_good_bye.load(Ordering::SeqCst) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Passes on what comes from one end, and its good-bye. A connection that breaks at one
/// end is broken off at the other.
pub(super) fn copy(shared: &Shared, pair: &Pair, from: &Side, to: &Side) {
    if pass_on(shared, pair, from, to).is_err() && pair.goes_on().is_ok() {
        pair.break_off();
        shared.tell();
    }
}

fn pass_on(shared: &Shared, pair: &Pair, from: &Side, to: &Side) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = (&from.socket).read(&mut piece)?;
        shared.hold(pair)?;
        if count == 0 {
            to.say_good_bye();
            return Ok(());
        }
        to.take(&piece[..count], pair)?;
    }
}
