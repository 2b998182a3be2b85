//! Syslog: to the daemon of this machine, or over the network.
//!
//! In: lines. Out: for each a message (or, to the daemon of this machine, several when it is
//! long) with facility, severity and category. Never: a line that is cut, or lost unseen.

use std::io;

use super::link::Link;
use super::reconnect::Again;
use super::stop::Stop;
use super::{Head, Refused, Sink, Untaken, another_kind};
use crate::settings::{Destination, SinkSettings, SyslogReceiver, SyslogSettings};

mod facility;
mod local;
mod message;

pub use facility::Facility;
use local::Local;
use message::Writer;

/// `type = "syslog"`.
pub struct SyslogSink {
    writer: Writer,
    way: Way,
}

enum Way {
    Local(Box<Local>),
    Remote(Box<Link>),
}

impl SyslogSink {
    /// Connects to nobody yet; the first [`Sink::tend`] or [`Sink::write`] does.
    ///
    /// # Errors
    /// When `host` with `tls` is no name that a certificate can be for.
    pub fn new(settings: &SyslogSettings, stop: Stop) -> io::Result<Self> {
        let way = match &settings.receiver {
            SyslogReceiver::Local { socket, retry } => {
                Way::Local(Box::new(Local::new(socket, *retry, stop)))
            }
            SyslogReceiver::Remote(tcp) => Way::Remote(Box::new(Link::new(tcp, stop)?)),
        };
        let writer = Writer::new(settings.facility);
        Ok(Self { writer, way })
    }
}

impl Sink for SyslogSink {
    fn write(&mut self, lines: &[u8], heads: &[Head]) -> Result<(), Refused> {
        let writer = &mut self.writer;
        match &mut self.way {
            Way::Local(local) => local.write(lines, heads, writer),
            Way::Remote(link) => {
                let frame = &mut |bytes: &mut Vec<u8>, line: &[u8], head: &Head| {
                    writer.counted(bytes, line, head);
                };
                link.write(lines, heads, frame)
            }
        }
    }

    fn adjust(&mut self, settings: &SinkSettings) -> io::Result<()> {
        let Destination::Syslog(settings) = &settings.destination else {
            return Err(another_kind());
        };
        match (&mut self.way, &settings.receiver) {
            (Way::Local(local), SyslogReceiver::Local { retry, .. }) => local.adjust(*retry),
            (Way::Remote(link), SyslogReceiver::Remote(tcp)) => link.adjust(tcp)?,
            _ => return Err(another_kind()),
        }
        self.writer = Writer::new(settings.facility);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Local(local) => local.flush(),
            Way::Remote(link) => link.flush(),
        }
    }

    fn tend(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Local(local) => local.tend(),
            Way::Remote(link) => link.tend(),
        }
    }

    fn trouble(&self) -> Option<&str> {
        match &self.way {
            Way::Local(_) => None,
            Way::Remote(link) => link.trouble(),
        }
    }

    fn again(&self) -> Again {
        match &self.way {
            Way::Local(local) => local.again(),
            Way::Remote(link) => link.again(),
        }
    }

    fn try_now(&mut self) {
        match &mut self.way {
            Way::Local(local) => local.try_now(),
            Way::Remote(link) => link.try_now(),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Local(local) => local.close(),
            Way::Remote(link) => link.close(),
        }
    }

    fn untaken(&self) -> Untaken {
        match &self.way {
            Way::Local(local) => local.untaken(),
            Way::Remote(link) => link.untaken(),
        }
    }
}
