//! Where lines go.
//!
//! In: lines, and of each what its receiver may want to know apart from its text. Out: the same
//! lines at their destination, whole and in order; how much of them it took; when to offer the
//! rest again; what it took in vain. Never: part of a line that stays, a wait that another thread cannot end.

use std::io;
use std::iter::Sum;
use std::time::Duration;

use crate::event::{Attempt, Category, Event};
use crate::format::Numbered;
use crate::settings::{Destination, SinkSettings};

pub(crate) mod file;
mod link;
mod lookup;
mod outbox;
mod reconnect;
mod stop;
mod stream;
mod syslog;
mod tcp;
mod trust;

pub use reconnect::Again;
pub use stop::Stop;
pub use syslog::{Facility, SyslogSink};
pub use tcp::TcpSink;

/// A destination of lines, used by one thread.
///
/// One whose receiver can be away connects by itself, when it is time, in any of
/// [`Self::write`], [`Self::tend`] and [`Self::flush`].
pub trait Sink: Send {
    /// Takes whole lines, each with its end, and a head for each. All of them or, after an
    /// error, only whole ones: [`Refused`] says how many bytes it took, which always end with a
    /// line.
    ///
    /// # Errors
    /// When it did not take everything, or cannot go on although it did. The rest is offered
    /// again when [`Self::again`] says.
    fn write(&mut self, lines: &[u8], heads: &[Head]) -> Result<(), Refused>;

    /// Makes what was taken last: what `fsync` asks for, the end of a message.
    ///
    /// # Errors
    /// When that is not known to have happened.
    fn flush(&mut self) -> io::Result<()>;

    /// Opens anew what has a name, as a command asks for; nothing else needs to.
    ///
    /// # Errors
    /// When it cannot be opened; it is tried again with the next lines.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Goes on with other settings of the same place, and with all that it was given.
    ///
    /// # Errors
    /// When they are of no use; it goes on as before.
    fn adjust(&mut self, settings: &SinkSettings) -> io::Result<()>;

    /// What does not work although lines are written; one line.
    fn trouble(&self) -> Option<&str> {
        None
    }

    /// Looks after itself, at least once a second while there is nothing to write: notices that
    /// the receiver is gone, tries again when it is time, sends again what may not have arrived.
    ///
    /// # Errors
    /// Why it cannot write now, or what else is wrong.
    fn tend(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// When to offer the rest again after an error.
    fn again(&self) -> Again {
        Again::After(Duration::from_secs(1))
    }

    /// The end comes, and with it the last try: it does not wait for when it is time. One that
    /// was given up stays so.
    fn try_now(&mut self) {}

    /// The end. Nothing is offered afterwards.
    ///
    /// # Errors
    /// When what was taken is not known to have arrived.
    fn close(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// What it took and never handed to its receiver: when the sink goes, that is lost.
    fn untaken(&self) -> Untaken {
        Untaken::default()
    }
}

/// What a sink says to settings of another kind of destination.
fn another_kind() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "is another kind of destination",
    )
}

/// Opens the destination of a sink; one that connects does so later.
///
/// # Errors
/// What is wrong and what to do.
pub(crate) fn open(
    settings: &SinkSettings,
    stop: &Stop,
) -> Result<(Box<dyn Sink>, file::Resumed), String> {
    let anew = |sink: Box<dyn Sink>| (sink, file::Resumed::default());
    match &settings.destination {
        Destination::File(file) => {
            let opened = file::FileSink::open(file, settings.format, settings.chain);
            let (sink, resumed) = opened.map_err(|error| error.to_string())?;
            Ok((Box::new(sink), resumed))
        }
        Destination::Syslog(syslog) => {
            let sink = SyslogSink::new(syslog, stop.clone()).map_err(|error| error.to_string())?;
            Ok(anew(Box::new(sink)))
        }
        Destination::Tcp(tcp) => {
            let sink = TcpSink::new(tcp, stop.clone()).map_err(|error| error.to_string())?;
            Ok(anew(Box::new(sink)))
        }
    }
}

/// A destination did not take everything.
#[derive(Debug)]
pub struct Refused {
    /// Bytes that it took: whole lines.
    pub taken: usize,
    /// Why not more.
    pub why: io::Error,
}

/// What a sink took and its receiver never got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untaken {
    /// Records; what a sink says about itself is nobody's loss.
    pub records: u64,
    /// Losses of before that those were to tell of.
    pub untold: u64,
}

impl Untaken {
    /// One line.
    fn of(head: &Head) -> Self {
        Self {
            records: u64::from(head.category != Category::Audit),
            untold: head.lost,
        }
    }
}

impl Sum for Untaken {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            records: sum.records.saturating_add(one.records),
            untold: sum.untold.saturating_add(one.untold),
        })
    }
}

/// What a receiver may want to know of a line apart from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length of the line with its end.
    pub bytes: usize,
    /// The record's number.
    pub sequence: u64,
    /// When: microseconds since 1970-01-01T00:00:00Z.
    pub at_us: u64,
    /// What it is about.
    pub category: Category,
    /// Whether something was refused, failed or was lost.
    pub is_failure: bool,
    /// How many lost records it tells of.
    pub lost: u64,
}

impl Head {
    /// Of a record whose line, with its end, has so many bytes.
    pub fn of(numbered: &Numbered<'_, '_>, bytes: usize) -> Self {
        Self {
            bytes,
            sequence: numbered.sequence,
            at_us: numbered.record.at_us,
            category: numbered.record.event.category(),
            is_failure: is_failure(&numbered.record.event),
            lost: match &numbered.record.event {
                Event::Loss(loss) => loss.records,
                _ => 0,
            },
        }
    }
}

fn is_failure(event: &Event<'_>) -> bool {
    match event {
        Event::Authentication(authentication) => authentication.attempt == Attempt::Failure,
        Event::Command(command) => command.result.is_failure(),
        Event::Reload(reload) => !reload.errors.is_empty(),
        Event::Loss(_) => true,
        Event::Opened
        | Event::Closed
        | Event::SessionEnd(_)
        | Event::Setting(_)
        | Event::AclUser(_)
        | Event::Start(_)
        | Event::Stop
        | Event::Checkpoint(_) => false,
    }
}

/// Whether there is a head for each line.
///
/// # Errors
/// Where not: nothing is taken, so that nothing is lost unseen.
fn fits(lines: &[u8], heads: &[Head]) -> Result<(), Refused> {
    let all = heads.iter().map(|head| head.bytes);
    if all.fold(0, usize::saturating_add) == lines.len() {
        return Ok(());
    }
    let why = "lines and their heads do not belong together";
    Err(Refused {
        taken: 0,
        why: io::Error::new(io::ErrorKind::InvalidInput, why),
    })
}

/// The lines, each without its end, with their heads.
fn each<'a>(lines: &'a [u8], heads: &'a [Head]) -> impl Iterator<Item = (&'a [u8], &'a Head)> {
    let mut rest = lines;
    heads.iter().map_while(move |head| {
        let (line, after) = rest.split_at_checked(head.bytes)?;
        rest = after;
        Some((line.strip_suffix(b"\n").unwrap_or(line), head))
    })
}

/// Said of a number of records.
const UNCERTAIN: &str = "records may not have arrived";

/// Why a sink did not end well, and of how many records nobody knows more.
fn uncertain(error: io::Error, records: usize) -> io::Error {
    match records {
        0 => error,
        _ => io::Error::new(error.kind(), format!("{error}; {records} {UNCERTAIN}")),
    }
}
