//! Where lines go.

pub(crate) mod file;

use std::io;

/// A destination of lines, used by one thread.
pub trait Sink: Send {
    /// Takes whole lines, each with its end. All of them or, after an error, only whole ones:
    /// [`Refused`] says how many bytes it took, which always end with a line.
    ///
    /// # Errors
    /// When it did not take everything. The rest is offered again later.
    fn write(&mut self, lines: &[u8]) -> Result<(), Refused>;

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

    /// What does not work although lines are written; one line.
    fn trouble(&self) -> Option<&str> {
        None
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
