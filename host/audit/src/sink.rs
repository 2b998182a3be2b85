//! Where lines go.

pub(crate) mod file;

use std::io;

use crate::settings::{Destination, SinkSettings};

/// A destination of lines, used by one thread.
pub trait Sink: Send {
    /// Takes whole lines, each with its end.
    ///
    /// # Errors
    /// When it did not take everything: [`Refused`] says how many bytes it took, which always
    /// end with a line. The rest is offered again later.
    fn write(&mut self, lines: &[u8]) -> Result<(), Refused>;

    /// Makes what was taken last: what `fsync` asks for, the end of a message.
    ///
    /// # Errors
    /// When that is not known to have happened.
    fn flush(&mut self) -> io::Result<()>;

    /// Opens the destination anew, where that means something.
    ///
    /// # Errors
    /// What to do about it; the next [`Sink::write`] tries again.
    fn reopen(&mut self) -> Result<(), String> {
        Ok(())
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

/// What a destination already holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Sequence number of the last record; 0 when there is none.
    pub sequence: u64,
    /// The chain's value there.
    pub chain: [u8; 32],
    /// Bytes of an unfinished line that were taken off.
    pub cut_bytes: u64,
}

/// Opens the destination of a sink.
///
/// # Errors
/// What is wrong and what to do.
pub(crate) fn open(settings: &SinkSettings) -> Result<(Box<dyn Sink>, Resumed), String> {
    match &settings.destination {
        Destination::File(file) => {
            let (sink, resumed) = file::FileSink::open(file)?;
            Ok((Box::new(sink), resumed))
        }
        // The branch `network` has them.
        Destination::Syslog(_) | Destination::Tcp(_) => Err("not merged yet".to_owned()),
    }
}
