//! Lines to a collector, by TCP or TLS.
//!
//! In: lines. Out: the same bytes over a connection that comes back by itself. Never: a line
//! that another follows before it was whole.

use std::io;

use super::link::Link;
use super::reconnect::Again;
use super::stop::Stop;
use super::{Head, Refused, Sink, Untaken, another_kind};
use crate::settings::{Destination, SinkSettings, TcpSettings};

/// `type = "tcp"`.
pub struct TcpSink(Link);

impl TcpSink {
    /// Connects to nobody yet; the first [`Sink::tend`] or [`Sink::write`] does.
    ///
    /// # Errors
    /// When `host` with `tls` is no name that a certificate can be for.
    pub fn new(settings: &TcpSettings, stop: Stop) -> io::Result<Self> {
        Link::new(settings, stop).map(Self)
    }
}

impl Sink for TcpSink {
    fn write(&mut self, lines: &[u8], heads: &[Head]) -> Result<(), Refused> {
        let frame = &mut |bytes: &mut Vec<u8>, line: &[u8], _: &Head| {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        };
        self.0.write(lines, heads, frame)
    }

    fn adjust(&mut self, settings: &SinkSettings) -> io::Result<()> {
        match &settings.destination {
            Destination::Tcp(settings) => self.0.adjust(settings),
            _ => Err(another_kind()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn tend(&mut self) -> io::Result<()> {
        self.0.tend()
    }

    fn trouble(&self) -> Option<&str> {
        self.0.trouble()
    }

    fn again(&self) -> Again {
        self.0.again()
    }

    fn try_now(&mut self) {
        self.0.try_now();
    }

    fn close(&mut self) -> io::Result<()> {
        self.0.close()
    }

    fn untaken(&self) -> Untaken {
        self.0.untaken()
    }
}
