//! A connection that comes back.
//!
//! In: messages. Out: all of them, whole and in order, to a collector that acknowledges nothing;
//! after a disconnect again from the first that it may not have read, so that nothing is lost
//! and some may arrive twice. What exactly holds is in docs/audit/sinks.md. Never: part of a
//! message that another follows on the same connection; a wait beyond `timeout_ms`.

use std::io::{self, ErrorKind};
use std::time::Duration;

use warden_settings::quoted;

use super::lookup::Lookup;
use super::outbox::{KEPT_BYTES, Outbox};
use super::reconnect::{Again, Reconnect, chance};
use super::stop::{Pace, Stop};
use super::stream::Stream;
use super::trust::Trust;
use super::{Head, Refused, UNCERTAIN, Untaken, each, fits, uncertain};
use crate::settings::TcpSettings;

/// Messages that gather before they are sent.
const GATHERED_BYTES: usize = 64 << 10;

/// How a message is made of a line: appended to the bytes. The line is without its end.
pub(crate) type Frame<'a> = dyn FnMut(&mut Vec<u8>, &[u8], &Head) + 'a;

/// See above.
pub(crate) struct Link {
    place: String,
    timeout: Duration,
    lookup: Lookup,
    trust: Option<Trust>,
    stop: Stop,
    reconnect: Reconnect,
    outbox: Outbox,
    stream: Option<Stream>,
    /// Whether files of TLS changed since it was made: it is to end as soon as it has taken
    /// what there is.
    is_outdated: bool,
    /// Since when the peer takes nothing although there is something.
    stalled_since: Option<Duration>,
    /// Whether the sink ends: what does not arrive now never will.
    is_closing: bool,
    /// Why there is no connection …
    fault: String,
    /// … and what becomes of the messages that it had.
    outlook: String,
    /// What is wrong although there is one.
    trouble: Option<String>,
    pace: Pace,
}

impl Link {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub(crate) fn new(settings: &TcpSettings, stop: Stop) -> io::Result<Self> {
        let place = format!("{}, port {}", quoted(&settings.host), settings.port);
        let trust = settings.tls.then(|| Trust::new(settings)).transpose();
        Ok(Self {
            timeout: settings.retry.timeout,
            lookup: Lookup::new(&settings.host, settings.port),
            trust: trust.map_err(|error| at(&place, error))?,
            stop,
            reconnect: Reconnect::new(settings.retry, Box::new(chance)),
            outbox: Outbox::new(KEPT_BYTES),
            stream: None,
            is_outdated: false,
            stalled_since: None,
            is_closing: false,
            fault: String::new(),
            outlook: String::new(),
            trouble: None,
            pace: Pace::default(),
            place,
        })
    }

    /// As [`Sink::adjust`](super::Sink::adjust).
    pub(crate) fn adjust(&mut self, settings: &TcpSettings) -> io::Result<()> {
        if let Some(trust) = &mut self.trust {
            self.is_outdated |= trust.adjust(settings);
        }
        self.timeout = settings.retry.timeout;
        self.reconnect.adjust(settings.retry);
        self.try_now();
        Ok(())
    }

    /// As [`Sink::write`](super::Sink::write).
    pub(crate) fn write(
        &mut self,
        lines: &[u8],
        heads: &[Head],
        frame: &mut Frame<'_>,
    ) -> Result<(), Refused> {
        fits(lines, heads)?;
        let by = self.deadline();
        let mut taken = 0;
        let refused = |taken, why| Refused { taken, why };
        self.pump(by).map_err(|why| refused(0, why))?;
        for (line, head) in each(lines, heads) {
            let counts = Untaken::of(head);
            self.outbox.add(counts, |bytes| frame(bytes, line, head));
            taken += head.bytes;
            if self.outbox.unsent().len() >= GATHERED_BYTES {
                self.pump(by).map_err(|why| refused(taken, why))?;
            }
        }
        self.pump(by).map_err(|why| refused(taken, why))
    }

    /// As [`Sink::tend`](super::Sink::tend).
    pub(crate) fn tend(&mut self) -> io::Result<()> {
        let by = self.deadline();
        self.look_around();
        if self.is_outdated && self.stream.is_some() {
            self.pump(by)?;
            if let Some(stream) = self.stream.take() {
                let ended = self.end(stream, by);
                // It was not the collector that failed.
                self.reconnect.renewed();
                ended?;
            }
        }
        self.pump(by)
    }

    /// As [`Sink::trouble`](super::Sink::trouble).
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Looks whether files of TLS changed, and for the better.
    fn look_around(&mut self) {
        let Some(trust) = self.trust.as_mut().filter(|_| self.pace.is_due(&self.stop)) else {
            return;
        };
        self.is_outdated |= trust.look();
        self.trouble = trust
            .fault()
            .map(|fault| format!("{}: {fault}", self.place));
    }

    /// Sends all there is.
    ///
    /// # Errors
    /// When the system did not take it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.pump(self.deadline())
    }

    /// As [`Sink::again`](super::Sink::again).
    pub(crate) fn again(&self) -> Again {
        match self.stream {
            Some(_) => Again::After(Duration::ZERO),
            None => self.reconnect.again(self.stop.now()),
        }
    }

    /// As [`Sink::try_now`](super::Sink::try_now).
    pub(crate) fn try_now(&mut self) {
        if self.stream.is_none() {
            self.reconnect.hurry();
        }
    }

    /// As [`Sink::close`](super::Sink::close).
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let by = self.deadline();
        self.is_closing = true;
        self.outlook.clear();
        self.try_now();
        let mut ended = self.close_now(by);
        // A connection may have been lost unnoticed before.
        if ended.is_err() && self.again() != Again::Never && self.stop.left(by).is_some() {
            self.try_now();
            ended = self.close_now(by);
        }
        ended.map_err(|error| uncertain(error, self.outbox.messages()))
    }

    /// As [`Sink::untaken`](super::Sink::untaken).
    pub(crate) fn untaken(&self) -> Untaken {
        self.outbox.untaken()
    }

    fn close_now(&mut self, by: Duration) -> io::Result<()> {
        if self.stream.is_none() && self.outbox.unsent().is_empty() {
            return Ok(());
        }
        self.pump(by)?;
        match self.stream.take() {
            Some(stream) => self.end(stream, by),
            None => Ok(()),
        }
    }

    fn deadline(&self) -> Duration {
        self.stop.now().saturating_add(self.timeout)
    }

    /// Ends a connection in good order: what was sent is known to be read.
    fn end(&mut self, stream: Stream, by: Duration) -> io::Result<()> {
        let ended = match self.outbox.unsent() {
            [] => stream.finish(&self.stop, by),
            _ => Err(io::Error::other("not everything was sent")),
        };
        match ended {
            Ok(()) => {
                self.outbox.clear();
                Ok(())
            }
            Err(error) => Err(self.lost(match error.kind() {
                ErrorKind::TimedOut => {
                    io::Error::new(error.kind(), "it did not confirm the end in time")
                }
                _ => error,
            })),
        }
    }

    /// Connects if need be and sends what there is.
    fn pump(&mut self, by: Duration) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connected(by)?,
        };
        let pumped = self.send_all(&mut stream, by);
        match pumped {
            Ok(()) => self.stalled_since = None,
            Err(Pause::Slow) => {
                self.stream = Some(stream);
                let why = "it takes records more slowly than they come";
                return Err(at(&self.place, io::Error::new(ErrorKind::WouldBlock, why)));
            }
            Err(Pause::Broken(error)) => return Err(self.lost(error)),
        }
        self.stream = Some(stream);
        Ok(())
    }

    fn send_all(&mut self, stream: &mut Stream, by: Duration) -> Result<(), Pause> {
        loop {
            stream.read_all().map_err(Pause::Broken)?;
            let before = stream.handed_over();
            let unsent = self.outbox.unsent();
            let sent = stream.send(unsent).map_err(Pause::Broken)?;
            self.outbox.took(sent);
            if stream.handed_over() > before {
                self.stalled_since = None;
                // A peer that takes little by little must not keep us.
                if self.stop.left(by).is_none() && !self.outbox.unsent().is_empty() {
                    return Err(Pause::Slow);
                }
                continue;
            }
            if self.outbox.unsent().is_empty() && stream.is_flushed() {
                return Ok(());
            }
            let now = self.stop.now();
            let since = *self.stalled_since.get_or_insert(now);
            let end = by.min(since.saturating_add(self.timeout));
            match stream.wait(&self.stop, end) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    let stalled = self.stop.now().saturating_sub(since) >= self.timeout;
                    return Err(if stalled {
                        let why = format!("it took nothing for {} ms", self.timeout.as_millis());
                        Pause::Broken(io::Error::new(error.kind(), why))
                    } else {
                        Pause::Slow
                    });
                }
                Err(error) => return Err(Pause::Broken(error)),
            }
        }
    }

    fn connected(&mut self, by: Duration) -> io::Result<Stream> {
        match self.reconnect.again(self.stop.now()) {
            Again::After(Duration::ZERO) => {}
            Again::After(_) => return Err(self.away("")),
            Again::Never => {
                return Err(self.away(" (no more tries until its file is touched, or a reload)"));
            }
        }
        match self.connect(by) {
            Ok(stream) => {
                self.reconnect.connected(self.stop.now());
                self.is_outdated = false;
                self.stalled_since = None;
                Ok(stream)
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn connect(&mut self, by: Duration) -> io::Result<Stream> {
        let tls = match &mut self.trust {
            Some(trust) => Some((trust.config()?, trust.name().clone())),
            None => None,
        };
        let addresses = self.lookup.addresses(&self.stop, by)?;
        Stream::open(&addresses, tls, self.timeout, &self.stop, by)
    }

    fn lost(&mut self, error: io::Error) -> io::Error {
        let begun = self.outbox.again();
        self.reconnect.failed(self.stop.now());
        self.stalled_since = None;
        let all = self.outbox.messages();
        let is_last = self.reconnect.again(self.stop.now()) == Again::Never;
        self.fault = error.to_string();
        self.outlook = match (is_last, all, begun) {
            // The end says it.
            _ if self.is_closing => String::new(),
            (true, 0, _) | (false, _, 0) => String::new(),
            (true, ..) => format!("; {all} {UNCERTAIN}"),
            (false, ..) => format!("; {begun} records will be sent again"),
        };
        let why = format!("{}{}", self.fault, self.outlook);
        at(&self.place, io::Error::new(error.kind(), why))
    }

    fn away(&self, more: &str) -> io::Error {
        let why = format!("{}{}{more}", self.fault, self.outlook);
        at(&self.place, io::Error::new(ErrorKind::NotConnected, why))
    }
}

/// Why not everything was sent.
enum Pause {
    /// Something was, and there is no more time.
    Slow,
    /// The connection is of no use any more.
    Broken(io::Error),
}

fn at(place: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{place}: {error}"))
}
