//! To the daemon of this machine, by datagrams.
//!
//! In: lines. Out: datagrams that the daemon takes whole, and again, once it is back, those that
//! it had not read when it went. Never: a datagram so long that the daemon, or the socket,
//! would cut or refuse it; a wait beyond `timeout_ms`.
//!
//! A datagram is charged to our buffer until the daemon reads it, so that what it did not read
//! is at most the size of that buffer. So much is kept.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::sockopt;
use warden_settings::quoted;

use super::message::Writer;
use crate::settings::RetrySettings;
use crate::sink::reconnect::{Again, Reconnect, chance};
use crate::sink::stop::{Pace, Stop};
use crate::sink::{Head, Refused, Untaken, each, fits, uncertain};

/// Longest datagram: what rsyslog takes unless it is told otherwise (`maxMessageSize`), and
/// cuts what is longer without a word.
const MESSAGE_BYTES: usize = 8 << 10;

/// Size asked for of our buffer; Linux doubles it, and gives no more than `wmem_max`.
const SEND_BUFFER_BYTES: usize = 128 << 10;

/// What the system needs of the buffer beside one datagram.
const OVERHEAD_BYTES: usize = 64;

/// See above.
pub(crate) struct Local {
    path: PathBuf,
    timeout: Duration,
    stop: Stop,
    reconnect: Reconnect,
    socket: Option<Socket>,
    /// Datagrams: first those that were sent and may be lost with the daemon, then those that
    /// were not sent.
    kept: VecDeque<Datagram>,
    /// How many of them were sent …
    sent: usize,
    /// … and how many bytes these have.
    sent_bytes: usize,
    /// How many of them were ever sent, if only to a daemon that is gone.
    ever_sent: usize,
    fault: String,
    pace: Pace,
}

struct Datagram {
    bytes: Vec<u8>,
    /// What its record counts; none where more of that follows.
    ends: Option<Untaken>,
}

struct Socket {
    datagrams: UnixDatagram,
    buffer_bytes: usize,
    /// Device and inode of the path when it was connected.
    place: (u64, u64),
}

impl Local {
    pub(crate) fn new(path: &Path, retry: RetrySettings, stop: Stop) -> Self {
        Self {
            path: path.to_owned(),
            timeout: retry.timeout,
            stop,
            reconnect: Reconnect::new(retry, Box::new(chance)),
            socket: None,
            kept: VecDeque::new(),
            sent: 0,
            sent_bytes: 0,
            ever_sent: 0,
            fault: String::new(),
            pace: Pace::default(),
        }
    }

    /// As [`Sink::adjust`](crate::sink::Sink::adjust).
    pub(crate) fn adjust(&mut self, retry: RetrySettings) {
        self.timeout = retry.timeout;
        self.reconnect.adjust(retry);
        self.try_now();
    }

    /// As [`Sink::write`](crate::sink::Sink::write).
    pub(crate) fn write(
        &mut self,
        lines: &[u8],
        heads: &[Head],
        writer: &Writer,
    ) -> Result<(), Refused> {
        fits(lines, heads)?;
        let by = self.deadline();
        let mut taken = 0;
        let refused = |taken, why| Refused { taken, why };
        self.pump(by).map_err(|why| refused(0, why))?;
        for (line, head) in each(lines, heads) {
            let room = self.socket.as_ref().map_or(MESSAGE_BYTES, Socket::room);
            let parts = writer.local(line, head, room);
            let datagram = |bytes| Datagram { bytes, ends: None };
            self.kept.extend(parts.into_iter().map(datagram));
            if let Some(last) = self.kept.back_mut() {
                last.ends = Some(Untaken::of(head));
            }
            taken += head.bytes;
            self.pump(by).map_err(|why| refused(taken, why))?;
        }
        Ok(())
    }

    /// As [`Sink::flush`](crate::sink::Sink::flush).
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.pump(self.deadline())
    }

    /// As [`Sink::tend`](crate::sink::Sink::tend).
    pub(crate) fn tend(&mut self) -> io::Result<()> {
        // Nothing but sending tells that nobody reads any more; so somebody else asks.
        if let Some(socket) = &self.socket
            && self.pace.is_due(&self.stop)
        {
            match Socket::open(&self.path) {
                Ok(other) if other.place == socket.place => {}
                Ok(_) => self.lost(&io::Error::other("was made anew")),
                Err(error) => self.lost(&error),
            }
        }
        self.flush()
    }

    /// As [`Sink::again`](crate::sink::Sink::again).
    pub(crate) fn again(&self) -> Again {
        match self.socket {
            Some(_) => Again::After(Duration::ZERO),
            None => self.reconnect.again(self.stop.now()),
        }
    }

    /// As [`Sink::try_now`](crate::sink::Sink::try_now).
    pub(crate) fn try_now(&mut self) {
        if self.socket.is_none() {
            self.reconnect.hurry();
        }
    }

    /// As [`Sink::close`](crate::sink::Sink::close).
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if self.socket.is_none() && self.kept.is_empty() {
            return Ok(());
        }
        self.try_now();
        let mut ended = self.flush();
        // A daemon may have gone unnoticed before.
        if ended.is_err() && self.socket.is_none() {
            self.try_now();
            ended = self.flush();
        }
        ended.map_err(|error| uncertain(error, self.records(0).count()))
    }

    /// As [`Sink::untaken`](crate::sink::Sink::untaken).
    pub(crate) fn untaken(&self) -> Untaken {
        self.records(self.ever_sent).sum()
    }

    /// Records that end with one of the datagrams kept, from this one on.
    fn records(&self, from: usize) -> impl Iterator<Item = Untaken> {
        self.kept.iter().skip(from).filter_map(|one| one.ends)
    }

    fn deadline(&self) -> Duration {
        self.stop.now().saturating_add(self.timeout)
    }

    /// Connects if need be and sends what there is.
    fn pump(&mut self, by: Duration) -> io::Result<()> {
        loop {
            self.connect()?;
            match self.send_all(by) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    let why = "the daemon takes nothing";
                    return Err(self.at(&io::Error::new(error.kind(), why)));
                }
                Err(error) => {
                    let took_some = self.sent > 0;
                    self.lost(&error);
                    if !took_some || self.stop.left(by).is_none() {
                        return Err(self.at(&error));
                    }
                    // One that was started again is there already.
                    self.reconnect.hurry();
                }
            }
        }
    }

    fn send_all(&mut self, by: Duration) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        while let Some(Datagram { bytes, .. }) = self.kept.get(self.sent) {
            match socket.datagrams.send(bytes) {
                Ok(_) => {
                    self.sent_bytes = self.sent_bytes.saturating_add(bytes.len());
                    self.sent += 1;
                    self.ever_sent = self.ever_sent.max(self.sent);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stop.ready(&socket.datagrams, PollFlags::OUT, by)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // More than the buffer holds was sent after the first: it was read.
            while let Some(first) = self.kept.front()
                && self.sent > 0
                && self.sent_bytes.saturating_sub(first.bytes.len()) >= socket.buffer_bytes
            {
                self.sent_bytes = self.sent_bytes.saturating_sub(first.bytes.len());
                self.sent -= 1;
                self.ever_sent -= 1;
                self.kept.pop_front();
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<()> {
        if self.socket.is_some() {
            return Ok(());
        }
        let more = match self.reconnect.again(self.stop.now()) {
            Again::After(Duration::ZERO) => {
                return match Socket::open(&self.path) {
                    Ok(socket) => {
                        self.socket = Some(socket);
                        self.reconnect.connected(self.stop.now());
                        Ok(())
                    }
                    Err(error) => {
                        self.lost(&error);
                        Err(self.at(&error))
                    }
                };
            }
            Again::After(_) => "",
            Again::Never => " (no more tries until its file is touched, or a reload)",
        };
        let why = format!("{}{more}", self.fault);
        Err(self.at(&io::Error::new(ErrorKind::NotConnected, why)))
    }

    fn lost(&mut self, error: &io::Error) {
        self.socket = None;
        self.sent = 0;
        self.sent_bytes = 0;
        self.fault = error.to_string();
        self.reconnect.failed(self.stop.now());
    }

    fn at(&self, error: &io::Error) -> io::Error {
        let path = quoted(&self.path.to_string_lossy());
        io::Error::new(error.kind(), format!("{path}: {error}"))
    }
}

impl Socket {
    fn open(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        let datagrams = UnixDatagram::unbound()?;
        datagrams.set_nonblocking(true)?;
        sockopt::set_socket_send_buffer_size(&datagrams, SEND_BUFFER_BYTES)?;
        let buffer_bytes = sockopt::socket_send_buffer_size(&datagrams)?;
        datagrams.connect(path)?;
        Ok(Self {
            datagrams,
            buffer_bytes,
            place: (file.dev(), file.ino()),
        })
    }

    /// Longest datagram.
    fn room(&self) -> usize {
        MESSAGE_BYTES.min(self.buffer_bytes.saturating_sub(OVERHEAD_BYTES))
    }
}
