//! Waiting that can be ended.
//!
//! In: a clock, and a request to stop from another thread. Out: waits for a socket that end at
//! their deadline or at that of the request, whichever comes first. Never: a wait that only the
//! peer can end.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use warden_core::clock::Clock;

/// How long a wait goes on before it looks whether it shall end.
const LOOK: Duration = Duration::from_millis(50);

/// How often a sink looks at what costs system calls: files, sockets of others.
const PACE: Duration = Duration::from_millis(250);

/// When it looked last.
#[derive(Default)]
pub(crate) struct Pace(Option<Duration>);

impl Pace {
    /// Whether it is time to look; the next time is then later.
    pub(crate) fn is_due(&mut self, stop: &Stop) -> bool {
        let now = stop.now();
        let is_due = self.0.is_none_or(|last| now.saturating_sub(last) >= PACE);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Tells a sink's thread to come to an end: made by whoever owns the thread, shared with it.
#[derive(Clone)]
pub struct Stop {
    clock: Arc<dyn Clock>,
    /// By when, on the monotonic clock in microseconds; [`NEVER`] as long as nobody asks.
    by_us: Arc<AtomicU64>,
}

const NEVER: u64 = u64::MAX;

impl Stop {
    /// Nobody asks yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            by_us: Arc::new(AtomicU64::new(NEVER)),
        }
    }

    /// Asks for the end: no wait of the sink lasts longer than this from now on. Until then it
    /// writes as before. From any thread; the first request counts.
    pub fn request(&self, within: Duration) {
        let by = self.now().saturating_add(within);
        let by_us = u64::try_from(by.as_micros()).unwrap_or(NEVER - 1);
        let (set, unless) = (Ordering::Release, Ordering::Relaxed);
        let _asked_before = self.by_us.compare_exchange(NEVER, by_us, set, unless);
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    /// What is left until `by`, or until the end that was asked for; none when that is over.
    pub(crate) fn left(&self, by: Duration) -> Option<Duration> {
        let end = Duration::from_micros(self.by_us.load(Ordering::Acquire));
        by.min(end)
            .checked_sub(self.now())
            .filter(|left| !left.is_zero())
    }

    /// Waits until the socket is ready for one of these; an error at the socket is such, too.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when `by` is over, or the end that was asked for.
    pub(crate) fn ready(&self, socket: impl AsFd, what: PollFlags, by: Duration) -> io::Result<()> {
        loop {
            let left = self.left(by).ok_or(io::ErrorKind::TimedOut)?;
            let mut fds = [PollFd::new(&socket, what)];
            let timeout = Timespec::try_from(left.min(LOOK)).map_err(io::Error::other)?;
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub(crate) fn pause(&self, time: Duration, by: Duration) -> io::Result<()> {
        let left = self.left(by).ok_or(io::ErrorKind::TimedOut)?;
        let timeout = Timespec::try_from(left.min(time)).map_err(io::Error::other)?;
        match poll(&mut [], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until there is a value; as [`Self::ready`].
    ///
    /// # Errors
    /// As [`Self::ready`]; [`io::ErrorKind::BrokenPipe`] when there will be none.
    pub(crate) fn receive<T>(
        &self,
        from: &std::sync::mpsc::Receiver<T>,
        by: Duration,
    ) -> io::Result<T> {
        use std::sync::mpsc::RecvTimeoutError;
        loop {
            let left = self.left(by).ok_or(io::ErrorKind::TimedOut)?;
            match from.recv_timeout(left.min(LOOK)) {
                Ok(value) => return Ok(value),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
    }
}
